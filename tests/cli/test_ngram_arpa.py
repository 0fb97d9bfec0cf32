"""`rnnlm ngram --arpa` and `--from`: models to ARPA files and back, in every use; refusals; what a person is told."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import needs

ARPA = """\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-0.5\t</s>
-99\t<s>\t-0.4
-0.5\tthe\t-0.3
-0.6\tcat\t-0.2
-0.9\tThe

\\2-grams:
-0.2\t<s> the
-0.3\tthe cat

\\end\\
"""


@pytest.fixture
def workspace(trained: Path, tmp_path: Path) -> Path:
    """A workspace of one's own with a network in it."""
    return Path(shutil.copytree(trained, tmp_path / "work"))


@pytest.fixture
def arpa(tmp_path: Path) -> Path:
    """A small ARPA file in SRILM's form."""
    path = tmp_path / "small.arpa"
    path.write_text(ARPA, "utf-8")
    return path


def test_what_is_written_and_read_is_the_same_model_in_every_use(run: Any, workspace: Path, tmp_path: Path) -> None:
    made = run("ngram", workspace, "--order", "3", "--arpa", tmp_path / "out.arpa", "--json").ok()
    read = run("ngram", workspace, "--from", tmp_path / "out.arpa", "--json").ok().json
    assert read["ngrams"] == made.json["ngrams"] and read["absent_tokens"] == read["prefixes_put_in"] == 0
    assert read["model"] == str(workspace / "models" / "arpa")
    assert (workspace / "models" / "LATEST").read_text().strip() == "lstm"
    text = workspace / "raw" / "test.txt"
    for command in (
        ("evaluate", workspace, "--json"),
        ("score", workspace, text, "--level", "word"),
        ("generate", workspace, "--seed", "4"),
        ("next", workspace, "-k", "999", "--json"),
    ):
        ours, theirs = (run(*command, "--model", name).ok().out for name in ("ngram", "arpa"))
        if command[0] == "evaluate":
            ours = ours.replace(made.json["model_sha256"], read["model_sha256"])
        assert ours == theirs
    names = ("tokenizer.json", "order-3.keys.npy", "order-3.log_p.npy", "order-2.back_off.npy")
    one, two = workspace / "models" / "ngram", workspace / "models" / "arpa"
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
    assert "n-grams, order 3" in run("status", workspace).ok().out
    again = run("ngram", workspace, "--order", "3", "--arpa", tmp_path / "out.arpa.gz", "--json").ok()
    assert "up to date" in again.err and again.json == made.json
    content = (tmp_path / "out.arpa").read_bytes()
    assert gzip.decompress((tmp_path / "out.arpa.gz").read_bytes()) == content
    assert run("ngram", workspace, "--order", "3", "--arpa", "-").ok().out.encode() == content
    copied = tmp_path / "copied.arpa"
    shutil.copy(tmp_path / "out.arpa.gz", tmp_path / "copied.arpa.gz")
    assert "up to date" not in run("ngram", workspace, "--from", tmp_path / "copied.arpa.gz").ok().err
    assert "up to date" in run("ngram", workspace, "--from", tmp_path / "copied.arpa.gz", "--arpa", copied).ok().err
    assert copied.read_bytes() == content


def test_kenlm_finds_the_perplexity_that_evaluate_finds(run: Any, workspace: Path, tmp_path: Path) -> None:
    needs("dev")
    import kenlm

    run("ngram", workspace, "--order", "4", "--arpa", tmp_path / "out.arpa").ok()
    evaluated = run("evaluate", workspace, "--model", "ngram", "--json").ok().json
    model, lines = kenlm.Model(str(tmp_path / "out.arpa")), (workspace / "clean" / "test.txt").read_text().splitlines()
    assert sum(len(line.split()) + 1 for line in lines) == evaluated["tokens"]
    theirs = 10 ** (-sum(model.score(line) for line in lines) / evaluated["tokens"])
    assert theirs == pytest.approx(evaluated["perplexity"], abs=1e-3)
    scored = run("score", workspace, "-", "--model", "ngram", "--format", "kenlm", stdin=f"{lines[0]}\n".encode()).ok()
    assert float(scored.out.split("Total: ")[1].split()[0]) == pytest.approx(model.score(lines[0]), abs=1e-4)


def test_a_file_of_other_words_brings_its_vocabulary_along(run: Any, workspace: Path, arpa: Path) -> None:
    done = run("ngram", workspace, "--from", arpa, "--name", "small").ok()
    assert "no <unk>" in done.err and "1, such as 'The'" in done.err
    report = run("ngram", workspace, "--from", arpa, "--name", "small", "--json").ok().json
    assert (report["size"], report["unreachable_words"], report["absent_tokens"]) == (7, 1, 1)
    alone = shutil.copytree(workspace / "models" / "small", workspace.parent / "alone")
    scored = run("score", alone, "-", "--level", "word", "--format", "jsonl", stdin=b"The CAT!\n").ok()
    bits = [float(row.split('"bits": ')[1].split(",")[0]) for row in scored.out.splitlines()]
    assert bits == pytest.approx([0.2 * 3.321928, 0.3 * 3.321928, (0.2 + 0.5) * 3.321928], abs=1e-4)
    assert run("generate", alone, "--seed", "1").ok().out.strip() == run("generate", alone, "--seed", "1").out.strip()
    assert sum(row["probability"] for row in run("next", alone, "-k", "99", "--json").ok().json["next"]) > 0.9


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_tokens_that_are_no_words_come_back_too(run: Any, corpus: Path, tmp_path: Path, kind: str) -> None:
    work = tmp_path / "work"
    flags = ("--punctuation", "keep", "--case", "keep") + (("--vocab-size", "300") if kind == "bpe" else ())
    run("ngram", corpus, "--out", work, "--kind", kind, *flags, "--order", "4", "--arpa", tmp_path / "out.arpa").ok()
    run("ngram", work, "--from", tmp_path / "out.arpa").ok()
    one, two = work / "models" / "ngram", work / "models" / "arpa"
    assert (one / "tokenizer.json").read_bytes() == (two / "tokenizer.json").read_bytes()
    assert (one / "order-4.keys.npy").read_bytes() == (two / "order-4.keys.npy").read_bytes()
    # With a token less, characters have a vocabulary of their own; a tokenizer that was learned stays as it is.
    lines = (tmp_path / "out.arpa").read_text("utf-8").splitlines()
    gone = next(line for line in reversed(lines[: lines.index("\\2-grams:")]) if line)
    token = gone.split("\t")[1]
    order = 0
    kept: list[list[str]] = [[], [], [], [], []]
    for line in lines:
        order = int(line[1]) if line.endswith("-grams:") else order
        if line[:1] in "-0" and line and token not in line.split()[1:]:
            kept[order].append(line)
    text = "\\data\\\n" + "".join(f"ngram {n}={len(kept[n])}\n" for n in range(1, 5))
    text += "".join(f"\\{n}-grams:\n" + "\n".join(kept[n]) + "\n" for n in range(1, 5)) + "\\end\\\n"
    (tmp_path / "less.arpa").write_text(text, "utf-8")
    report = run("ngram", work, "--from", tmp_path / "less.arpa", "--json").ok().json
    whole = run("ngram", work, "--from", tmp_path / "out.arpa", "--name", "whole", "--json").ok().json["size"]
    assert (report["size"], report["absent_tokens"]) == ((whole - 1, 0) if kind == "char" else (whole, 1))
    sums = run("next", work, "--model", "arpa", "-k", "999", "--json").ok().json["next"]
    assert sum(row["probability"] for row in sums) == pytest.approx(1, abs=2e-3)


def test_what_cannot_be_is_refused_in_one_line(run: Any, workspace: Path, arpa: Path, tmp_path: Path) -> None:
    before = sorted((workspace / "models").iterdir())
    run("ngram", workspace, "--from", arpa, "--order", "3").refused(2, "--order or --context with --from")
    run("ngram", workspace, "--from", tmp_path / "none.arpa").refused(3, "none.arpa is not a file")
    run("ngram", workspace, "--from", tmp_path).refused(3, "is not a file")
    run("ngram", workspace, "--from", arpa, "--name", "lstm", "--force").refused(2, "lstm is a network", "--name")
    run("ngram", workspace, "--name", "a/b").refused(2, "--name 'a/b'")
    run("ngram", workspace, "--name", "LATEST").refused(2, "--name LATEST is taken")
    run("ngram", workspace, "--arpa", "-", "--json").refused(2, "--arpa - with --json")
    arpa.write_text(ARPA.replace("ngram 2=2", "ngram 2=3"))
    run("ngram", workspace, "--from", arpa).refused(3, "small.arpa, line 16: 2 2-grams")
    assert sorted((workspace / "models").iterdir()) == before
    run("ngram", workspace, "--order", "1", "--arpa", tmp_path / "none" / "out.arpa", "--quiet").refused(
        5, "cannot write"
    )
