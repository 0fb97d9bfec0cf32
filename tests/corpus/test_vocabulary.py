"""The vocabulary: counting in bounded memory, order and choice of ids, and what stays unknown."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.corpus import vocabulary
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import CleanSettings, VocabSettings
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.tokenizer import load_tokenizer, tokens_by_id
from rnnlm.corpus.vocabulary import VocabRule, count_tokens, read_lexicon, vocab
from rnnlm.errors import InputError, UsageError

KEPT = CleanRule.of(CleanSettings(prepared=True), "word")
tokens_lines = st.lists(
    st.lists(st.text(st.sampled_from("abé\t\u2028文"), min_size=1, max_size=3), max_size=8), min_size=1, max_size=20
)


@given(tokens_lines, st.integers(1, 6), st.integers(1, 30))
@settings(max_examples=80)
def test_counts_that_wait_on_disk_are_the_counts(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]], limit: int, block: int
) -> None:
    path = tmp_path_factory.mktemp("count") / "train.txt"
    path.write_bytes("".join(" ".join(line) + "\n" for line in lines).encode())
    expected = Counter(token.encode() for line in lines for token in [*line, "</s>"])
    with pytest.MonkeyPatch.context() as patch:
        # Small blocks, so that the limit is met many times.
        patch.setattr(vocabulary, "line_blocks", lambda path, size: line_blocks(path, block))
        found = list(count_tokens(path, limit))
    assert dict(found) == expected
    assert [token for token, _ in found] == sorted(expected)
    assert [entry.name for entry in path.parent.iterdir()] == ["train.txt"]


def make(
    directory: Path, train: str, choice: VocabRule, valid: str = "", kind: str = "whitespace"
) -> tuple[list[str], dict[str, object]]:
    """The vocabulary of the given tokens in the order of ids, and the report."""
    tokens, target = directory / "tokens", directory / "vocab"
    for each in (tokens, target):
        each.mkdir()
    for split, text in (("train", train), ("valid", valid), ("test", "")):
        (tokens / f"{split}.txt").write_text(text, "utf-8", newline="\n")
    rule = CleanRule.of(CleanSettings(prepared=True), kind)
    report = vocab(tokens, target, kind=kind, rule=rule, choice=choice, progress=lambda count: None)
    return tokens_by_id(load_tokenizer((target / "tokenizer.json").read_text("utf-8"), "")), report


TRAIN = "b b b a a c\nd a b <unk>\nc é e\n"
SPECIALS = ["<pad>", "<s>", "</s>", "<unk>"]


def test_words_follow_the_specials_by_descending_count_and_code_point(tmp_path: Path) -> None:
    names, report = make(tmp_path, TRAIN, VocabRule(1, None), "a zz <unk>\n\n")
    assert names == [*SPECIALS, "b", "a", "c", "d", "e", "é"]
    assert (report["size"], report["outputs"], report["distinct_in_train"]) == (10, 8, 6)
    assert report["splits"] == {
        "train": {"tokens": 16, "unknown_tokens": 1, "out_of_vocabulary_tokens": 0},
        "valid": {"tokens": 5, "unknown_tokens": 2, "out_of_vocabulary_tokens": 1},
        "test": {"tokens": 0, "unknown_tokens": 0, "out_of_vocabulary_tokens": 0},
    }
    rows = [line.split("\t") for line in (tmp_path / "vocab" / "vocabulary.tsv").read_text("utf-8").splitlines()]
    assert rows[0] == ["id", "token", "count"]
    assert rows[1:6] == [
        ["0", "<pad>", "0"],
        ["1", "<s>", "0"],
        ["2", "</s>", "3"],
        ["3", "<unk>", "1"],
        ["4", "b", "4"],
    ]
    assert sum(int(row[2]) for row in rows[1:]) == 16


def test_rare_words_are_dropped_and_reported(tmp_path: Path) -> None:
    names, report = make(tmp_path, TRAIN, VocabRule(2, None))
    assert names == [*SPECIALS, "b", "a", "c"]
    assert report["splits"]["train"] == {"tokens": 16, "unknown_tokens": 4, "out_of_vocabulary_tokens": 3}  # type: ignore[index]
    assert report["most_frequent_unknown"] == {"d": 1, "e": 1, "é": 1}
    assert report["most_frequent"] == {"b": 4, "a": 3, "c": 2}


def test_a_largest_size_counts_the_specials(tmp_path: Path) -> None:
    names, report = make(tmp_path, TRAIN, VocabRule(1, 6))
    assert names == [*SPECIALS, "b", "a"]
    assert report["most_frequent_unknown"] == {"c": 2, "d": 1, "e": 1, "é": 1}


def test_a_lexicon_is_taken_whole(tmp_path: Path) -> None:
    names, report = make(tmp_path, TRAIN, VocabRule(1, None, ("zebra", "a", "c", "yak")))
    assert names == [*SPECIALS, "a", "c", "yak", "zebra"]
    assert report["most_frequent_unknown"] == {"b": 4, "d": 1, "e": 1, "é": 1}


def test_a_lexicon_is_cut_to_the_largest_size(tmp_path: Path) -> None:
    names, _ = make(tmp_path, TRAIN, VocabRule(1, 6, ("zebra", "a", "c", "yak")))
    assert names == [*SPECIALS, "a", "c"]


def test_the_largest_dropped_counts_are_shown(tmp_path: Path) -> None:
    """More dropped words than are shown: those shown are the most frequent of them."""
    train = "".join(f"w{n:02} " * (n + 1) for n in range(30)).strip() + "\n"
    _, report = make(tmp_path, train, VocabRule(1, None, ("x",)))
    assert report["most_frequent_unknown"] == {f"w{n:02}": n + 1 for n in range(29, 19, -1)}


def test_the_mark_and_the_space_are_two_characters(tmp_path: Path) -> None:
    names, _ = make(tmp_path, "a ▁ \\▁ \\ ▁\n", VocabRule(1, None), kind="char")
    assert names == [*SPECIALS, " ", "\\", "a", "▁"]


def test_white_space_tokens_keep_the_table_whole(tmp_path: Path) -> None:
    names, _ = make(tmp_path, "a \t \u2028 \\ x\n", VocabRule(1, None), kind="char")
    assert set(names) == {*SPECIALS, "a", "\t", "\u2028", "\\", "x"}
    lines = (tmp_path / "vocab" / "vocabulary.tsv").read_bytes().decode().split("\n")
    assert all(line.count("\t") == 2 for line in lines[:-1])
    assert {line.split("\t")[1] for line in lines[5:-1]} == {"a", "\\u0009", "\\u2028", "\\u005c", "x"}


def test_a_lexicon_file_is_read_by_its_first_column(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffcat 12\n\n<s>\ndog\n<unk>\nélan\t3\n".encode())
    assert read_lexicon(path, KEPT) == ("cat", "dog", "élan")
    for content, words in ((b"a\nb\na\n", "'a' twice"), (b"<s>\n\n", "lists no word"), (b"\xff\n", "cannot read")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=words):
            read_lexicon(path, KEPT)
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            read_lexicon(path, KEPT)


def test_the_words_of_a_lexicon_are_cleaned_like_the_text(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("The\nthe\ndon't\nice-cream\n***\n", "utf-8")
    rule = CleanRule.of(CleanSettings(), "word")
    assert read_lexicon(path, rule) == ("the", "dont")


@pytest.mark.parametrize("flags", [{"min_count": 2}, {"closed": True}])
def test_a_lexicon_leaves_nothing_to_choose(flags: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="--vocabulary"):
        VocabSettings(vocabulary="x", **flags).check()  # type: ignore[arg-type]


def test_the_unknown_word_can_be_predicted(tmp_path: Path) -> None:
    """`<unk>` has an id among the outputs even where train knows every word."""
    names, report = make(tmp_path, "a b\n", VocabRule(1, None))
    assert names.index("<unk>") == 3
    assert report["outputs"] == len(names) - 2


def test_equal_tokens_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make(tmp_path / name, TRAIN, VocabRule(1, None))
    for path in (tmp_path / "one" / "vocab").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "vocab" / path.name).read_bytes()
    assert json.loads((tmp_path / "one" / "vocab" / "tokenizer.json").read_text("utf-8"))["added_tokens"] == []
