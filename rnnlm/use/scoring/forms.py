"""The output formats by name; a new one is a module and a row here."""

from rnnlm.corpus.text import TextRules
from rnnlm.use.scoring.form import Form
from rnnlm.use.scoring.kenlm import Kenlm
from rnnlm.use.scoring.mikolov import MikolovForm
from rnnlm.use.scoring.plain import JsonLines, Tsv
from rnnlm.use.scoring.rows import Kept, ScoreRows, WordTexts
from rnnlm.use.scoring.scorer import Wanted
from rnnlm.use.scoring.srilm import SrilmForm

_DEBUG = {"corpus": 0, "line": 1, "word": 2}


def make_form(name: str, level: str, rules: TextRules, *, ids: bool, kept: Kept | None = None) -> Form:
    """The format `name` at `level`; TSV and JSON Lines write a corpus from its report, and what was `kept` of lines."""
    texts = WordTexts(rules)
    if name == "srilm":
        return SrilmForm(texts, _DEBUG[level])
    if name == "kenlm":
        return Kenlm(texts, _DEBUG[level])
    if name == "mikolov":
        return MikolovForm(texts, level)
    if level == "corpus":
        return Form()
    return (Tsv if name == "tsv" else JsonLines)(ScoreRows(rules, level, ids=ids, kept=kept))


def wanted_of(name: str, level: str) -> Wanted:
    """What must be computed for a format at a level."""
    words = level in ("word", "region")
    with_spans = name in ("tsv", "jsonl") and level in ("word", "token", "region")
    return Wanted(words=words, ranks=level == "token", spans=with_spans)
