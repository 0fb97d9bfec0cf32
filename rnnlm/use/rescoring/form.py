"""What a form of n-best lists is: how its lines are read, and how rescored utterances are written in it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from rnnlm.use.rescoring.lists import Hypothesis
from rnnlm.use.rescoring.rescorer import Rescored


class ListForm(ABC):
    """A form of lists. `weights` are those that its scores have by default; a score not named there has 1."""

    weights: ClassVar[Mapping[str, float]] = {}

    @abstractmethod
    def read(self, file: str, lines: Iterable[str]) -> Iterator[Hypothesis]:
        """The hypotheses of one file; InputError, with its number, for a line that is none."""

    def hypothesis(self, rescored: Rescored, place: int) -> str:
        """The hypothesis `place` as a line of a list, with what the model said where the form has a place for it."""
        return rescored.hypotheses[place].line + "\n"

    @abstractmethod
    def score(self, rescored: Rescored, place: int) -> str:
        """What the model said of the hypothesis `place`, as a line."""

    def best(self, rescored: Rescored) -> str:
        """The best hypothesis as a line: the utterance's id and the words."""
        return f"{rescored.utterance.id} {' '.join(rescored.hypotheses[rescored.order[0]].words)}".rstrip() + "\n"
