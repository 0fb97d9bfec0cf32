"""Mikolov's rnnlm: `id words…` on a line; writes one log10 probability for each (`-nbest -debug 0`)."""

from collections.abc import Iterable, Iterator

from rnnlm.errors import InputError
from rnnlm.use.rescoring.form import ListForm
from rnnlm.use.rescoring.lists import Hypothesis
from rnnlm.use.rescoring.rescorer import Rescored
from rnnlm.use.scoring.scored import LOG10


class MikolovLists(ListForm):
    """Lists with no other scores."""

    def read(self, file: str, lines: Iterable[str]) -> Iterator[Hypothesis]:
        """InputError for an empty line, and for one that begins with a space, whose id is missing."""
        for number, line in enumerate(lines, 1):
            if not line.strip() or line[0].isspace():
                raise InputError(
                    f"{file}, line {number:,} has no utterance id", "begin each line with an id, a space and the words"
                )
            utterance, *words = line.split()
            yield Hypothesis(file, number, line, utterance, utterance, " ".join(words), {})

    def score(self, rescored: Rescored, index: int) -> str:
        """log10 p."""
        return f"{rescored.log_p[index] * LOG10:.6f}\n"
