"""N-best lists as JSON Lines: `{"id": …, "text": …, "scores": {name: natural logarithm, …}}`, other keys kept."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from rnnlm.errors import InputError
from rnnlm.use.rescoring.form import ListForm
from rnnlm.use.rescoring.lists import Hypothesis
from rnnlm.use.rescoring.rescorer import Rescored


class JsonLists(ListForm):
    """An object a hypothesis; `log_probability`, `total` and `place` are added to it."""

    def read(self, file: str, lines: Iterable[str]) -> Iterator[Hypothesis]:
        """InputError for a line that is no such object."""
        for number, line in enumerate(lines, 1):
            if line.strip():
                id_, text, scores = _fields(line, f"{file}, line {number:,}")
                yield Hypothesis(file, number, line, id_, id_, text, scores)

    def hypothesis(self, rescored: Rescored, place: int) -> str:
        """The object with ln p, the sum of all weighted scores, and the place in the new order, from 1."""
        value = json.loads(rescored.hypotheses[place].line)
        found = {
            "log_probability": rescored.log_p[place],
            "total": rescored.totals[place],
            "place": rescored.order.index(place) + 1,
        }
        return json.dumps(value | found, ensure_ascii=False) + "\n"

    def score(self, rescored: Rescored, place: int) -> str:
        """The same object."""
        return self.hypothesis(rescored, place)

    def best(self, rescored: Rescored) -> str:
        """The object of the best hypothesis."""
        return self.hypothesis(rescored, rescored.order[0])


def _fields(line: str, where: str) -> tuple[str, str, dict[str, float]]:
    """Id, text and scores of a line."""
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InputError(f"{where} is no JSON object", 'write {"id": …, "text": …, "scores": {…}}')
    id_, text, scores = value.get("id"), value.get("text"), value.get("scores", {})
    if not isinstance(id_, str) or not isinstance(text, str):
        raise InputError(f"{where} lacks a string 'id' or 'text'", 'write {"id": …, "text": …, "scores": {…}}')
    if "\n" in text:
        raise InputError(f"{where}: the text has a line end in it", "a hypothesis is one line")
    numbers = isinstance(scores, dict) and all(type(each) in (int, float) for each in scores.values())
    if not numbers or not all(math.isfinite(each) for each in scores.values()):
        raise InputError(f"{where}: 'scores' is no object of numbers", "write natural logarithms by name")
    return id_, text, {name: float(each) for name, each in scores.items()}
