"""Labeled corpora on the command line: what is recorded, what is refused, edits by hand, and rebuilt splits."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Contents = Callable[[Path], dict[str, bytes]]


def write(path: Path, content: str) -> Path:
    """A file."""
    path.write_text(content, "utf-8")
    return path


def settings_of(work: Path) -> dict[str, Any]:
    """What the `raw` stage was made by."""
    found: dict[str, Any] = json.loads((work / "raw" / "manifest.json").read_text("utf-8"))["settings"]
    return found


def report_of(work: Path) -> dict[str, Any]:
    """The report of the `raw` stage."""
    found: dict[str, Any] = json.loads((work / "raw" / "manifest.json").read_text("utf-8"))["report"]
    return found


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """Sentences whose words have tags."""
    sentence = "The\tDET\n{}\tNOUN\nsees\tVERB\nMary's\tNOUN\ncat\tNOUN\n.\tPUNCT\n\n"
    return write(tmp_path / "tagged.txt", "".join(sentence.format(f"dog{number // 2}") for number in range(60)))


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Texts with a label each, some of them twice."""
    rows = [
        (f"{word}, number {number}!", label)
        for number in range(40)
        for word, label in (("Fine", "pos"), ("Bad", "neg"))
    ]
    return write(tmp_path / "reviews.tsv", "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows * 2))


def test_an_unlabelled_corpus_is_recorded_as_it_always_was(tmp_path: Path, run: Any, corpus: Path) -> None:
    digest = hashlib.sha256(corpus.read_bytes()).hexdigest()
    for flags in ((), ("--task", "language")):
        work = tmp_path / f"work{len(flags)}"
        run("clean", corpus, "--out", work, *flags).ok()
        assert settings_of(work) == {"corpus_sha256": digest, "fractions": "0.9,0.05,0.05"}
        assert set(report_of(work)) == {"splits"}


def test_tagged_words_stay_as_they_are_and_rare_ones_train_the_unknown(tmp_path: Path, run: Any, tagged: Path) -> None:
    work = tmp_path / "work"
    report = run("vocab", tagged, "--task", "tag", "--out", work, "--json").ok().json
    assert report["kind"] == "whitespace"
    assert report["min_count"] == 2
    assert (work / "clean" / "train.txt").read_text().startswith("The dog0 sees Mary's cat .\n")
    assert (work / "raw" / "train.labels.txt").read_text().startswith("DET NOUN VERB NOUN NOUN PUNCT\n")
    assert settings_of(work) == {
        "corpus_sha256": settings_of(work)["corpus_sha256"], "fractions": "0.9,0.05,0.05", "labels": "token",
    }  # fmt: skip
    tags, text = ((work / "raw" / f"test{ending}").read_text().split("\n") for ending in (".labels.txt", ".txt"))
    assert [len(line.split()) for line in tags] == [len(line.split()) for line in text]
    # The workspace continues as is, with or without --task, and in another format of the same corpus.
    for arguments in ([work], [tagged, "--out", work], [tagged, "--task", "tag", "--out", work]):
        assert "vocab: up to date" in run("vocab", *arguments).ok().err
    assert run("vocab", work, "--closed", "--json").ok().json["min_count"] == 1


def test_texts_with_a_label_take_any_kind_and_any_cleaning(tmp_path: Path, run: Any, reviews: Path) -> None:
    for kind in ("word", "whitespace", "char", "byte", "bpe"):
        work = tmp_path / kind
        more = ["--vocab-size", "300"] if kind == "bpe" else []
        result = run("vocab", reviews, "--task", "classify", "--kind", kind, "--out", work, *more).ok()
        assert "raw: 80 labeled texts; 80 repeated and 0 blank skipped" in result.err
        lines = (work / "raw" / "train.labels.txt").read_text().splitlines()
        assert len(lines) == 72
        assert set(lines) == {"pos", "neg"}
    settings = settings_of(work)
    assert (settings["labels"], settings["split_seed"]) == ("text", 1)


def test_a_new_split_is_the_split_of_a_fresh_reading(
    tmp_path: Path, run: Any, reviews: Path, tagged: Path, contents: Contents
) -> None:
    for corpus, task in ((reviews, "classify"), (tagged, "tag")):
        old, new = tmp_path / f"old-{task}", tmp_path / f"new-{task}"
        flags = ("--fractions", "0.5,0.3,0.2", *(("--split-seed", "7") if task == "classify" else ()))
        run("vocab", corpus, "--task", task, "--out", old).ok()
        assert "stale now: tokenize, vocab" in run("clean", old, *flags).ok().err
        run("clean", corpus, "--task", task, "--out", new, *flags).ok()
        assert contents(old / "raw") == contents(new / "raw")
        assert contents(old / "clean") == contents(new / "clean")


def test_the_written_settings_repeat_the_reading(tmp_path: Path, run: Any, tagged: Path, contents: Contents) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    run("vocab", tagged, "--task", "tag", "--out", one).ok()
    run("vocab", tagged, "--out", two, "--config", one / "settings.toml").ok()
    for stage in ("raw", "clean", "tokenize", "vocab"):
        assert contents(one / stage) == contents(two / stage)


def test_the_trainer_gets_labels_beside_ids(tmp_path: Path, run: Any, reviews: Path, tagged: Path) -> None:
    from rnnlm.app.pipeline import Pipeline
    from rnnlm.app.request import Request
    from rnnlm.cli.terminal import Terminal
    from rnnlm.workspace import Workspace

    def pipeline(work: Path, **flags: str) -> Pipeline:
        screen = Terminal(json_output=False, quiet=True)
        return Pipeline(Workspace.open(work), Request("train", {"paths": [str(work)]}, flags, ("raw",)), screen)

    run("vocab", reviews, "--task", "classify", "--out", tmp_path / "texts").ok()
    run("vocab", tagged, "--task", "tag", "--out", tmp_path / "tags").ok()
    texts, tags = pipeline(tmp_path / "texts"), pipeline(tmp_path / "tags")
    assert (texts.task, texts.labels, tags.task, tags.labels) == ("classify", "text", "tag", "token")
    assert pipeline(tmp_path / "tags", task="language").task == "language"
    train = texts.labelled("train", texts.label_set())
    # 'fine' is never negative here, so that texts and labels that parted would show.
    fine = texts.text_rules()[0].tokenizer.token_to_id("fine")
    has_fine = [fine in train.ids.line(row) for row in range(len(train))]
    assert [train.labels[number] == "pos" for number in train.numbers] == has_fine
    assert tags.label_set() == ("NOUN", "DET", "PUNCT", "VERB")
    _, targets, _ = tags.labelled("test", tags.label_set()).batch(np.array([0]))
    assert targets[:, 0].tolist() == [1, 0, 3, 0, 0, 2]


REFUSED: dict[str, tuple[list[str], int, list[str]]] = {
    "kind": (["--task", "tag", "--kind", "char"], 2, ["--kind char with --task tag"]),
    "tokenizer": (["--task", "tag", "--tokenizer", "t.json"], 2, ["--tokenizer with --task tag"]),
    "not prepared": (["--task", "tag", "--no-prepared"], 2, ["--no-prepared with --task tag"]),
    "cleaned": (["--task", "tag", "--case", "keep"], 2, ["--case keep with --prepared"]),
    "sentences": (["--task", "classify", "--sentences"], 2, ["--sentences with --task classify"]),
    "forecast": (["--task", "forecast"], 2, ["rnnlm window TABLE"]),
    "no such task": (["--task", "tags"], 2, ["--task", "tags"]),
    "one number": (["--task", "classify", "--label", "2"], 2, ["--field text with --label 2"]),
    "name": (["--task", "tag", "--label", "upos"], 2, ["--label upos", "number"]),
    "seed": (["--task", "classify", "--split-seed", "-1"], 2, ["--split-seed"]),
    "fine but not there": (["--task", "tag"], 3, ["none.txt does not exist"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_would_part_labels_from_texts(tmp_path: Path, run: Any, case: str) -> None:
    """Before any corpus is read: none.txt is not there."""
    flags, code, words = REFUSED[case]
    run("vocab", tmp_path / "none.txt", "--out", tmp_path / "work", *flags).refused(code, *words)
    assert not (tmp_path / "work").exists()


def test_a_workspace_is_for_the_labels_that_it_has(tmp_path: Path, run: Any, tagged: Path, reviews: Path) -> None:
    plain, work = tmp_path / "plain", tmp_path / "work"
    run("vocab", tagged, "--out", plain).ok()
    run("vocab", tagged, "--task", "tag", "--out", work).ok()
    for task, each in (("tag", "word"), ("classify", "text")):
        words = (f"--task {task}", f"no label for each {each}", f"rnnlm clean CORPUS --task {task}")
        run("vocab", plain, "--task", task).refused(2, *words)
    run("vocab", work, "--task", "classify").refused(2, "no label for each text")
    run("vocab", work, "--task", "forecast").refused(2, "rnnlm window TABLE")
    run("vocab", work, "--kind", "char").refused(2, "--kind char with --task tag")
    run("vocab", reviews, "--task", "classify", "--out", work).refused(2, "another corpus", "--force")
    run("vocab", tagged, "--task", "language", "--out", work).refused(2, "another corpus", "--force")
    assert "up to date" in run("vocab", work, "--task", "language").ok().err
    run("vocab", reviews, "--task", "classify", "--kind", "char", "--out", work, "--force").ok()
    assert settings_of(work)["labels"] == "text"
    assert "up to date" in run("vocab", work).ok().err


def test_a_damaged_labelled_corpus_is_read_anew_with_force(
    tmp_path: Path, run: Any, tagged: Path, contents: Contents
) -> None:
    work = tmp_path / "work"
    run("clean", tagged, "--task", "tag", "--out", work).ok()
    before = contents(work / "raw")
    for name in ("train.labels.txt", "manifest.json"):
        (work / "raw" / name).write_bytes(before[name][:-9])
        run("clean", work).refused(4, f"raw/{name}")
        run("clean", tagged, "--out", work, "--force").ok()
        assert contents(work / "raw") == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tX\n\nb\tX Y\n", ["bad.tsv, line 3", "'X Y'"]),
        ("a\tX\nb\n", ["bad.tsv, line 2", "1 column"]),
        ("\n\n", ["empty"]),
    ],
)
def test_tagged_words_that_cannot_be_read(tmp_path: Path, run: Any, content: str, words: list[str]) -> None:
    path = write(tmp_path / "bad.tsv", content)
    run("train", path, "--task", "tag", "--out", tmp_path / "work").refused(3, *words)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tb\nc\td\n", ["bad.tsv has the columns a, b", "--field and --label"]),
        ("text\tlabel\na\tx\nb\n", ["bad.tsv, line 3", "1 columns instead of 2"]),
        ("text\tlabel\na\tx\n \ty\n", ["too small to split"]),
        ("text\tlabel\n \ty\n", ["empty"]),
    ],
)
def test_labelled_texts_that_cannot_be_read(tmp_path: Path, run: Any, content: str, words: list[str]) -> None:
    path = write(tmp_path / "bad.tsv", content)
    run("train", path, "--task", "classify", "--out", tmp_path / "work").refused(3, *words)
    assert not (tmp_path / "work").exists()


def test_split_files_and_standard_input(tmp_path: Path, run: Any) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder / "train.csv", 'text,label\n"a, b",x\nc,y\n')
    write(folder / "dev.jsonl", '{"text": "c", "label": "x"}\n')
    result = run("clean", folder, "--task", "classify", "--out", tmp_path / "work").ok()
    assert "1 of valid are in train too" in result.err
    assert settings_of(tmp_path / "work")["split_seed"] is None
    assert (tmp_path / "work" / "raw" / "test.labels.txt").read_bytes() == b""
    flags = ("--task", "classify", "--fractions", "1,0,0", "--field", "2", "--label", "1", "--out", tmp_path / "stdin")
    run("clean", "-", *flags, stdin=b"x\ta b\ny\tc\n").ok()
    assert sorted((tmp_path / "stdin" / "raw" / "train.txt").read_text().splitlines()) == ["a b", "c"]


def test_labels_edited_by_hand_are_adopted_where_they_still_fit(
    tmp_path: Path, run: Any, tagged: Path, reviews: Path
) -> None:
    tags, texts = tmp_path / "tags", tmp_path / "texts"
    run("vocab", tagged, "--task", "tag", "--out", tags).ok()
    run("vocab", reviews, "--task", "classify", "--out", texts).ok()
    edits: list[tuple[Path, str, Callable[[str], str], bool]] = [
        (tags, "train.labels.txt", lambda text: text.replace("VERB", "V", 1), True),
        (tags, "train.labels.txt", lambda text: text.replace("VERB ", "", 1), False),
        (tags, "train.labels.txt", lambda text: text.replace("VERB ", "VERB  ", 1), False),
        (tags, "train.labels.txt", lambda text: text.split("\n", 1)[1], False),
        (tags, "train.txt", lambda text: text.replace("sees", "saw", 1), True),
        (tags, "train.txt", lambda text: text.replace("sees", "has seen", 1), False),
        (texts, "valid.labels.txt", lambda text: text.replace("pos", "very good", 1), True),
        (texts, "valid.labels.txt", lambda text: text.replace("pos", "", 1), False),
        (texts, "valid.labels.txt", lambda text: text.replace("pos", " pos", 1), False),
        (texts, "valid.labels.txt", lambda text: text + "pos\n", False),
        (texts, "valid.txt", lambda text: text + "one more\n", False),
    ]
    for number, (source, name, change, good) in enumerate(edits):
        work = tmp_path / f"work{number}"
        shutil.copytree(source, work)
        path = work / "raw" / name
        before = path.read_text()
        path.write_text(change(before))
        assert path.read_text() != before
        if good:
            report = run("status", work, "--accept", "--json").ok().json
            assert report["adopted"] == {"raw": [name]}
            run("vocab", work).ok()
        else:
            run("status", work, "--accept").refused(4, "labels.txt cannot be adopted: line ")
