"""Scores as SRILM's `ngram -ppl FILE -debug 0|1|2` prints them, in log10, so that its scripts can read them.

`compute-best-mix` takes field 10 of the lines that begin with `p(`. `[RNN]` replaces the order of the n-gram. An
unscored word is `[OOV]`; one that is scored as `<unk>` counts as a word, as in SRILM with an open vocabulary. Lines
without a word are not sentences, as SRILM skips blank lines.
"""

from rnnlm.corpus.normalizer import START, UNKNOWN
from rnnlm.use.scoring.form import Form
from rnnlm.use.scoring.rows import WordTexts
from rnnlm.use.scoring.scored import LOG10, ScoredLine
from rnnlm.use.scoring.totals import Totals, ten_to_the


class SrilmForm(Form):
    """`debug` 0: the corpus; 1: each line too; 2: each word too."""

    def __init__(self, texts: WordTexts, debug: int) -> None:
        self._texts, self._debug = texts, debug
        self._text = Totals()

    def line(self, scored: ScoredLine) -> str:
        """A line's words, their probabilities, and its sums."""
        if not scored.word_count:
            return ""
        self._text.add(scored)
        if not self._debug:
            return ""
        words = scored.words()
        texts = [self._texts.of(scored, word) for word in words]
        rows = [" ".join(texts[:-1])]
        if self._debug > 1:
            before, dots = START, " "
            for word, text in zip(words, texts, strict=True):
                shown = UNKNOWN if word.unknown else text
                tag, p, log10 = "[OOV]", 0.0, "-inf"
                if word.nats is not None:
                    tag, p, log10 = "[RNN]", 10 ** -(word.nats * LOG10), f"{-word.nats * LOG10 + 0.0:.6g}"
                rows.append(f"\tp( {shown} | {before}{dots}) \t= {tag} {p:.6g} [ {log10} ]")
                before, dots = shown, " ..."
        totals = Totals()
        totals.add(scored)
        return "\n".join(rows) + "\n" + _sums(totals) + "\n"

    def end(self, name: str) -> str:
        """The sums of a text."""
        totals, self._text = self._text, Totals()
        return f"file {name}: {_sums(totals)}"


def _sums(totals: Totals) -> str:
    """ppl = 10^(−logprob / (words − OOVs + sentences)); ppl1 excludes sentence ends."""
    lines = f"{totals.units} sentences, {totals.words} words, {totals.excluded_words} OOVs\n"
    if not totals.units:
        return lines
    log10 = totals.nats * LOG10
    words = totals.words - totals.excluded_words
    ppl, ppl1 = (f"{ten_to_the(log10, n):.6g}" if n else "undefined" for n in (words + totals.units, words))
    return f"{lines}0 zeroprobs, logprob= {-log10 + 0.0:.6g} ppl= {ppl} ppl1= {ppl1}\n"
