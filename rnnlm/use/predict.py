"""Labels for raw lines, in their order: one for each text, or one for each word."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID
from rnnlm.errors import InputError
from rnnlm.model.network import Network
from rnnlm.model.prediction import predictions
from rnnlm.use.lines import LINES, IdLines, blocks
from rnnlm.use.prompt import line_ids


@dataclass(frozen=True)
class Choice:
    """A label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Labelled:
    """A line, and for each of its `parts` (the line itself, or its words) the most likely labels, best first."""

    text: str
    parts: tuple[str, ...]
    choices: tuple[tuple[Choice, ...], ...]


def label_lines(
    model: Network, rules: TextRules, labels: tuple[str, ...], lines: Iterable[str], k: int, batch_size: int
) -> Iterator[Labelled]:
    """The `k` most likely labels for each line or word, by the model's own rules of cleaning.

    A line without a word has no label where words have them. Raises InputError for a word that is not one token.
    """
    per_token = model.architecture.task == "tag"
    for number, block in enumerate(blocks(lines)):
        ids = [line_ids(rules, line) for line in block]
        parts = [tuple(line.split()) if per_token else (line,) for line in block]
        if per_token:
            for place, (line, words) in enumerate(zip(ids, parts, strict=True)):
                if len(line) != len(words):
                    raise InputError(f"line {number * LINES + place + 1:,}: not one token a word", "check its blanks")
        else:
            ids = [[*line, END_ID] for line in ids]
        yield from _label(model, labels, block, parts, ids, k, batch_size)


def _label(
    model: Network,
    labels: tuple[str, ...],
    block: list[str],
    parts: list[tuple[str, ...]],
    ids: list[list[int]],
    k: int,
    batch_size: int,
) -> Iterator[Labelled]:
    filled = [place for place, line in enumerate(ids) if line]
    found: list[tuple[tuple[Choice, ...], ...]] = [()] * len(block)
    data = IdLines([ids[place] for place in filled], model.architecture.task == "tag")
    for piece in predictions(model, data, batch_size) if filled else ():
        for column, row in enumerate(piece.rows):
            log_p = piece.outputs[: piece.lengths[column], column] if data.per_token else piece.outputs[column][None]
            found[filled[row]] = tuple(_best(each, labels, k) for each in log_p)
    for text, names, choices in zip(block, parts, found, strict=True):
        yield Labelled(text, names, choices)


def _best(log_p: NDArray[np.float64], labels: tuple[str, ...], k: int) -> tuple[Choice, ...]:
    order = np.argsort(-log_p, kind="stable")[:k]
    return tuple(Choice(labels[number], float(np.exp(log_p[number]))) for number in order)
