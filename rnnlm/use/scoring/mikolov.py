"""Scores as Mikolov's rnnlm prints them with `-test`: `-debug 2`, `-debug 1`, or one log10 per line.

    Index   P(NET)          Word
    ----------------------------------
    12      0.0012345678    cat
    -1      0               OOV

Probabilities are linear. The index is the word's id; for a word of several tokens, that of the first. An unscored word
is `OOV` and is not counted.
"""

from rnnlm.use.scoring.form import Form
from rnnlm.use.scoring.rows import WordTexts
from rnnlm.use.scoring.scored import LOG10, ScoredLine
from rnnlm.use.scoring.totals import Totals, ten_to_the


class MikolovForm(Form):
    """`level` 'word': a row for each word and the sums; 'line': one log10 probability per line; 'corpus': the sums."""

    def __init__(self, texts: WordTexts, level: str) -> None:
        self._texts, self._level = texts, level

    def start(self) -> str:
        """The header of a table of words."""
        return "Index   P(NET)          Word\n" + "-" * 34 + "\n" if self._level == "word" else ""

    def line(self, scored: ScoredLine) -> str:
        """A line's words, or its sum."""
        if self._level == "corpus":
            return ""
        if self._level == "line":
            return f"{-scored.nats * LOG10 + 0.0:.6f}\n"
        rows = []
        for word in scored.words():
            if word.nats is None:
                rows.append("-1\t0\t\tOOV\n")
            else:
                p, number = 10 ** -(word.nats * LOG10), scored.line.ids[word.first]
                rows.append(f"{number}\t{p:.10f}\t{self._texts.of(scored, word)}\n")
        return "".join(rows)

    def close(self, totals: Totals) -> str:
        """The sums over all that was scored."""
        if self._level == "line":
            return ""
        log10, scored = totals.nats * LOG10, totals.words + totals.units - totals.excluded_words
        return f"\ntest log probability: {-log10 + 0.0:f}\n\nPPL net: {ten_to_the(log10, scored):f}\n"
