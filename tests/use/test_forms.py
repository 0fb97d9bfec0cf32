"""The formats, byte for byte, against files that were checked by hand against the tools whose form they have.

The scores are given, not a model's: −log10 p of every token. `golden/` holds a file for each format and level; what
the tools' users read out of them is tested in tests/cli/test_score.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from speakers import rules_of, table_of

from rnnlm.corpus.alignment import Alignment
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.wording import token_ranges, word_marks
from rnnlm.use.scoring.batch_scorer import TokenScores
from rnnlm.use.scoring.formats import Form, make_form, tsv_line
from rnnlm.use.scoring.lines import LineReader
from rnnlm.use.scoring.scored import BITS, LOG10, ScoredLine
from rnnlm.use.scoring.totals import Totals, ten_to_the

GOLDEN = Path(__file__).parent / "golden"
TEXT = "the cat  sees\nthe frob <unk> 2\n\ndog\n"
LOG10_P = [[1.0, 2.5, 0.25, 0.125], [1.0, 3.0, 2.0, 0.5, 0.75], [4.0], [2.0, 0.0]]
FORMS = [
    (name, level)
    for name, levels in {
        "srilm": ("corpus", "line", "word"),
        "kenlm": ("corpus", "line", "word"),
        "mikolov": ("corpus", "line", "word"),
        "tsv": ("line", "word", "token", "region"),
        "jsonl": ("line", "word", "token", "region"),
    }.items()
    for level in levels
]


def scored_lines(*, exclude: bool) -> list[ScoredLine]:
    """The lines of `TEXT` with the costs of `LOG10_P`; ranks and entropies are made up of them."""
    rules = rules_of("whitespace prepared")
    (window,) = LineReader(rules, ids=None).windows([TEXT.encode()])
    found = []
    for line, costs in zip(window, LOG10_P, strict=True):
        nats = np.array(costs) / LOG10
        scores = TokenScores(nats, np.arange(len(nats)) + 1.0, np.array(costs) / BITS)
        (spans,) = Alignment(rules).spans([line.text], [line.cleaned])
        ranges = token_ranges(rules, line.cleaned, line.pieces)
        spans_of_words = [(int(spans[first, 0]), int(spans[last - 1, 1])) for first, last in ranges.tolist()]
        excluded = line.outside if exclude else np.zeros(len(line.ids), bool)
        found.append(ScoredLine(line, scores, word_marks(rules).starts(line.ids), excluded, spans_of_words))
    return found


def form_of(name: str, level: str, rules: TextRules) -> Form:
    """A format by one model."""
    plain = name in ("tsv", "jsonl") and level != "corpus"
    return make_form(name, level, rules, table_of(rules, level) if plain else None)


@pytest.mark.parametrize(("name", "level"), FORMS)
def test_a_form_is_the_golden_file(name: str, level: str) -> None:
    form = form_of(name, level, rules_of("whitespace prepared"))
    totals, text = Totals(), form.start()
    for line in scored_lines(exclude=name in ("srilm", "mikolov")):
        text += form.line(line)
        totals.add(line)
    text += form.end("the.txt") + form.close(totals)
    assert text == (GOLDEN / f"{name}-{level}.txt").read_text("utf-8")


def test_a_word_that_is_left_out_is_missing_and_not_free() -> None:
    rules = rules_of("whitespace prepared")
    line = scored_lines(exclude=True)[1]
    (row,) = [row for row in table_of(rules, "word", ids=False).of([line]) if row["word"] == "frob"]
    assert row["bits"] is None
    assert row["unknown"]
    assert tsv_line(row.values()) == "2\t2\tfrob\t4\t8\tNA\ttrue\n"
    kenlm = form_of("kenlm", "word", rules).line(line)
    assert "frob=0 3 -inf\t" in kenlm
    assert kenlm.endswith("Total: -4.25 OOV: 2\n")
    assert form_of("mikolov", "line", rules).line(line) == "-4.250000\n"


@pytest.mark.parametrize("name", ["srilm", "kenlm", "mikolov"])
def test_an_empty_text_has_sums_of_nothing(name: str) -> None:
    form = form_of(name, "corpus", rules_of("word"))
    text = form.start() + form.end("empty") + form.close(Totals())
    assert (
        text
        == {
            "srilm": "file empty: 0 sentences, 0 words, 0 OOVs\n",
            "kenlm": "Perplexity including OOVs:\tnan\nPerplexity excluding OOVs:\tnan\nOOVs:\t0\nTokens:\t0\n",
            "mikolov": "\ntest log probability: 0.000000\n\nPPL net: nan\n",
        }[name]
    )


def test_srilm_starts_its_sums_anew_for_each_text() -> None:
    form = form_of("srilm", "corpus", rules_of("whitespace prepared"))
    lines = scored_lines(exclude=True)
    form.line(lines[0])
    assert form.end("a").startswith("file a: 1 sentences, 3 words, 0 OOVs\n0 zeroprobs, logprob= -3.875 ppl= 9.305")
    form.line(lines[3])
    assert form.end("b") == "file b: 1 sentences, 1 words, 0 OOVs\n0 zeroprobs, logprob= -2 ppl= 10 ppl1= 100\n"


@pytest.mark.parametrize(
    ("cell", "written"),
    [(None, "NA"), (True, "true"), (2.0, "2"), (1 / 3, "0.333333333333"), ("a\tb\u2028", "a\\u0009b\\u2028"), (7, "7")],
)
def test_cells_of_tsv(cell: Any, written: str) -> None:
    assert tsv_line([cell]) == f"{written}\n"


def test_powers_beyond_numbers() -> None:
    assert ten_to_the(1e6, 1) == np.inf
    assert ten_to_the(6, 2) == pytest.approx(1000)
