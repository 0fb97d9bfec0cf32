"""Bad input: for each case the right exit code, one line that names the thing, and earlier artifacts untouched."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Contents = Callable[[Path], dict[str, bytes]]


def write(path: Path, content: bytes) -> Path:
    """A file."""
    path.write_bytes(content)
    return path


def folder(path: Path) -> Path:
    """A directory with a file that says nothing of splits."""
    path.mkdir()
    write(path / "notes.md", b"nothing\n")
    return path


INPUTS: dict[str, tuple[Callable[[Path], Path], list[str], list[str]]] = {
    "missing": (lambda p: p / "none.txt", [], ["none.txt does not exist"]),
    "empty": (lambda p: write(p / "a.txt", b""), [], ["empty"]),
    "blank": (lambda p: write(p / "a.txt", b"\n \n\t\n" * 40), [], ["nothing is left"]),
    "punctuation": (lambda p: write(p / "a.txt", b"...\n!?\n" * 40), [], ["nothing is left", "train"]),
    "only a mark": (lambda p: write(p / "a.txt", b"\xef\xbb\xbf"), [], ["empty"]),
    "directory": (lambda p: folder(p / "folder"), [], ["folder has no train file"]),
    "binary": (lambda p: write(p / "a.jpg", b"\xff\xd8\xff\xe0" + bytes(range(256))), [], ["a.jpg"]),
    "zero byte": (lambda p: write(p / "a.txt", b"abc\0def\n"), [], ["zero byte at offset 3"]),
    "latin-1": (lambda p: write(p / "a.txt", b"ok\ncaf\xe9\n"), [], ["not UTF-8 at byte 6", "iconv"]),
    "utf-16": (lambda p: write(p / "a.txt", "cat".encode("utf-16")), [], ["UTF-16"]),
    "one line": (lambda p: write(p / "a.txt", b"just one line\n"), [], ["too small to split", "--fractions 1,0,0"]),
    "json lines": (lambda p: write(p / "a.jsonl", b'{"body": "x"}\n'), [], ["line 1", "--field"]),
    "cut gz": (lambda p: write(p / "a.gz", gzip.compress(bytes(range(32, 127)) * 50)[:-9]), [], ["a.gz"]),
    "special string": (
        lambda p: write(p / "a.txt", b"a </s> b\n" * 50),
        ["--prepared", "--special-in-text", "error"],
        ["line 1", "</s>"],
    ),
    "no such built-in": (lambda p: Path("builtin:tales"), [], ["builtin:tales"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INPUTS)
def test_a_corpus_that_cannot_be_used(tmp_path: Path, run: Any, case: str) -> None:
    make, flags, words = INPUTS[case]
    result = run("clean", make(tmp_path), "--out", tmp_path / "work", *flags)
    result.refused(3, *words)
    assert result.out == ""


@pytest.mark.parametrize("case", ["missing", "empty", "directory", "binary", "latin-1", "one line"])
def test_a_corpus_that_cannot_be_read_leaves_no_workspace(tmp_path: Path, run: Any, case: str) -> None:
    make, flags, words = INPUTS[case]
    run("train", make(tmp_path), "--out", tmp_path / "work", *flags).refused(3, *words)
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("case", [case for case in INPUTS if case not in ("blank", "punctuation", "special string")])
def test_a_workspace_is_untouched_by_a_corpus_that_cannot_be_used(
    tmp_path: Path, run: Any, corpus: Path, contents: Contents, case: str
) -> None:
    """Not even --force destroys what is there before the new corpus is known to be one."""
    run("vocab", corpus, "--out", tmp_path / "work").ok()
    before = contents(tmp_path / "work")
    make, flags, words = INPUTS[case]
    run("vocab", make(tmp_path), "--out", tmp_path / "work", "--force", *flags).refused(3, *words)
    assert contents(tmp_path / "work") == before


def test_a_corpus_too_small_to_batch(tmp_path: Path, run: Any) -> None:
    text = write(tmp_path / "a.txt", b"a b\na b\n")
    result = run("train", text, "--out", tmp_path / "work", "--fractions", "1,0,0", "--batch-size", "64")
    assert result.code == 3
    assert result.err.splitlines()[-1].startswith("rnnlm: ")
    assert "too few for 64 streams" in result.err.splitlines()[-1]
    assert not list((tmp_path / "work" / "models").glob("*")) if (tmp_path / "work" / "models").exists() else True


USAGE: dict[str, tuple[list[str], list[str]]] = {
    "unknown option": (["train", "none", "--hiden", "3"], ["--hiden", "--hidden"]),
    "unknown command": (["trian", "none"], ["trian"]),
    "not a number": (["train", "none", "--hidden", "many"], ["--hidden", "integer"]),
    "not a choice": (["clean", "none", "--case", "upper"], ["--case", "upper"]),
    "out of range": (["train", "none", "--dropout", "1.0"], ["--dropout", "below 1"]),
    "nan": (["train", "none", "--learning-rate", "nan"], ["--learning-rate", "finite"]),
    "zero": (["train", "none", "--batch-size", "0"], ["--batch-size"]),
    "clash": (["train", "none", "--steps", "3", "--epochs", "1"], ["--epochs with --steps"]),
    "full stream": (["train", "none", "--bptt", "full"], ["--bptt full", "--batching sentences"]),
    "fractions": (["clean", "none", "--fractions", "1,1,1"], ["--fractions"]),
    "prepared and cleaned": (["clean", "none", "--prepared", "--case", "keep"], ["--case keep with --prepared"]),
    "name": (["train", "none", "--name", "../x"], ["--name"]),
    "name taken": (["train", "none", "--name", "LATEST"], ["--name"]),
    "threads": (["train", "none", "--threads", "0"], ["--threads"]),
    "duration": (["train", "none", "--checkpoint-every", "soon"], ["soon"]),
    "seed": (["train", "none", "--seed", "-1"], ["--seed"]),
    "vocabulary size": (["tokenize", "none", "--vocab-size", "10"], ["--vocab-size", "260"]),
    "temperature": (["generate", "none", "--temperature", "-1"], ["--temperature"]),
    "text and split": (["evaluate", "none", "--text", "a", "--split", "test"], ["--text with --split"]),
    "missing argument": (["evaluate"], ["evaluate"]),
    "too many arguments": (["evaluate", "a", "b"], ["b"]),
}


@pytest.mark.parametrize("case", USAGE)
def test_settings_are_refused_before_any_path_is_opened(tmp_path: Path, run: Any, case: str) -> None:
    """2 before 3: the path `none` is not there, and is not what is complained of."""
    arguments, words = USAGE[case]
    result = run(*arguments)
    result.refused(2, *words)
    assert result.out == ""
    assert not list(tmp_path.iterdir())


FILES: dict[str, tuple[bytes, int, list[str]]] = {
    "unknown name": (b"hiden = 3\n", 2, ["hiden", "did you mean hidden?"]),
    "unknown name in a table": (b"[train]\nhiden = 3\n", 2, ["hiden", "[train]", "did you mean hidden?"]),
    "unknown table": (b"[trian]\nhidden = 3\n", 2, ["[trian]", "did you mean train?"]),
    "wrong type": (b'[train]\nhidden = "many"\n', 2, ["hidden", "many"]),
    "nan": (b"[train]\nlearning_rate = nan\n", 2, ["learning_rate", "finite"]),
    "infinite": (b"[train]\nepochs = inf\n", 2, ["epochs", "finite"]),
    "out of range": (b"[train]\ndropout = 2.0\n", 2, ["dropout"]),
    "no TOML": (b"hidden: 3\n", 3, ["settings.toml is not a TOML file"]),
    "not text": (b"\xff\xfe\0\0", 3, ["settings.toml is not a TOML file"]),
}


@pytest.mark.parametrize("case", FILES)
def test_a_settings_file_that_cannot_be(tmp_path: Path, run: Any, corpus: Path, case: str) -> None:
    content, code, words = FILES[case]
    path = write(tmp_path / "settings.toml", content)
    run("train", corpus, "--out", tmp_path / "work", "--config", path).refused(code, *words)
    assert not (tmp_path / "work").exists()


def test_a_settings_file_that_is_not_there(tmp_path: Path, run: Any, corpus: Path) -> None:
    run("clean", corpus, "--config", tmp_path / "none.toml").refused(3, "none.toml")


def test_a_variable_that_cannot_be(run: Any) -> None:
    run("train", "none", env={"RNNLM_HIDDEN": "many"}).refused(2, "RNNLM_HIDDEN", "many")


def test_an_output_that_exists(tmp_path: Path, run: Any, corpus: Path, contents: Contents) -> None:
    out = folder(tmp_path / "full")
    run("clean", corpus, "--out", out).refused(2, "full", "--force")
    run("clean", corpus, "--out", corpus).refused(2, "corpus.txt", "is a file")
    assert contents(out) == {"notes.md": b"nothing\n"}
    run("clean", corpus, "--out", out, "--force").ok()
    assert (out / "notes.md").read_bytes() == b"nothing\n"
    empty = tmp_path / "empty"
    empty.mkdir()
    run("clean", corpus, "--out", empty).ok()


def test_an_output_that_holds_the_corpus(tmp_path: Path, run: Any, corpus: Path) -> None:
    run("clean", corpus, "--out", corpus.parent, "--force").refused(2, "contains the corpus itself")
    assert corpus.is_file()


def test_a_workspace_of_another_corpus(tmp_path: Path, run: Any, corpus: Path, contents: Contents) -> None:
    work = tmp_path / "work"
    run("vocab", corpus, "--out", work).ok()
    before = contents(work)
    other = write(tmp_path / "other.txt", corpus.read_bytes() * 2)
    run("clean", other, "--out", work).refused(2, "another corpus", "--force")
    assert contents(work) == before
    run("clean", other, "--out", work, "--force").ok()
    assert not (work / "vocab").exists()
    raw = b"".join((work / "raw" / f"{split}.txt").read_bytes() for split in ("train", "valid", "test"))
    assert raw == other.read_bytes()


def test_the_same_corpus_in_another_form_goes_on(tmp_path: Path, run: Any, corpus: Path) -> None:
    work = tmp_path / "work"
    run("clean", corpus, "--out", work).ok()
    packed = write(tmp_path / "packed.gz", gzip.compress(corpus.read_bytes().replace(b"\n", b"\r\n")))
    assert "up to date" in run("clean", packed, "--out", work).ok().err


def test_a_command_that_wants_a_workspace_or_a_model(
    tmp_path: Path, run: Any, corpus: Path, contents: Contents
) -> None:
    work = tmp_path / "work"
    for command in ("evaluate", "generate", "next", "status"):
        run(command, work).refused(3, "work")
    for command in ("evaluate", "generate", "next"):
        run(command, folder(tmp_path / command)).refused(3, "workspace")
    run("clean", corpus, "--out", work).ok()
    before = contents(work)
    for command in ("evaluate", "generate", "next"):
        run(command, work).refused(3, "no trained model", f"rnnlm train {work}")
        run(command, work, "--model", "big").refused(3, "'big'", f"rnnlm train {work}")
        run(command, work, "--model", "../..").refused(3)
    assert contents(work) == before


def test_a_workspace_takes_no_other_output(tmp_path: Path, run: Any, corpus: Path) -> None:
    run("clean", corpus, "--out", tmp_path / "work").ok()
    run("tokenize", tmp_path / "work", "--out", tmp_path / "other").refused(2, "--out")


def test_a_name_that_is_taken(tmp_path: Path, run: Any, trained: Path, contents: Contents) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    before = contents(work / "models")
    result = run("train", work, "--name", "lstm", "--hidden", "12", "--steps", "3", "--quiet")
    result.refused(2, "lstm", "sealed model with other settings", "--name", "--force")
    assert contents(work / "models") == before


def test_foreign_files_in_the_place_of_artifacts(tmp_path: Path, run: Any, trained: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    (work / "workspace.json").write_text(json.dumps({"format": "something else", "settings": {}}))
    run("vocab", work).refused(4, "workspace.json")
    (work / "workspace.json").write_text(json.dumps({"format": "rnnlm workspace", "version": 99, "settings": {}}))
    run("vocab", work).refused(4, "workspace.json", "version 99")
    (work / "workspace.json").write_bytes((trained / "workspace.json").read_bytes())
    shutil.copy(trained / "clean" / "manifest.json", work / "tokenize" / "manifest.json")
    run("vocab", work).refused(4, "tokenize/manifest.json", "rnnlm clean")
    model = tmp_path / "model"
    shutil.copytree(trained / "models" / "lstm", model)
    (model / "manifest.json").write_bytes((trained / "vocab" / "manifest.json").read_bytes())
    run("generate", model).refused(4, "manifest.json")


@pytest.mark.parametrize(
    "name", ["config.json", "weights.safetensors", "tokenizer.json", "metrics.jsonl", "settings.toml", "manifest.json"]
)
def test_a_damaged_model_is_named_by_its_file(tmp_path: Path, run: Any, trained: Path, name: str) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained / "models" / "lstm", model)
    content = (model / name).read_bytes()
    for offset in (0, len(content) // 2, len(content) - 2):
        (model / name).write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
        run("generate", model).refused(4, f"model/{name}")
    (model / name).write_bytes(content[: len(content) // 2])
    run("next", model).refused(4, f"model/{name}")
    (model / name).unlink()
    run("next", model).refused(3 if name in ("config.json", "manifest.json") else 4)


def test_a_text_to_score_that_cannot_be(tmp_path: Path, run: Any, trained: Path) -> None:
    run("evaluate", trained, "--text", tmp_path / "none.txt").refused(3, "none.txt")
    run("evaluate", trained, "--text", write(tmp_path / "a.txt", b"")).refused(3, "nothing to predict")
    run("evaluate", trained, "--text", write(tmp_path / "b.txt", b"...\n")).refused(3, "nothing to predict")
    run("evaluate", trained, "--text", write(tmp_path / "c.txt", b"\xff\n")).refused(3, "not UTF-8")
    run("evaluate", trained / "models" / "lstm").refused(2, "--text FILE")
    run("evaluate", trained / "models" / "lstm", "--model", "x").refused(2, "--model")


def test_a_table_of_vectors_that_is_wrong_names_the_line(tmp_path: Path, run: Any, trained: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    vectors = write(tmp_path / "v.txt", b"the 1 2 3\ncat 1 2 x\n")
    result = run("embed", work, "--vectors", vectors)
    assert result.code == 3
    assert "v.txt, line 2" in result.err.splitlines()[-1]
    run("embed", work, "--vectors", tmp_path / "none.txt", "--quiet").refused(3, "none.txt")


def test_a_result_over_a_gigabyte_is_refused(tmp_path: Path, run: Any, trained: Path, contents: Contents) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    before = contents(work)
    run("pad", work, "--max-length", 10**8, "--quiet").refused(2, "GB", "--max-length", "--force")
    assert contents(work) == before


def test_vectors_of_another_language_are_refused_and_rows_taken_are_counted(
    tmp_path: Path, run: Any, trained: Path
) -> None:
    work = shutil.copytree(trained, tmp_path / "work")
    strange = write(tmp_path / "v.txt", b"der 1 2 3\nhund 1 2 4\n")
    for command in ("embed", "train"):
        run(command, work, "--vectors", strange, "--quiet").refused(3, "v.txt has no row of a token in the vocabulary")
    rows = "".join(f"{word} {' '.join(str(each) for each in range(16))}\n" for word in ("hund", "the", "cat"))
    some = write(tmp_path / "w.txt", rows.encode())
    ids = run("vocab", work, "--json").ok().json["size"]
    assert f"embed: 2 of {ids} rows are from {some}" in run("embed", work, "--vectors", some).ok().err
