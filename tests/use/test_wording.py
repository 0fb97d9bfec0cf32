"""Where words begin, in tokens, in cleaned and in raw text: for every kind of token and any line of text."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from speakers import CASES, any_line, rules_of

from rnnlm.corpus.alignment import Alignment
from rnnlm.corpus.normalizer import normalize
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.corpus.wording import token_ranges, word_marks
from rnnlm.use.scoring.lines import Line, LineReader

HOW = {
    "gpt2": "begins",
    "llama": "begins",
    "t5": "begins",
    "bert": "begins",
    "suffixed": "blanks",
    "unmarked": "blanks",
}


def read(case: str, *texts: str) -> list[Line]:
    """Texts as lines."""
    return [line for text in texts for window in LineReader(rules_of(case), ids=False).windows([f"{text}\n".encode()])
            for line in window]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@given(any_line)
@settings(max_examples=40)
@example("cafe\u0301 <s> ＜s＞\u0301 İa ᄀ\u1161b 👩‍🚀 'x' a'b")
def test_every_cleaned_character_comes_from_the_raw_ones_that_it_is_made_of(case: str, raw: str) -> None:
    rules = rules_of(case)
    (line,) = read(case, raw)
    (spans,) = Alignment(rules).spans([raw], [line.cleaned])
    assert len(spans) == len(line.cleaned)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans <= len(raw)).all()
    assert (np.diff(spans, axis=0) >= 0).all()
    normalizer = rules.tokenizer.normalizer
    for character, (begin, end) in zip(line.cleaned, spans.tolist(), strict=True):
        if character.isalnum() and not unicodedata.combining(raw[begin]):
            assert character in normalize(normalizer, f"x {raw[begin:end]} x"), (character, raw[begin:end])


@pytest.mark.parametrize("case", [case for case in CASES if rules_of(case).kind in WORD_KINDS])
@given(any_line)
@settings(max_examples=150)
@example("a<s>b <s> ＜s＞ <unk>")
def test_a_word_is_what_cleaning_makes_of_its_place_in_the_raw_line(case: str, raw: str) -> None:
    rules = rules_of(case)
    (line,) = read(case, raw)
    (spans,) = Alignment(rules).spans([raw], [line.cleaned])
    ranges = token_ranges(rules, line.cleaned, line.pieces).tolist()
    taken = {index for first, last in ranges for index in range(spans[first, 0], spans[last - 1, 1])}
    for piece, (first, last) in zip(line.pieces, ranges, strict=True):
        assert line.cleaned[first:last] == piece
        begin, end = int(spans[first, 0]), int(spans[last - 1, 1])
        assert piece in normalize(rules.tokenizer.normalizer, f"x {raw[begin:end]} x")  # inside a line
        assert not re.search(r"\s", raw[begin:end])
        assert end in taken or not raw[end:] or unicodedata.category(raw[end])[0] != "M", "a mark is left behind"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("The ﬁne cat!", ["The", "ﬁne", "cat"]),
        ("don’t  half-hearted", ["don’t", "half", "hearted"]),
        ("cafe\u0301 a\u0323\u0301", ["cafe\u0301", "a\u0323\u0301"]),
        ("ᄀ\u1161 👩 𝟘a", ["ᄀ\u1161", "𝟘a"]),
        ("½", ["½", "½"]),
        ("İ 3½x", ["İ", "3½", "½x"]),
    ],
)
def test_spans_of_words_that_cleaning_changes(raw: str, words: list[str]) -> None:
    rules = rules_of("word")
    (line,) = read("word", raw)
    (spans,) = Alignment(rules).spans([raw], [line.cleaned])
    ranges = token_ranges(rules, line.cleaned, line.pieces).tolist()
    assert [raw[spans[first, 0] : spans[last - 1, 1]] for first, last in ranges] == words


@pytest.mark.parametrize("case", CASES)
@given(any_line)
@settings(max_examples=40)
def test_words_are_those_between_blanks(case: str, raw: str) -> None:
    """As many word starts as the cleaned line has words and `</s>`, whatever pieces they are spelt in."""
    rules = rules_of(case)
    (line,) = read(case, raw)
    if not len(line.ids) or case == "bert":  # whose words are cut at what is no letter too
        return
    ranges = token_ranges(rules, line.cleaned, line.pieces)
    assert len(ranges) == len(line.ids) - 1
    starts = word_marks(rules).starts(line.ids, ranges, line.cleaned)
    assert starts[0]
    # White space that is no token, or several, is none to the model.
    if line.outside.any() or set(line.cleaned) & set("\u00a0\u3000\u2028\x85"):
        return
    assert starts.sum() == (len(line.pieces) or len(line.cleaned.split())) + 1


@pytest.mark.parametrize("case", HOW)
def test_how_a_taken_over_tokenizer_marks_words(case: str) -> None:
    rules = rules_of(case)
    marks = word_marks(rules)
    assert marks.how == HOW[case]
    if marks.how == "begins":
        (line,) = read(case, "the cat sees a dog")
        names = tokens_by_id(rules.tokenizer)
        first = [names[number] for number in line.ids[marks.starts(line.ids)]]
        assert len(first) == 6
        assert first[-1] == "</s>"
