"""Sums over scored lines, and the report made of them: the figures of `evaluate`, by the same names."""

import math
from dataclasses import dataclass
from typing import Any

from rnnlm.model.likelihood import perplexity
from rnnlm.use.scoring.lines import Digests
from rnnlm.use.scoring.scored import BITS, ScoredLine


@dataclass
class Totals:
    """Over lines. `nats` and `tokens` count what is scored, `known` and `known_nats` what of it is not `<unk>`;
    `unknown` counts every `<unk>`, `outside` those that stand for something outside the vocabulary, `excluded` those
    that are not scored, `excluded_words` the words of which nothing is."""

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

    def add(self, scored: ScoredLine) -> None:
        """Count one line more."""
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
        self.outside += int(scored.line.outside.sum())
        self.excluded += int(scored.excluded.sum())
        self.excluded_words += scored.excluded_words

    def figures(self, digests: Digests) -> dict[str, Any]:
        """The figures; those that are not defined (nothing predicted, or not everything) are None."""

        def over(nats: float, count: int) -> float | None:
            return nats / count if count else None

        mean = over(self.nats, self.tokens)
        without = over(self.known_nats, self.known)
        bits = None if self.excluded else self.nats * BITS
        return {
            "perplexity": None if mean is None else perplexity(mean),
            "nats_per_token": mean,
            "bits_per_token": None if mean is None else mean * BITS,
            "bits_per_character": None if bits is None else over(bits, digests.characters),
            "bits_per_byte": None if bits is None else over(bits, digests.bytes),
            "bits": self.nats * BITS,
            "lines": self.lines,
            "words": self.words,
            "tokens": self.tokens,
            "unknown_tokens": self.unknown,
            "out_of_vocabulary_tokens": self.outside,
            "excluded_tokens": self.excluded,
            "perplexity_excluding_unknown": None if without is None else perplexity(without),
            "raw_sha256": digests.raw.hexdigest(),
            "cleaned_sha256": digests.cleaned.hexdigest(),
        }


def ten_to_the(minus_log10: float, count: int) -> float:
    """10^(−log10 p / count), infinite where it is too large for a number, NaN where there is nothing to count."""
    if not count:
        return math.nan
    try:
        return float(10 ** (minus_log10 / count))
    except OverflowError:
        return math.inf
