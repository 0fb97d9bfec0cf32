"""The loss in slices: costs of a text's tokens, grouped by kind and by position.

Each table covers the whole text: tokens and nats of its slices add up to those of the text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID

# Kinds of token whose ids are in descending order of count.
RANKED_KINDS = ("word", "whitespace", "char", "bpe")

_RANKS = (10, 100, 1_000, 10_000, 100_000)
_POSITIONS = (1, 2, 3, 5, 10, 20, 40)
_LENGTHS = (5, 10, 20, 40, 80)
_SINCE = (1, 2, 5)  # tokens since an unknown one


def bins(limits: Sequence[int]) -> list[str]:
    """Names of the bins that end in `limits`: '1', '2-5', …, and the last without an end."""
    firsts = [1, *(limit + 1 for limit in limits)]
    names = [f"{a:,}" if a == b else f"{a:,}-{b:,}" for a, b in zip(firsts, limits, strict=False)]
    return [*names, f"{firsts[-1]:,} and more"]


def bin_of(values: NDArray[np.int64], limits: Sequence[int]) -> NDArray[np.int64]:
    """The bin of each value from 1 on."""
    return np.searchsorted(np.asarray(limits), values)


@dataclass
class Slices:
    """A table of slices: `tokens` and `nats` of each of `names`."""

    title: str
    names: Sequence[str]
    index: Callable[["SlicedLines"], NDArray[np.int64]]
    tokens: NDArray[np.int64] = field(init=False)
    nats: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = np.zeros(len(self.names), np.int64)
        self.nats = np.zeros(len(self.names))

    def add(self, lines: "SlicedLines", nats: NDArray[np.float64]) -> None:
        """Count some whole lines: `nats` (tokens,)."""
        indices = self.index(lines)
        self.tokens += np.bincount(indices, minlength=len(self.names))
        self.nats += np.bincount(indices, nats, len(self.names))

    def rows(self) -> list[dict[str, Any]]:
        """The slices that have tokens."""
        return [
            {"slice": name, "tokens": int(tokens), "nats": float(nats), "nats_per_token": float(nats / tokens)}
            for name, tokens, nats in zip(self.names, self.tokens, self.nats, strict=True)
            if tokens
        ]


class SlicedLines:
    """Some whole lines of ids: for each token (tokens,) its position in its line from 1, and its line's length."""

    def __init__(self, ids: Ids, first: int, last: int) -> None:
        offsets = ids.offsets[first : last + 1]
        self.ids = np.asarray(ids.ids[offsets[0] : offsets[-1]], np.int64)
        self.lengths = np.repeat(np.diff(offsets), np.diff(offsets))
        starts = np.repeat(offsets[:-1], np.diff(offsets))
        self.positions = np.arange(offsets[0], offsets[-1]) - starts + 1

    def since_unknown(self) -> NDArray[np.int64]:
        """Distance of each token to the last unknown token before it in its line; a very large number for none."""
        here = np.arange(len(self.ids))
        unknown = np.where(self.ids == UNKNOWN_ID, here, -1)
        last = np.concatenate([[-1], np.maximum.accumulate(unknown)[:-1]])
        starts = here - self.positions + 1
        return np.where(last >= starts, here - last, np.iinfo(np.int64).max)


def _rank(lines: SlicedLines) -> NDArray[np.int64]:
    """`</s>`, `<unk>`, then the bin of the rank by frequency; the most frequent word has rank 1."""
    indices = 2 + bin_of((lines.ids - UNKNOWN_ID).clip(min=1), _RANKS)
    indices[lines.ids == END_ID] = 0
    indices[lines.ids == UNKNOWN_ID] = 1
    return indices


def make_slices(*, ranked: bool) -> dict[str, Slices]:
    """The tables by name; frequency only where ids are `ranked` by it."""
    tables = {
        "position": Slices("position in the line", bins(_POSITIONS), lambda lines: bin_of(lines.positions, _POSITIONS)),
        "length": Slices("predictions in the line", bins(_LENGTHS), lambda lines: bin_of(lines.lengths, _LENGTHS)),
        "after_unknown": Slices(
            "tokens since an unknown one",
            [*bins(_SINCE)[:-1], f"more than {_SINCE[-1]}, or none in the line"],
            lambda lines: bin_of(lines.since_unknown(), _SINCE),
        ),
    }
    if not ranked:
        return tables
    return {"frequency": Slices("rank by frequency", ["</s>", "<unk>", *bins(_RANKS)], _rank), **tables}
