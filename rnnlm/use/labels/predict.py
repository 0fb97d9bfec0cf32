"""Labels for texts and words: the most probable ones, with an optional correction for how frequent they were."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID
from rnnlm.errors import InputError
from rnnlm.model.network import Network
from rnnlm.model.prediction import predictions
from rnnlm.use.generation.prompt import line_ids
from rnnlm.use.lines import LINES, IdLines, blocks


def prior_offsets(counts: Sequence[int], balance: float) -> NDArray[np.float64]:
    """(labels,) −balance · log P(y), to be added to log p(y | x) before the largest is chosen.

    p(y | x) / P(y) is the evidence of x for a label, independent of its frequency (Saerens et al. 2002, Menon et al.
    2021). One is added to each of the training `counts` (labels,).
    """
    frequency = np.array(counts, np.float64) + 1
    return np.asarray(-balance * np.log(frequency / frequency.sum()))


@dataclass(frozen=True)
class LabelChoice:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Labelled:
    """A line, and for each of its `parts` (the line itself, or its words) the most likely labels, best first."""

    text: str
    parts: tuple[str, ...]
    choices: tuple[tuple[LabelChoice, ...], ...]


@dataclass(frozen=True)
class Labeller:
    """Labels lines by a model and its cleaning rules: the `k` labels with the largest log p + `offsets` (labels,)."""

    model: Network
    rules: TextRules
    labels: tuple[str, ...]
    offsets: NDArray[np.float64]
    k: int
    batch_size: int

    @property
    def per_token(self) -> bool:
        """Whether each word has labels, not each line."""
        return self.model.architecture.task == "tag"

    def label(self, lines: Iterable[str]) -> Iterator[Labelled]:
        """The lines with labels; with a label per word, an empty line has none.

        Raises InputError for a word that is not one token.
        """
        for number, block in enumerate(blocks(lines)):
            ids = [line_ids(self.rules, line) for line in block]
            parts = [tuple(line.split()) if self.per_token else (line,) for line in block]
            if self.per_token:
                for position, (line, words) in enumerate(zip(ids, parts, strict=True), number * LINES + 1):
                    if len(line) != len(words):
                        raise InputError(f"line {position:,}: not one token per word", "check its spaces")
            else:
                ids = [[*line, END_ID] for line in ids]
            for text, names, choices in zip(block, parts, self._choices(ids), strict=True):
                yield Labelled(text, names, choices)

    def _choices(self, ids: list[list[int]]) -> list[tuple[tuple[LabelChoice, ...], ...]]:
        """For each line of ids the labels of its parts; none for a line without ids."""
        filled = [index for index, line in enumerate(ids) if line]
        found: list[tuple[tuple[LabelChoice, ...], ...]] = [()] * len(ids)
        data = IdLines([ids[index] for index in filled], self.per_token)
        for piece in predictions(self.model, data, self.batch_size) if filled else ():
            for column, row in enumerate(piece.rows):
                rows = piece.outputs[: piece.lengths[column], column] if self.per_token else piece.outputs[column][None]
                best = (best_choices(log_p, self.offsets, self.labels, self.k) for log_p in rows)
                found[filled[row]] = tuple(best)
        return found


def best_choices(
    log_p: NDArray[np.float64], offsets: NDArray[np.float64], labels: Sequence[str], k: int
) -> tuple[LabelChoice, ...]:
    """The `k` labels with the largest log p (labels,) + `offsets`, best first."""
    order = np.argsort(-(log_p + offsets), kind="stable")[:k]
    return tuple(LabelChoice(labels[number], float(np.exp(log_p[number]))) for number in order)
