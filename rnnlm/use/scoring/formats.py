"""The output formats of scores: TSV and JSON Lines of our own, those of KenLM, Mikolov's rnnlm and SRILM."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from rnnlm.corpus.normalizer import START, UNKNOWN
from rnnlm.corpus.text import TextRules
from rnnlm.use.scoring.rows import Row, WordTexts
from rnnlm.use.scoring.scored import LOG10, ScoredLine
from rnnlm.use.scoring.scorer import Wanted
from rnnlm.use.scoring.table import ScoreTable
from rnnlm.use.scoring.totals import Totals, ten_to_the


class Form:
    """An output format for scored lines. All parts are whole lines or empty; here all are empty."""

    def start(self) -> str:
        """Text before everything."""
        return ""

    def line(self, scored: ScoredLine, *others: ScoredLine) -> str:
        """Text for a line, and for the same by the `others`: models besides the first, for tables alone."""
        return ""

    def end(self, name: str) -> str:
        """Text after the lines of the text `name`."""
        return ""

    def close(self, totals: Totals) -> str:
        """Text after everything, `totals` being the sums over all texts."""
        return ""


_UNWRITABLE = str.maketrans({c: f"\\u{ord(c):04x}" for c in "\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"})


def tsv_line(cells: Iterable[Any]) -> str:
    """Cells as a line of TSV: NA for None, true and false, 12 digits of a number; line ends and tabs as \\u escapes."""
    return "\t".join(map(_cell, cells)) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "NA"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(value, ".12g")
    return str(value).translate(_UNWRITABLE)


def json_line(row: Row) -> str:
    """A row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False) + "\n"


class Tsv(Form):
    """A header, then a row for each line, word, token or region."""

    def __init__(self, rows: ScoreTable) -> None:
        self._rows = rows

    def start(self) -> str:
        """The header."""
        return tsv_line(self._rows.fields)

    def line(self, scored: ScoredLine, *others: ScoredLine) -> str:
        """The rows of a line."""
        return "".join(tsv_line(map(row.__getitem__, self._rows.fields)) for row in self._rows.of([scored, *others]))


class JsonLines(Tsv):
    """An object for each line, word, token or region, without a header."""

    def start(self) -> str:
        """No header."""
        return ""

    def line(self, scored: ScoredLine, *others: ScoredLine) -> str:
        """The rows of a line."""
        return "".join(map(json_line, self._rows.of([scored, *others])))


class Kenlm(Form):
    """`verbosity` 0: the summary; 1: each line too; 2: each word too."""

    def __init__(self, texts: WordTexts, verbosity: int) -> None:
        self._texts, self._verbosity = texts, verbosity

    def line(self, scored: ScoredLine, *others: ScoredLine) -> str:
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


class MikolovForm(Form):
    """`level` 'word': a row for each word and the sums; 'line': one log10 probability per line; 'corpus': the sums."""

    def __init__(self, texts: WordTexts, level: str) -> None:
        self._texts, self._level = texts, level

    def start(self) -> str:
        """The header of a table of words."""
        return "Index   P(NET)          Word\n" + "-" * 34 + "\n" if self._level == "word" else ""

    def line(self, scored: ScoredLine, *others: ScoredLine) -> str:
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


class SrilmForm(Form):
    """`debug` 0: the corpus; 1: each line too; 2: each word too."""

    def __init__(self, texts: WordTexts, debug: int) -> None:
        self._texts, self._debug = texts, debug
        self._text = Totals()

    def line(self, scored: ScoredLine, *others: ScoredLine) -> str:
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


_DEBUG = {"corpus": 0, "line": 1, "word": 2}


def make_form(name: str, level: str, rules: TextRules, table: ScoreTable | None) -> Form:
    """The format `name` at `level`; TSV and JSON Lines write a `table`, and a corpus from its report."""
    texts = WordTexts(rules)
    if name == "srilm":
        return SrilmForm(texts, _DEBUG[level])
    if name == "kenlm":
        return Kenlm(texts, _DEBUG[level])
    if name == "mikolov":
        return MikolovForm(texts, level)
    if table is None:
        return Form()
    return (Tsv if name == "tsv" else JsonLines)(table)


def wanted_of(name: str, level: str) -> Wanted:
    """What must be computed for a format at a level."""
    words = level in ("word", "region")
    with_spans = name in ("tsv", "jsonl") and level in ("word", "token", "region")
    return Wanted(words=words, ranks=level == "token", spans=with_spans)
