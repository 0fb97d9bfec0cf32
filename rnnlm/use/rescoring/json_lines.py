"""N-best lists as JSON Lines: `{"id": …, "text": …, "scores": {name: natural logarithm, …}}`, other keys kept."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.errors import InputError
from rnnlm.use.rescoring.form import ListForm
from rnnlm.use.rescoring.lists import Hypothesis
from rnnlm.use.rescoring.rescorer import Rescored


class JsonLists(ListForm):
    """One object per hypothesis; `log_probability`, `total` and `place` are added to it."""

    def __init__(self, reading: Decoding) -> None:
        self._reading = reading

    def read(self, file: str, lines: Iterable[str]) -> Iterator[Hypothesis]:
        """InputError for a line that is not such an object."""
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{file}, line {number:,}"
                # Half of a surrogate pair, which JSON can encode and UTF-8 cannot, is refused or replaced.
                whole = self._reading.line(json.dumps(_object(line, where), ensure_ascii=False), where)
                id_, text, scores = _fields(json.loads(whole), where)
                yield Hypothesis(file, number, whole, id_, id_, self._reading.line(text, where), scores)

    def hypothesis(self, rescored: Rescored, index: int) -> str:
        """The object with ln p, the sum of all weighted scores, and its position in the new order, from 1."""
        value = json.loads(rescored.hypotheses[index].line)
        found = {
            "log_probability": rescored.log_p[index],
            "total": rescored.totals[index],
            "place": rescored.order.index(index) + 1,
        }
        return json.dumps(value | found, ensure_ascii=False) + "\n"

    def score(self, rescored: Rescored, index: int) -> str:
        """The same object."""
        return self.hypothesis(rescored, index)

    def best(self, rescored: Rescored) -> str:
        """The object of the best hypothesis."""
        return self.hypothesis(rescored, rescored.order[0])


def _object(line: str, where: str) -> dict[str, Any]:
    """A line's object; InputError for anything else."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError(f"{where} is not a JSON object", 'write {"id": …, "text": …, "scores": {…}}')
    return value


def _fields(value: dict[str, Any], where: str) -> tuple[str, str, dict[str, float]]:
    """Id, text and scores of an object."""
    id_, text, scores = value.get("id"), value.get("text"), value.get("scores", {})
    id_ = str(id_) if type(id_) is int else id_
    if not isinstance(id_, str) or not isinstance(text, str):
        raise InputError(f"{where} lacks an 'id' or a 'text'", 'write {"id": …, "text": …, "scores": {…}}')
    if "\n" in text:
        raise InputError(f"{where}: the text has a line end in it", "a hypothesis is one line")
    if not isinstance(scores, dict) or not all(map(_finite, scores.values())):
        raise InputError(f"{where}: 'scores' is not an object of numbers", "write natural logarithms by name")
    return id_, text, {name: float(each) for name, each in scores.items()}


def _finite(value: Any) -> bool:
    """Whether it is a number that a float can hold."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        return False
