"""The interface of a format of n-best lists: reading its lines, and writing rescored utterances in it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from rnnlm.use.rescoring.lists import Hypothesis
from rnnlm.use.rescoring.rescorer import Rescored


class ListForm(ABC):
    """A format of lists. `weights` are the default weights of its scores; a score not named there has weight 1."""

    weights: ClassVar[Mapping[str, float]] = {}

    @abstractmethod
    def read(self, file: str, lines: Iterable[str]) -> Iterator[Hypothesis]:
        """The hypotheses of one file; InputError, with its number, for an invalid line."""

    def hypothesis(self, rescored: Rescored, index: int) -> str:
        """The hypothesis `index` as a line of a list, with the model's score if the format has a field for it."""
        return rescored.hypotheses[index].line + "\n"

    @abstractmethod
    def score(self, rescored: Rescored, index: int) -> str:
        """The model's score of the hypothesis `index`, as a line."""

    def best(self, rescored: Rescored) -> str:
        """The best hypothesis as a line: the utterance's id and the words."""
        return f"{rescored.utterance.id} {' '.join(rescored.hypotheses[rescored.order[0]].words)}".rstrip() + "\n"
