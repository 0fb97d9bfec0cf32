"""Scores as KenLM's `query -v summary|sentence|word` prints them, in log10.

As there, a word's number is its id, 0 if unknown; for a word of several tokens, that of the first. The length of the
n-gram is that of everything a network has read of the line: the word, those before it, and `<s>`. Sums count tokens.
"""

import numpy as np

from rnnlm.use.scoring.form import Form
from rnnlm.use.scoring.rows import WordTexts
from rnnlm.use.scoring.scored import LOG10, ScoredLine
from rnnlm.use.scoring.totals import Totals, ten_to_the


class Kenlm(Form):
    """`verbosity` 0: the summary; 1: each line too; 2: each word too."""

    def __init__(self, texts: WordTexts, verbosity: int) -> None:
        self._texts, self._verbosity = texts, verbosity

    def line(self, scored: ScoredLine) -> str:
        """A line's words, and its sum with the number of unknown words."""
        if not self._verbosity:
            return ""
        words = scored.words()
        cells = []
        if self._verbosity > 1:
            for position, word in enumerate(words, 1):
                number = 0 if word.unknown else int(scored.line.ids[word.first])
                log10 = "-inf" if word.nats is None else _number(-word.nats * LOG10)
                cells.append(f"{self._texts.of(scored, word)}={number} {position + 1} {log10}\t")
        unknown = sum(word.unknown for word in words)
        return f"{''.join(cells)}Total: {_number(-scored.nats * LOG10)} OOV: {unknown}\n"

    def close(self, totals: Totals) -> str:
        """The summary of all texts; unscored tokens are in neither perplexity."""
        return (
            f"Perplexity including OOVs:\t{ten_to_the(totals.nats * LOG10, totals.tokens)}\n"
            f"Perplexity excluding OOVs:\t{ten_to_the(totals.known_nats * LOG10, totals.known)}\n"
            f"OOVs:\t{totals.unknown}\n"
            f"Tokens:\t{totals.tokens}\n"
        )


def _number(value: float) -> str:
    """The shortest decimal of the nearest float32, as there."""
    return np.format_float_positional(np.float32(value + 0.0), trim="-")
