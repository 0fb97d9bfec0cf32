"""Cleaning: known examples, idempotence over all of Unicode, and the fast way compared with the normalizer."""

import functools
import itertools
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_strategies import any_line, any_lines, ascii_lines

from rnnlm.corpus.normalizer import Cleaner, CleanRule, load_normalizer, normalize, normalizer_json
from rnnlm.corpus.settings import CleanSettings

RULES = [
    CleanRule.of(CleanSettings(False, case, punctuation, digits, form, strip), "word")
    for case, punctuation, digits, form, strip in itertools.product(
        ("lower", "keep"), ("remove", "keep"), ("keep", "zero"), ("nfkc", "nfc", "none"), (False, True)
    )
] + [CleanRule.of(CleanSettings(prepared=True), kind) for kind in ("word", "char")]  # fmt: skip
RULES = list(dict.fromkeys(RULES))
# Built once: a normalizer compiles its patterns.
NORMALIZERS = {rule: rule.normalizer() for rule in RULES}
DEFAULT = CleanRule.of(CleanSettings(), "word")


def clean(text: str, kind: str = "word", **flags: object) -> str:
    """`text` cleaned by the given flags."""
    return normalize(CleanRule.of(CleanSettings(**flags), kind).normalizer(), text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("The cat is on the mat.", "the cat is on the mat"),
        ("don't", "dont"),
        ("don’t", "dont"),
        ("rock'n'roll", "rocknroll"),
        ("rock 'n' roll", "rock n roll"),
        ("'tis the dogs' bone", "tis the dogs bone"),
        ("a\tb\t\tc", "a b c"),
        ("  a  ", "a"),
        ("U.S.A., e-mail & co: $5 + 1 = 6^1", "u s a e mail co 5 1 6 1"),
        ("ｆｕｌｌ－ｗｉｄｔｈ　１２", "full width 12"),
        ("İstanbul", "i̇stanbul"),
        ("ΟΔΟΣ", "οδοσ"),
        ("½ ﬁsh x²", "1 2 fish x2"),
        ("cafe\u0301", "café"),
        ("a\u00a0b\u3000c\u2028d\u0085e\x1ff", "a b c d e f"),
        ("<s> The <unk> sat </S>", "the <unk> sat"),
        ("<s> </s> <pad> <unk>", "<unk> <unk> <unk>"),
        ("a <s> b </s> c <pad>", "a <unk> b <unk> c <unk>"),
        ("\u00a0<S>\ta</s>", "a s"),
        ("<unk>, a<unk> <unk>b (<unk>) <<unk>> <UNK>", "unk a unk unk b unk unk <unk>"),
        ("be\u00adll ze\u200bro \ufeffmark w\u2060j r\u200fl", "bell zero mark wj rl"),
        ("می\u200cخواهم क्\u200dष ക്\u200d", "می\u200cخواهم क्\u200dष ക്\u200d"),
        ("be\u200dll be\u200cll می\u200c ы\u200dя", "bell bell می ыя"),
        ("👩\u200d💻 e\u00ad\u0301 \u0600", "é \u0600"),
        ("\U000110bda \U000110cdb c\U000e0001", "\U000110bda \U000110cdb c"),
        ("don＇t", "dont"),
        ("e\u0301's", "és"),
        ("3'4", "3 4"),
        ("...", ""),
        ("", ""),
    ],
)
def test_known_examples_of_default_cleaning(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned
    assert Cleaner(DEFAULT).block(raw.encode() + b"\n") == cleaned.encode() + b"\n"


@pytest.mark.parametrize(
    ("flags", "raw", "cleaned"),
    [
        ({"case": "keep"}, "The Cat", "The Cat"),
        ({"punctuation": "keep"}, "Don't, he said!", "don't, he said!"),
        ({"punctuation": "keep"}, "<s> a <pad>b </S>", "a <pad>b"),
        ({"punctuation": "keep"}, "👩\u200d💻 a\u200d.", "👩\u200d💻 a."),
        ({"punctuation": "keep", "case": "keep"}, "<S> a <s> </S>", "<S> a <unk> </S>"),
        ({"punctuation": "keep", "fold_quotes": True}, "“It’s” – „so‟—", '"it\'s" - "so"-'),
        ({"prepared": True}, "be\u00adll", "be\u00adll"),
        ({"punctuation": "keep"}, "＜s＞ b", "b"),
        ({"punctuation": "keep"}, "a ＜s＞ é", "a <unk> é"),
        ({"digits": "zero"}, "1,234 in 2024 ٣ ३", "0 000 in 0000 0 0"),
        ({"digits": "zero"}, "½ x²", "0 0 x0"),
        ({"normalization": "nfc"}, "ｆ½", "ｆ½"),
        ({"normalization": "none"}, "cafe\u0301", "cafe\u0301"),
        ({"strip_accents": True}, "Café, Ångström, Ñandú; İ", "cafe angstrom nandu i"),
        ({"prepared": True}, "The  <unk> N's\t</s>", "The <unk> N's"),
    ],
)
def test_known_examples_of_flags(flags: dict[str, object], raw: str, cleaned: str) -> None:
    assert clean(raw, **flags) == cleaned


def test_a_prepared_text_of_characters_is_kept_as_is() -> None:
    assert clean("  The\t<s> Ａ ", kind="char", prepared=True) == "  The\t<s> Ａ "


@given(st.sampled_from(RULES), any_line)
@settings(max_examples=400)
def test_cleaning_twice_is_cleaning_once(rule: CleanRule, text: str) -> None:
    once = normalize(NORMALIZERS[rule], text)
    assert normalize(NORMALIZERS[rule], once) == once


@given(st.sampled_from(RULES), st.one_of(any_lines, ascii_lines))
@settings(max_examples=400)
def test_blocks_are_cleaned_as_the_normalizer_cleans_lines(rule: CleanRule, lines: list[str]) -> None:
    block = "".join(line + "\n" for line in lines).encode()
    expected = "".join(normalize(NORMALIZERS[rule], line) + "\n" for line in lines)
    assert Cleaner(rule).block(block).decode() == expected


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_ascii_character_in_every_company(rule: CleanRule) -> None:
    """The byte tables against the normalizer: each ASCII character alone, in a word, doubled, at either end."""
    characters = [chr(code) for code in range(1, 128) if chr(code) not in "\n\r"]
    lines = [
        form.format(c) for c in characters for form in ("{0}", "a{0}B", "{0}a", "a{0}", "a {0} 1", "'{0}'", "{0}{0}")
    ]
    expected = "".join(normalize(NORMALIZERS[rule], line) + "\n" for line in lines)
    assert Cleaner(rule).block("".join(line + "\n" for line in lines).encode()).decode() == expected


@functools.cache
def all_characters() -> tuple[str, ...]:
    """Every assigned code point and all of the first plane, alone and between letters, a thousand a line."""
    points = [
        code
        for code in range(1, sys.maxunicode + 1)
        if not 0xD800 <= code < 0xE000
        and code not in (10, 13)
        and (code < 0x10000 or unicodedata.category(chr(code)) not in ("Cn", "Co"))
    ]
    return tuple(
        " ".join(f"{chr(code)} a{chr(code)}b" for code in points[start : start + 1000])
        for start in range(0, len(points), 1000)
    )


def test_every_code_point_is_cleaned_once_and_for_all() -> None:
    normalizer = NORMALIZERS[DEFAULT]
    for line in all_characters():
        once = normalize(normalizer, line)
        assert normalize(normalizer, once) == once
        if not "\u3400" <= line[0] < "\uf800":  # ideographs and syllables by the ten thousand, one like another
            assert Cleaner(DEFAULT).block(line.encode() + b"\n").decode() == once + "\n"


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.punctuation == "remove" and rule.digits == "zero"], ids=str
)
def test_every_code_point_of_the_first_plane_under_every_flag(rule: CleanRule) -> None:
    lines = [line for line in all_characters() if line[0] < "\u3100" or "\uf900" <= line[0] < "\U00010000"]
    for line in lines:
        once = normalize(NORMALIZERS[rule], line)
        assert normalize(NORMALIZERS[rule], once) == once


def test_only_letters_marks_numbers_and_single_spaces_are_left() -> None:
    left = {character for line in all_characters() for character in normalize(NORMALIZERS[DEFAULT], line)}
    categories = {unicodedata.category(character) for character in left - {" "}}
    # Cn: the library's tables and Python's are of different versions of Unicode.
    assert not {category for category in categories if category[0] in "PSZ"} - {"Cn"}
    assert "Cc" not in categories
    assert not any(character.isspace() for character in left - {" "})


def test_a_normalizer_survives_being_written() -> None:
    for rule in RULES:
        if NORMALIZERS[rule] is not None:
            again = load_normalizer(normalizer_json(NORMALIZERS[rule]))
            for text in ("Don't <s> １½ CAFÉ\u0301\t İ", "＜S＞ ΟΔΟΣ"):
                assert normalize(again, text) == normalize(NORMALIZERS[rule], text)
