"""Kaldi's n-best lists: `utterance-n words…` on a line, costs in separate archives, `utterance-n cost`.

The text is what `lattice-to-nbest` and `nbest-to-linear` write with `utils/int2sym.pl`; costs are negated natural
logarithms, as are the scores that come out, in the format of `rnnlm_compute_scores.sh`.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

from rnnlm.errors import InputError, UsageError
from rnnlm.use.rescoring.form import ListForm
from rnnlm.use.rescoring.lists import Hypothesis, stem
from rnnlm.use.rescoring.rescorer import Rescored


class KaldiLists(ListForm):
    """Lists of texts; `archives` are their costs by name, each an iterable of lines in the order of the lists."""

    def __init__(self, archives: Sequence[tuple[str, Iterable[str]]] = ()) -> None:
        self._archives = [(name, iter(lines)) for name, lines in archives]

    def read(self, file: str, lines: Iterable[str]) -> Iterator[Hypothesis]:
        """InputError for a line that does not begin with `utterance-n`, or whose cost is not in an archive."""
        for number, line in enumerate(lines, 1):
            name, text = (*line.split(maxsplit=1), "", "")[:2]
            utterance, dash, rank = name.rpartition("-")
            if not (dash and utterance and rank.isdecimal()):
                raise InputError(
                    f"{file}, line {number:,} begins with {name[:40]!r}, which is not the id of a hypothesis",
                    "begin each line with utterance-n, n from 1, a space and the words",
                )
            scores = {source: self._cost(source, costs, name) for source, costs in self._archives}
            yield Hypothesis(file, number, line, utterance, name, text.strip(), scores)

    @staticmethod
    def _cost(source: str, costs: Iterator[str], name: str) -> float:
        """The next line of an archive as a score: minus the cost of the hypothesis `name`."""
        fields = next(costs, "").split()
        if len(fields) != 2 or fields[0] != name:
            what = f"says {' '.join(fields)[:60]!r}" if fields else "ends"
            raise InputError(
                f"{source} {what} where the cost of {name} is expected", "write archives in the order of the lists"
            )
        try:
            cost = float(fields[1])
        except ValueError:
            cost = math.nan
        if not math.isfinite(cost):
            raise InputError(f"{source}: the cost of {name}, {fields[1]!r}, is not a number", "write costs as numbers")
        return -cost

    def score(self, rescored: Rescored, index: int) -> str:
        """`utterance-n cost`, −ln p."""
        return f"{rescored.hypotheses[index].name} {-rescored.log_p[index]:.6f}\n"


def named_archives(listed: str | None) -> list[tuple[str, str]]:
    """`acoustic=dev.ac,lm=dev.lmc` as names and paths; without a name, `ac` of `dev.ac`, and `dev` of `dev.txt.gz`.

    Raises UsageError for two of one name.
    """
    pairs = []
    for part in [] if listed is None else listed.split(","):
        name, equals, path = part.strip().rpartition("=")
        rest = stem(path)
        pairs.append((name.strip() if equals else rest.rpartition(".")[2], path.strip()))
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        paths = [path for name, path in pairs if name == twice]
        hint = f"name them: --costs acoustic={paths[0]},lm={paths[1]}"
        raise UsageError(f"--costs {listed}: two scores are called {twice!r}", hint)
    return pairs
