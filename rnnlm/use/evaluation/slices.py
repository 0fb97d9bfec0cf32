"""Where a model loses: the cost of a text's tokens, put into slices by what they are and where they stand.

Each table cuts the whole text: its slices' tokens and nats add up to the text's. Nothing is measured here but sums.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID

# Kinds of token whose ids are in the order of falling count.
RANKED_KINDS = ("word", "whitespace", "char", "bpe")

_RANKS = (10, 100, 1_000, 10_000, 100_000)
_PLACES = (1, 2, 3, 5, 10, 20, 40)
_LENGTHS = (5, 10, 20, 40, 80)
_SINCE = (1, 2, 5)  # tokens since an unknown one


def bands(limits: Sequence[int]) -> list[str]:
    """Names of the bands that end in `limits`: '1', '2-5', …, and the last without an end."""
    firsts = [1, *(limit + 1 for limit in limits)]
    names = [f"{a:,}" if a == b else f"{a:,}-{b:,}" for a, b in zip(firsts, limits, strict=False)]
    return [*names, f"{firsts[-1]:,} and more"]


def band(values: NDArray[np.int64], limits: Sequence[int]) -> NDArray[np.int64]:
    """The band of each value from 1 on."""
    return np.searchsorted(np.asarray(limits), values)


@dataclass
class Slices:
    """A table of slices: `tokens` and `nats` of each of `names`."""

    title: str
    names: Sequence[str]
    place: Callable[["SlicedLines"], NDArray[np.int64]]
    tokens: NDArray[np.int64] = field(init=False)
    nats: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = np.zeros(len(self.names), np.int64)
        self.nats = np.zeros(len(self.names))

    def add(self, lines: "SlicedLines", nats: NDArray[np.float64]) -> None:
        """Count some whole lines in: `nats` (tokens,)."""
        places = self.place(lines)
        self.tokens += np.bincount(places, minlength=len(self.names))
        self.nats += np.bincount(places, nats, len(self.names))

    def rows(self) -> list[dict[str, Any]]:
        """The slices that have tokens."""
        return [
            {"slice": name, "tokens": int(tokens), "nats": float(nats), "nats_per_token": float(nats / tokens)}
            for name, tokens, nats in zip(self.names, self.tokens, self.nats, strict=True)
            if tokens
        ]


class SlicedLines:
    """Some whole lines of ids: for each token (tokens,) its place in its line from 1, and its line's length."""

    def __init__(self, ids: Ids, first: int, last: int) -> None:
        offsets = ids.offsets[first : last + 1]
        self.ids = np.asarray(ids.ids[offsets[0] : offsets[-1]], np.int64)
        self.lengths = np.repeat(np.diff(offsets), np.diff(offsets))
        starts = np.repeat(offsets[:-1], np.diff(offsets))
        self.places = np.arange(offsets[0], offsets[-1]) - starts + 1

    def since_unknown(self) -> NDArray[np.int64]:
        """How many tokens back in its line the last unknown one before it stands; more than any line has for none."""
        here = np.arange(len(self.ids))
        unknown = np.where(self.ids == UNKNOWN_ID, here, -1)
        last = np.concatenate([[-1], np.maximum.accumulate(unknown)[:-1]])
        starts = here - self.places + 1
        return np.where(last >= starts, here - last, np.iinfo(np.int64).max)


def _rank(lines: SlicedLines) -> NDArray[np.int64]:
    """`</s>`, `<unk>`, then the band of the rank by frequency, that of the most frequent word being 1."""
    places = 2 + band((lines.ids - UNKNOWN_ID).clip(min=1), _RANKS)
    places[lines.ids == END_ID] = 0
    places[lines.ids == UNKNOWN_ID] = 1
    return places


def make_slices(*, ranked: bool) -> dict[str, Slices]:
    """The tables by name; that of frequency only where ids are `ranked` by it."""
    tables = {
        "position": Slices("position in the line", bands(_PLACES), lambda lines: band(lines.places, _PLACES)),
        "length": Slices("predictions in the line", bands(_LENGTHS), lambda lines: band(lines.lengths, _LENGTHS)),
        "after_unknown": Slices(
            "tokens since an unknown one",
            [*bands(_SINCE)[:-1], f"more than {_SINCE[-1]}, or none in the line"],
            lambda lines: band(lines.since_unknown(), _SINCE),
        ),
    }
    if not ranked:
        return tables
    return {"frequency": Slices("rank by frequency", ["</s>", "<unk>", *bands(_RANKS)], _rank), **tables}
