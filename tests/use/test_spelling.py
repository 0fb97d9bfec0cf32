"""What unknown words cost when spelled: a proper distribution, the same in blocks as whole."""

import math

import numpy as np
import pytest
from speakers import rules_of

from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import CleanSettings
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import build_tokenizer
from rnnlm.use.comparison.spelling import Spelling, measured_lines

TRAIN = [b"ab a\n", b"b caf\xc3\xa9\n"]


def test_the_characters_and_the_end_share_all_probability() -> None:
    """a 3, b 2, c, f and é once, four words: each and the end one more, and one for all others."""
    spelling = Spelling(TRAIN)
    total = 3 + 2 + 1 + 1 + 1 + 4 + 5 + 2
    counts = {"a": 3, "b": 2, "c": 1, "f": 1, "é": 1}
    end = spelling.nats("")
    assert end == pytest.approx(-math.log(5 / total))
    for character, count in counts.items():
        assert spelling.nats(character) - end == pytest.approx(-math.log((count + 1) / total))
    each = math.exp(-(spelling.nats("z") - end))
    assert each * (0x110000 - 5) == pytest.approx(1 / total)
    whole = sum(math.exp(-(spelling.nats(c) - end)) for c in counts) + math.exp(-end) + each * (0x110000 - 5)
    assert whole == pytest.approx(1)
    assert spelling.nats("abba") == pytest.approx(sum(spelling.nats(c) - end for c in "abba") + end)


@pytest.mark.parametrize("kind", ["word", "char"])
def test_every_unknown_word_is_spelled_on_its_own_line(kind: str) -> None:
    rule = CleanRule.of(CleanSettings(), kind)
    known = ["a", "ab", "b", "cafe"] if kind == "word" else list("abcef ")
    rules = TextRules(kind, rule, UnitRule.of(CleanSettings(), kind), build_tokenizer(kind, rule, known))
    spelling = Spelling(TRAIN)
    raw = [b"ab zz a\n", b"a\nCAF\xc3\xa9 zz\n"]
    together = list(measured_lines(raw, rules, spelling))
    sizes = np.concatenate([lines.bytes for lines in together])
    costs = np.concatenate([lines.spelling for lines in together])
    assert sizes.tolist() == [8, 2, 9]
    if kind == "word":
        expected = [spelling.nats("zz"), 0, spelling.nats("café") + spelling.nats("zz")]
    else:
        expected = [2 * spelling.nats("z"), 0, spelling.nats("é") + 2 * spelling.nats("z")]
    assert costs == pytest.approx(expected)
    (whole,) = measured_lines([b"".join(raw)], rules, spelling)
    assert whole.spelling == pytest.approx(costs) and whole.bytes.tolist() == sizes.tolist()


def test_without_unknown_words_nothing_is_added() -> None:
    rules = rules_of("byte")
    (lines,) = measured_lines([b"zz \xc3\xa9\n"], rules, Spelling(TRAIN))
    assert lines.spelling.tolist() == [0] and lines.bytes.tolist() == [6]
