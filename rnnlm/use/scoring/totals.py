"""Sums over scored lines, and their report: the metrics of `evaluate`, by the same names."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnlm.model.likelihood import perplexity
from rnnlm.use.scoring.lines import Digests
from rnnlm.use.scoring.scored import BITS, ScoredLine

_MOST_OUTSIDE = 100_000


@dataclass
class Totals:
    """Sums over lines. `nats` and `tokens` are of scored tokens, `known` and `known_nats` of those other than `<unk>`;
    `unknown` counts every `<unk>`, `outside` those that are words outside the vocabulary, `excluded` unscored tokens,
    `excluded_words` words without a scored token, `words_outside` each of the words outside (the first 100,000)."""

    lines: int = 0
    units: int = 0
    words: int = 0
    tokens: int = 0
    nats: float = 0.0
    known: int = 0
    known_nats: float = 0.0
    unknown: int = 0
    outside: int = 0
    excluded: int = 0
    excluded_words: int = 0
    words_outside: Counter[str] = field(default_factory=Counter)

    def add(self, scored: ScoredLine) -> None:
        """Count a line."""
        self.lines += 1
        if not len(scored.line.ids):
            return
        known = ~scored.line.unknown
        self.units += 1
        self.words += scored.word_count
        self.tokens += scored.tokens
        self.nats += scored.nats
        self.known += int(known.sum())
        self.known_nats += float(scored.scores.nats[known].sum())
        self.unknown += int((~known).sum())
        outside = np.flatnonzero(scored.line.outside).tolist()
        self.outside += len(outside)
        if outside and scored.line.pieces:
            words = (scored.line.pieces[index] for index in outside)
            full = len(self.words_outside) >= _MOST_OUTSIDE
            self.words_outside.update(word for word in words if not full or word in self.words_outside)
        self.excluded += int(scored.excluded.sum())
        self.excluded_words += scored.excluded_words

    def metrics(self, digests: Digests) -> dict[str, Any]:
        """The metrics; undefined ones (nothing predicted, or not everything) are None."""

        def over(nats: float, count: int) -> float | None:
            return nats / count if count else None

        mean = over(self.nats, self.tokens)
        without = over(self.known_nats, self.known)
        bits = None if self.excluded else self.nats * BITS
        return {
            "perplexity": None if mean is None else perplexity(mean), "nats_per_token": mean,
            "bits_per_token": None if mean is None else mean * BITS,
            "bits_per_character": None if bits is None else over(bits, digests.characters),
            "bits_per_byte": None if bits is None else over(bits, digests.bytes), "bits": self.nats * BITS,
            "lines": self.lines, "words": self.words, "tokens": self.tokens, "unknown_tokens": self.unknown,
            "out_of_vocabulary_tokens": self.outside, "excluded_tokens": self.excluded,
            "perplexity_excluding_unknown": None if without is None else perplexity(without),
            "raw_sha256": digests.raw.hexdigest(), "cleaned_sha256": digests.cleaned.hexdigest(),
        }  # fmt: skip


def ten_to_the(minus_log10: float, count: int) -> float:
    """10^(−log10 p / count), infinite on overflow, NaN for a count of 0."""
    if not count:
        return math.nan
    try:
        return float(10 ** (minus_log10 / count))
    except OverflowError:
        return math.inf
