"""From a corpus to units: contiguous splits, blank lines and documents, the line map, and prose cut into sentences."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.corpus import clean as cleaning
from rnnlm.corpus.clean import UnitRule, clean, clean_blocks
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.paths import CorpusFiles
from rnnlm.corpus.raw import corpus_digest, split_raw
from rnnlm.corpus.sentences import sentences_of, split_sentences
from rnnlm.corpus.settings import SPLITS, CleanSettings, RawSettings, parse_fractions
from rnnlm.corpus.sources import line_blocks
from rnnlm.errors import InputError, UsageError


def split(directory: Path, text: bytes, fractions: str) -> dict[str, bytes]:
    """The three splits of one stream of text."""
    source, spool, target = directory / "source.txt", directory / "spool", directory / "raw"
    source.write_bytes(text)
    spool.mkdir()
    target.mkdir()
    corpus_digest(CorpusFiles(stream=(str(source),)), "text", spool, lambda count: None)
    split_raw(spool, target, RawSettings(fractions))
    return {name: (target / f"{name}.txt").read_bytes() for name in ("train", "valid", "test")}


@given(
    st.lists(st.text(st.sampled_from("ab é"), max_size=15), min_size=1, max_size=40),
    st.sampled_from(["0.9,0.05,0.05", "0.8,0.2,0", "1,0,0", "0.5,0,0.5", "0.34,0.33,0.33"]),
)
@settings(max_examples=60)
def test_splits_are_the_corpus_in_order_cut_at_line_ends(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], fractions: str
) -> None:
    text = "".join(line + "\n" for line in lines).encode()
    parsed = parse_fractions(fractions)
    try:
        parts = split(tmp_path_factory.mktemp("split"), text, fractions)
    except InputError as error:
        assert "too small to split" in str(error)
        assert len(lines) < 60
        return
    assert b"".join(parts.values()) == text
    end, total = 0, 0.0
    for part, fraction in zip(parts.values(), parsed, strict=True):
        assert part.endswith(b"\n") if fraction else part == b""
        end, total = end + len(part), total + fraction
        # The cut is the first line end at or after its fraction of the bytes.
        wanted = round(total * len(text))
        assert end >= wanted or total == 1.0 or not fraction
        if part and end < len(text):
            assert text.rfind(b"\n", 0, end - 1) + 1 < max(wanted, end - len(part) + 1)


def test_a_split_that_gets_no_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"too small to split.*--fractions 1,0,0"):
        split(tmp_path, b"one line alone\n", "0.9,0.05,0.05")


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty"):
        split(tmp_path, b"", "0.9,0.05,0.05")


def given_splits(directory: Path, **texts: bytes) -> dict[str, Any]:
    """The three splits of a corpus with a file for each, and the report of their sizes."""
    for name in ("spool", "raw"):
        (directory / name).mkdir()
    for name, text in texts.items():
        (directory / f"{name}.txt").write_bytes(text)
    files = tuple((name, (str(directory / f"{name}.txt"),)) for name in texts)
    corpus_digest(CorpusFiles(splits=files), "text", directory / "spool", lambda count: None)
    report = split_raw(directory / "spool", directory / "raw", RawSettings())
    return {**report, **{name: (directory / "raw" / f"{name}.txt").read_bytes() for name in SPLITS}}


def test_given_splits_are_taken_as_is(tmp_path: Path) -> None:
    found = given_splits(tmp_path, train=b"a\n\nb\n", test=b"b\r\nc")
    assert {name: found[name] for name in SPLITS} == {"train": b"a\n\nb\n", "valid": b"", "test": b"b\nc\n"}
    assert found["splits"] == {
        "train": {"bytes": 5, "lines": 3}, "valid": {"bytes": 0, "lines": 0}, "test": {"bytes": 4, "lines": 2},
    }  # fmt: skip


def test_of_given_splits_only_train_must_have_text(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert given_splits(tmp_path / "one", train=b"a\n", valid=b"")["valid"] == b""
    with pytest.raises(InputError, match=r"the corpus is empty: .*train\.txt"):
        given_splits(tmp_path / "two", train=b"", valid=b"a\n")


@pytest.mark.parametrize(
    "text", ["0.9", "0.9,0.1", "0,0.5,0.5", "0.9,0.2,-0.1", "a,b,c", "nan,0,1", "0.5,0.2,0.2", "inf,0,0", ""]
)
def test_fractions_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="fractions"):
        parse_fractions(text)


def test_the_digest_is_of_the_text_and_not_of_its_form(tmp_path: Path) -> None:
    digests = set()
    for name, content in (("a.txt", b"x\ny\n"), ("b.txt", b"\xef\xbb\xbfx\r\ny"), ("c.txt", b"x\ny")):
        (tmp_path / name).write_bytes(content)
        spool = tmp_path / f"spool-{name}"
        spool.mkdir()
        digests.add(corpus_digest(CorpusFiles(stream=(str(tmp_path / name),)), "text", spool, lambda count: None))
    assert len(digests) == 1


def units(
    text: str, kind: str = "word", cut: bool = False, **flags: object
) -> tuple[list[str], list[int], list[int], int, int]:
    """Cleaned units, their raw lines, the units that begin a document, blank and emptied lines."""
    settings_ = CleanSettings(**flags)  # type: ignore[arg-type]
    pieces = [line + "\n" for line in text.split("\n")[:-1]] if cut else [text]
    lines: list[str] = []
    numbers: list[int] = []
    documents: list[int] = []
    blank = emptied = 0
    for block in clean_blocks(
        [piece.encode() for piece in pieces], CleanRule.of(settings_, kind), UnitRule.of(settings_, kind)
    ):
        documents += [len(lines) + int(index) for index in block.documents]
        lines += block.text.decode().split("\n")[:-1]
        numbers += [int(number) for number in block.lines]
        blank, emptied = blank + block.blank, emptied + block.emptied
    return lines, numbers, documents, blank, emptied


@pytest.mark.parametrize("cut", [False, True])
def test_blank_lines_give_no_unit_and_begin_a_document(cut: bool) -> None:
    text = "One.\nTwo!\n\n  \t\nThree?\n...\nFour\n\nFive\n"
    assert units(text, cut=cut) == (["one", "two", "three", "four", "five"], [1, 2, 5, 7, 9], [0, 2, 4], 3, 1)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    ("kind", "flags"), [("whitespace", {"prepared": True}), ("char", {}), ("byte", {}), ("char", {"prepared": True})]
)
def test_where_every_line_is_a_unit_an_empty_one_is_too(kind: str, flags: dict[str, object], cut: bool) -> None:
    lines, numbers, documents, blank, emptied = units("a\n\nb\nc\n\n\nd\n", kind, cut, **flags)
    assert lines == ["a", "", "b", "c", "", "", "d"]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert documents == [0, 2, 6]
    assert (blank, emptied) == (0, 0)


def test_leading_blank_lines_make_no_empty_document() -> None:
    assert units("\n\na\nb\n")[2] == [0]


@given(
    st.lists(st.sampled_from(["a b", "C.", "", " ", "...", "é"]), min_size=1, max_size=12),
    st.sampled_from(["word", "char", "bpe"]),
    st.booleans(),
)
@settings(max_examples=80)
def test_blocks_may_be_cut_anywhere(lines: list[str], kind: str, prepared: bool) -> None:
    text = "".join(line + "\n" for line in lines)
    assert units(text, kind, cut=True, prepared=prepared) == units(text, kind, cut=False, prepared=prepared)


@pytest.mark.parametrize("size", [1, 8, 2**20])
def test_counts_and_documents_of_a_split_are_those_of_the_whole_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Also where the split is read in several blocks."""
    monkeypatch.setattr(cleaning, "line_blocks", lambda path: line_blocks(path, size))
    text = "One.\nTwo!\n\n  \t\nTrès\n...\nFour\n\nFive\n"
    raw, cleaned = tmp_path / "raw", tmp_path / "clean"
    for directory in (raw, cleaned):
        directory.mkdir()
    for name, content in (("train", text), ("valid", "A\n\nB\n"), ("test", "")):
        (raw / f"{name}.txt").write_bytes(content.encode())
    settings_ = CleanSettings()
    read: list[int] = []
    report = clean(raw, cleaned, CleanRule.of(settings_, "word"), UnitRule.of(settings_, "word"), read.append)
    assert report["splits"] == {
        "train": {
            "units": 5,
            "characters": 23,
            "blank_lines": 3,
            "emptied_lines": 1,
            "documents": 3,
            "special_strings": 0,
        },
        "valid": {
            "units": 2,
            "characters": 4,
            "blank_lines": 1,
            "emptied_lines": 0,
            "documents": 2,
            "special_strings": 0,
        },
        "test": {
            "units": 0,
            "characters": 0,
            "blank_lines": 0,
            "emptied_lines": 0,
            "documents": 0,
            "special_strings": 0,
        },
    }
    assert (cleaned / "train.txt").read_text("utf-8") == "one\ntwo\ntrès\nfour\nfive\n"
    assert np.load(cleaned / "train.lines.npy").tolist() == [1, 2, 5, 7, 9]
    assert np.load(cleaned / "train.documents.npy").tolist() == [0, 2, 4]
    assert np.load(cleaned / "valid.documents.npy").tolist() == [0, 1]
    assert sum(read) == len(text.encode()) + 5


def test_a_special_string_can_be_made_an_error() -> None:
    settings_ = CleanSettings(prepared=True, special_in_text="error")
    rule, unit_rule = CleanRule.of(settings_, "whitespace"), UnitRule.of(settings_, "whitespace")
    with pytest.raises(InputError, match="line 2 has the special string </s>"):
        list(clean_blocks([b"a <unk>b\nc </s>\n"], rule, unit_rule))
    with pytest.raises(InputError, match="line 1 has the special string <unk>"):
        list(clean_blocks([b"a <UNK> b\n"], CleanRule.of(CleanSettings(), "word"), unit_rule))
    assert units("a </s> b\n", "whitespace", prepared=True)[0] == ["a <unk> b"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Mr. Smith met Dr. Jones. They left.", ["Mr. Smith met Dr. Jones.", "They left."]),
        ("J. S. Bach wrote it. Yes.", ["J. S. Bach wrote it.", "Yes."]),
        ("It cost 3.5 pounds. Really?! Yes…", ["It cost 3.5 pounds.", "Really?!", "Yes…"]),
        ("“Go.” She went. 'No.' he said.", ["“Go.”", "She went.", "'No.' he said."]),
        ("The U.S. Army and the U.K. left. It won.", ["The U.S. Army and the U.K. left.", "It won."]),
        ("e.g. this. etc. and so on.", ["e.g. this. etc. and so on."]),
        ("Élan vital. École. Öl.", ["Élan vital.", "École.", "Öl."]),
        ("", []),
        ("   ", []),
    ],
)
def test_prose_is_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_sentences_run_over_lines_and_end_with_the_paragraph() -> None:
    lines = ["The cat sat", "on the mat. The dog", "ran. And", "", "then it rained"]
    assert list(sentences_of(enumerate(lines, 1))) == [
        (1, "The cat sat on the mat."), (2, "The dog ran."), (3, "And"), (4, ""), (5, "then it rained"),
    ]  # fmt: skip
    text = "".join(line + "\n" for line in lines)
    assert units(text, sentences=True)[:3] == (
        ["the cat sat on the mat", "the dog ran", "and", "then it rained"], [1, 2, 3, 5], [0, 3],
    )  # fmt: skip


def test_a_word_wrapped_at_its_hyphen_is_one_word() -> None:
    lines = ["An exam-", "  ple of a well-known Anglo-", "Saxon word -", "that is. It -- the ex-", "ample. Too."]
    assert list(sentences_of(enumerate(lines, 1))) == [
        (1, "An example of a well-known Anglo- Saxon word - that is."), (4, "It -- the example."), (5, "Too."),
    ]  # fmt: skip


@given(st.text(st.sampled_from("Ab. !?\n'"), max_size=60))
def test_cutting_into_sentences_loses_no_letter(text: str) -> None:
    found = list(sentences_of(enumerate(text.split("\n"), 1)))
    assert "".join("".join(sentence.split()) for _, sentence in found) == "".join(text.split())
    numbers = [number for number, _ in found]
    assert numbers == sorted(numbers)
