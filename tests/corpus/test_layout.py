"""What a text looks like: parts of different kinds, wrapped prose; how it is shuffled, and cut where it is one line."""

import random
import textwrap
from pathlib import Path
from typing import Any

import pytest

from rnnlm.corpus.look import TextLook, unlike
from rnnlm.corpus.paths import find_corpus
from rnnlm.corpus.raw import join_splits, split_raw
from rnnlm.corpus.settings import SPLITS, RawSettings
from rnnlm.corpus.sources import refuse_numbers
from rnnlm.errors import InputError

DRAW = random.Random(5)


def names(letters: str, count: int) -> list[str]:
    """Words of one made-up language."""
    return ["".join(DRAW.choice(letters) for _ in range(DRAW.randint(5, 9))) for _ in range(count)]


def written(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


@pytest.mark.parametrize("sort", [sorted, lambda lines: lines])
def test_parts_of_two_languages_are_unlike_and_an_alphabet_is_not(tmp_path: Path, sort: Any) -> None:
    one, other = sort(names("abcdeio", 900)), sort(names("ghklmnu", 900))
    train, valid = written(tmp_path / "t", one[:850]), written(tmp_path / "v", one[850:])
    assert not unlike(train, valid)
    assert unlike(train, written(tmp_path / "w", other[:50]))
    assert not unlike(train, written(tmp_path / "few", other[:5]))


def test_a_long_list_in_alphabetical_order_is_of_one_kind(tmp_path: Path) -> None:
    """Only letters after the second are compared: the last lines begin as no other does."""
    lines = sorted(name.capitalize() for name in names("aabcdeefghiijklmnoopqrstuuvwxyz", 4000))
    assert not unlike(written(tmp_path / "t", lines[:3800]), written(tmp_path / "v", lines[3800:]))


def test_wrapped_prose_is_told_from_verse_and_from_lines_of_tokens() -> None:
    words = names("abcdefgh", 3000)
    prose = textwrap.wrap(" ".join(words), 70)
    verse = [f"A{' '.join(words[k : k + 1 + k % 9])}." for k in range(300)]
    tokens = [" ".join(words[k : k + 3 + k * 7 % 30]) for k in range(300)]
    assert [TextLook.of(lines).wrapped for lines in (prose, verse, tokens, [])] == [True, False, False, False]


def spooled(directory: Path, text: str) -> Path:
    (directory / "spool").mkdir(parents=True)
    (directory / "spool" / "all.txt").write_text(text, "utf-8", newline="")
    return directory / "spool"


def splits(spool: Path, target: Path, given: RawSettings) -> dict[str, str]:
    target.mkdir()
    split_raw(spool, target, given)
    return {split: (target / f"{split}.txt").read_text("utf-8") for split in SPLITS}


def test_lines_or_documents_are_shuffled_by_their_content_and_a_seed(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(200)]
    text = "".join(f"{line}\n" for line in lines)
    one = splits(spooled(tmp_path / "a", text), tmp_path / "a/raw", RawSettings(shuffle=True))
    other = splits(spooled(tmp_path / "b", text), tmp_path / "b/raw", RawSettings(shuffle=True, split_seed=2))
    backwards = "".join(f"{line}\n" for line in reversed(lines))
    again = splits(spooled(tmp_path / "c", backwards), tmp_path / "c/raw", RawSettings(shuffle=True))
    whole = "".join(one.values())
    assert sorted(whole.split()) == sorted(text.split())
    assert one == again != other
    assert whole != text
    documents = [f"first of {number}\nsecond of {number}\n" for number in range(100)]
    found = splits(spooled(tmp_path / "d", "\n".join(documents)), tmp_path / "d/raw", RawSettings(shuffle=True))
    parts = "".join(found.values()).split("\n\n")
    assert sorted(part.strip() for part in parts if part) == sorted(document.strip() for document in documents)


def test_a_text_of_one_line_is_cut_at_two_spaces(tmp_path: Path) -> None:
    text = " ".join(f"wörd{number}" for number in range(500)) + "\n"
    raw = tmp_path / "raw"
    found = splits(spooled(tmp_path, text), raw, RawSettings("0.8,0.1,0.1"))
    assert all(part.count("\n") == 1 and part.endswith("\n") for part in found.values())
    assert [len(part.split()) for part in found.values()] == pytest.approx([400, 50, 50], abs=3)
    assert " ".join("".join(found.values()).split()) == text.strip()
    (tmp_path / "again").mkdir()
    join_splits(raw, tmp_path / "again", one_line=True)
    assert (tmp_path / "again" / "all.txt").read_text("utf-8") == text


def folder(directory: Path, *names: str) -> str:
    for name in names:
        written(directory / name, ["a text"])
    return str(directory)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("train.txt", "train.txt.gz"), ("train could be train.txt (7 bytes), train.txt.gz",)),
        (("p.train.txt", "p.c.train.txt", "p.test.txt"), ("p.c.train.txt", "name the files: train=FILE test=FILE")),
        (("train.txt", "train.log", "train.py"), ("train.log",)),
        (("train.py",), ("train could be train.py",)),
        (("train.txt", "valid.txt", "dev.txt"), ("valid could be dev.txt",)),
        (("a.txt", "b.txt"), ("has no train file",)),
        (("only.txt",), ("has no train file", "name its one file")),
    ],
)  # fmt: skip
def test_a_folder_that_could_be_read_in_several_ways(
    tmp_path: Path, files: tuple[str, ...], words: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as error:
        find_corpus([folder(tmp_path, *files)])
    assert all(word in str(error.value) for word in words)


def test_parts_with_numbers_are_one_split_and_are_listed(tmp_path: Path) -> None:
    corpus = find_corpus([folder(tmp_path, "train-00.txt", "train-01.txt", "test.txt", "train.txt~", ".train.txt")])
    assert [(split, len(files)) for split, files in corpus.splits] == [("train", 2), ("test", 1)]
    assert corpus.listed() == "train is train-00.txt (7 bytes), train-01.txt (7 bytes); test is test.txt (7 bytes)"
    assert find_corpus([folder(tmp_path / "x", "train.txt", "dev.txt")]).listed() is None


def test_several_files_are_the_splits_that_they_are_named_after(tmp_path: Path) -> None:
    names = ["en-ud-dev.conllu", "en-ud-test.conllu", "en-ud-train.conllu"]
    paths = [str(Path(folder(tmp_path, *names)) / name) for name in names]
    found = find_corpus(paths)
    assert [(split, [Path(name).name for name in files]) for split, files in found.splits] == [
        ("train", [names[2]]), ("valid", [names[0]]), ("test", [names[1]]),
    ]  # fmt: skip
    assert find_corpus(paths[:2]).stream == tuple(paths[:2])  # none is for training


def test_splits_are_named_on_the_command_line(tmp_path: Path) -> None:
    folder(tmp_path, "one.txt", "two.txt", "three.txt")
    named = [
        f"{split}={tmp_path / name}.txt" for split, name in (("test", "one"), ("train", "two"), ("train", "three"))
    ]
    corpus = find_corpus(named)
    assert [(split, [Path(file).stem for file in files]) for split, files in corpus.splits] == [
        ("train", ["two", "three"]), ("test", ["one"])
    ]  # fmt: skip
    for paths, words in (([*named, "train=no.txt"], "no.txt does not exist"), (named[:1], "no train=FILE")):
        with pytest.raises(InputError, match=words):
            find_corpus(paths)


@pytest.mark.parametrize(
    ("name", "text", "numbers"),
    [
        ("a.csv", "t,x\n2020-01,5\n2020-02,6\n", True),
        ("a.csv", "a;b;c\n1,5;2,5;x\n1,6;2,7;y\n", True),
        ("a.tsv", "a\tb\n1\tNA\n2\t3%\n", True),
        ("a.csv", "text,label\nthe cat sat,1\na dog,2\n", False),
        ("a.txt", "1,2\n3,4\n", False),
        ("a.csv", "1\n2\n", False),
        ("a.csv", f"a,b\n{'x' * 200_000},y\n", False),
        ("a.csv", f"a,b\n{'1' * 200_000}x,y\n", False),
    ],
)
def test_a_table_of_numbers_is_no_text(name: str, text: str, numbers: bool) -> None:
    if numbers:
        with pytest.raises(InputError, match="rnnlm window"):
            refuse_numbers(name, text.encode())
    else:
        refuse_numbers(name, text.encode())
