"""N-best lists: hypotheses in the order of their file, grouped into utterances.

Scores are natural logarithms here, larger being better, whatever the format of the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rnnlm.corpus.sources import plain_name
from rnnlm.errors import InputError

_ENDINGS = (".nbest", ".nbestlist", ".lst", ".list", ".txt", ".ark", ".jsonl")  # that say what a file is, not which


@dataclass(frozen=True)
class Hypothesis:
    """A hypothesis: line `number`, from 1, of `file`, which is `line`; `name` is its id there.

    `text` is what the model reads, `words` are the words counted, `scores` those of other models, by name.
    """

    file: str
    number: int
    line: str
    utterance: str
    name: str
    text: str
    scores: Mapping[str, float]

    @property
    def words(self) -> list[str]:
        """The words, separated by white space."""
        return self.text.split()


@dataclass(frozen=True)
class Utterance:
    """All hypotheses of one utterance in the order of their file."""

    id: str
    hypotheses: tuple[Hypothesis, ...]


def stem(path: str) -> str:
    """A file's name without endings that say how it is compressed or what it is; any other part of it stays."""
    name = plain_name(Path(path).name)
    return name.removesuffix(next((each for each in _ENDINGS if name.endswith(each)), "")) or name


def utterances(hypotheses: Iterable[Hypothesis]) -> Iterator[Utterance]:
    """The hypotheses, consecutive ones of one file with the same id together.

    Raises InputError for an id that repeats later, in this file or another, and for a hypothesis with other scores
    than the first one.
    """
    seen: set[str] = set()
    names: list[str] | None = None
    for (_, id_), group in groupby(hypotheses, key=lambda each: (each.file, each.utterance)):
        together = tuple(group)
        first = together[0]
        if id_ in seen:
            raise InputError(
                f"{first.file}, line {first.number:,}: utterance {id_!r} repeats after another one",
                "keep the hypotheses of an utterance together in one file, and give each utterance its own id",
            )
        seen.add(id_)
        names = list(first.scores) if names is None else names
        for each in together:
            if each.scores.keys() != set(names):
                raise InputError(
                    f"{each.file}, line {each.number:,}: scores {', '.join(each.scores) or 'none'}, where the first "
                    f"hypothesis has {', '.join(names) or 'none'}",
                    "give every hypothesis the same scores",
                )
        yield Utterance(id_, together)
