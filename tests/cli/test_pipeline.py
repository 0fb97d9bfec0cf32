"""The way from raw text to a model by commands: the notes' example, the same bytes twice, and known metrics."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Contents = Callable[[Path], dict[str, bytes]]
NOTES = "The cat is on the mat\nTime flies like a arrow\nI am fine today\n"


def test_the_three_sentences_of_the_notes(tmp_path: Path, run: Any) -> None:
    """Raw text → lower-case tokens → ids → (3, 10) with zeros on the right → (3, 10, D)."""
    text, work = tmp_path / "notes.txt", tmp_path / "work"
    text.write_text(NOTES)
    run("tokenize", text, "--out", work, "--fractions", "1,0,0").ok()
    assert (
        work / "tokenize" / "train.txt"
    ).read_text() == "the cat is on the mat\ntime flies like a arrow\ni am fine today\n"
    report = run("vocab", work, "--closed", "--json").ok().json
    assert (report["size"], report["outputs"]) == (18, 16)
    assert report["splits"]["train"] == {"tokens": 18, "unknown_tokens": 0, "out_of_vocabulary_tokens": 0}
    report = run("pad", work, "--max-length", 10, "--json").ok().json
    assert report["splits"]["train"] == {"rows": 3, "longer_lines": 0, "tokens_cut": 0}
    rows = np.load(work / "pad" / "train.npy")
    assert rows.shape == (3, 10)
    assert np.load(work / "pad" / "train.lengths.npy").tolist() == [6, 5, 4]
    assert (rows[0, 6:] == 0).all()
    assert (rows[1, 5:] == 0).all()
    assert (rows[2, 4:] == 0).all()
    table = [line.split("\t") for line in (work / "vocab" / "vocabulary.tsv").read_text().splitlines()[1:]]
    words = {int(number): word for number, word, _ in table}
    lines = NOTES.lower().splitlines()
    assert [" ".join(words[int(n)] for n in row if n) for row in rows] == lines
    assert rows[0, 0] == rows[0, 4] == 4  # 'the' is the most frequent word, so the first id after the specials
    result = run("embed", work, "--embedding", 5, "--split", "train", "--json").ok().json
    embedded = np.load(result["embedded"]["path"])
    assert embedded.shape == (3, 10, 5)
    assert result["embedded"]["shape"] == [3, 10, 5]
    assert not embedded[rows == 0].any()
    assert np.array_equal(embedded[0, 0], embedded[0, 4])
    assert len({row.tobytes() for row in embedded[rows != 0]}) == 14


def test_two_runs_give_the_same_bytes(
    tmp_path: Path, run: Any, corpus: Path, train_flags: tuple[str, ...], contents: Contents
) -> None:
    for name in ("one", "two"):
        run("train", corpus, "--out", tmp_path / name, *train_flags).ok()
        run("pad", tmp_path / name).ok()
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
    assert {"models/lstm/weights.safetensors", "models/lstm/metrics.jsonl", "models/LATEST"} <= set(one)


def test_one_command_or_many_give_the_same_model(
    tmp_path: Path, run: Any, corpus: Path, train_flags: tuple[str, ...], contents: Contents
) -> None:
    run("train", corpus, "--out", tmp_path / "one", "--min-count", 3, *train_flags).ok()
    run("clean", corpus, "--out", tmp_path / "two").ok()
    run("tokenize", tmp_path / "two").ok()
    run("vocab", tmp_path / "two", "--min-count", 3).ok()
    run("train", tmp_path / "two", *train_flags).ok()
    for name in ("weights.safetensors", "tokenizer.json", "metrics.jsonl"):
        assert (tmp_path / "one" / "models" / "lstm" / name).read_bytes() == (
            tmp_path / "two" / "models" / "lstm" / name
        ).read_bytes()


def test_the_settings_of_a_run_repeat_it(
    tmp_path: Path, run: Any, corpus: Path, train_flags: tuple[str, ...], contents: Contents
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    run(
        "train", corpus, "--out", one, "--case", "keep", "--min-count", 3, "--fractions", "0.7,0.2,0.1", *train_flags
    ).ok()
    run("train", corpus, "--out", two, "--config", one / "models" / "lstm" / "settings.toml").ok()
    assert contents(one / "models") == contents(two / "models")


@pytest.mark.parametrize("kind", ["word", "whitespace", "char", "byte", "bpe"])
def test_each_kind_is_the_same_in_separate_processes(
    tmp_path: Path, command: list[str], corpus: Path, contents: Contents, kind: str
) -> None:
    """Also where the hashes of strings differ, and with several threads."""
    more = ["--vocab-size", "300"] if kind == "bpe" else []
    found = []
    for seed, threads in (("1", "1"), ("2", "2")):
        work = tmp_path / f"work-{seed}"
        subprocess.run(
            [*command, "vocab", str(corpus), "--out", str(work), "--kind", kind, "--quiet", *more],
            env={**os.environ, "PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": threads},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        found.append(contents(work))
    assert found[0] == found[1]
    assert json.loads(found[0]["vocab/manifest.json"])["report"]["kind"] == kind


def test_a_model_that_is_sealed_is_up_to_date_and_another_gets_the_next_name(
    tmp_path: Path, run: Any, corpus: Path, train_flags: tuple[str, ...], contents: Contents
) -> None:
    work = tmp_path / "work"
    first = run("train", corpus, "--out", work, *train_flags, "--json").ok().json
    before = contents(work)
    again = run("train", work, *train_flags, "--json").ok()
    assert "up to date" in again.err
    assert again.json == first
    assert contents(work) == before
    second = run("train", work, *train_flags, "--seed", 2, "--json").ok().json
    assert second["model"] == str(work / "models" / "lstm-2")
    assert (work / "models" / "LATEST").read_text() == "lstm-2\n"
    assert {name: content for name, content in contents(work).items() if name.startswith("models/lstm/")} == {
        name: content for name, content in before.items() if name.startswith("models/lstm/")
    }
    reports = {
        name: run("evaluate", work, "--model", name, "--json").ok().json["model_sha256"] for name in ("lstm", "lstm-2")
    }
    assert len(set(reports.values())) == 2
    assert run("evaluate", work, "--json").ok().json["model_sha256"] == reports["lstm-2"]


def test_training_starts_from_the_embedding_layer_and_from_another_model(
    tmp_path: Path, run: Any, trained: Path, corpus: Path
) -> None:
    from rnnlm.arrays import read_tensors

    work = tmp_path / "work"
    size = (
        "--hidden",
        "12",
        "--batch-size",
        "2",
        "--steps",
        "1",
        "--learning-rate",
        "1e-12",
        "--set",
        "warmup=0",
        "--dropout",
        "0",
    )
    run("embed", corpus, "--out", work, "--embedding", 8).ok()
    layer = read_tensors(work / "embed" / "embedding.safetensors", remedy="")["embedding"]
    assert not layer[0].any()
    assert "starting from the embedding layer" in run("train", work, *size).ok().err
    weights = read_tensors(work / "models" / "lstm" / "weights.safetensors", remedy="")
    assert np.allclose(weights["embedding"], layer, atol=1e-6)
    base = trained / "models" / "lstm"
    report = (
        run(
            "train",
            work,
            "--from",
            base,
            "--name",
            "adapted",
            "--steps",
            1,
            "--learning-rate",
            "1e-12",
            "--batch-size",
            2,
            "--json",
        )
        .ok()
        .json
    )
    adapted = read_tensors(Path(report["model"]) / "weights.safetensors", remedy="")
    for name, tensor in read_tensors(base / "weights.safetensors", remedy="").items():
        assert np.allclose(adapted[name], tensor, atol=1e-6)
    assert (Path(report["model"]) / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()


@pytest.mark.parametrize(
    "flags",
    [
        ["--kind", "char"],
        ["--kind", "byte"],
        ["--kind", "bpe", "--vocab-size", "270"],
        ["--batching", "sentences"],
        ["--tied"],
        ["--no-tied"],
    ],
)
def test_every_kind_and_batching_trains_measures_and_speaks(
    tmp_path: Path, run: Any, corpus: Path, flags: list[str]
) -> None:
    work = tmp_path / "work"
    small = ("--hidden", "16", "--embedding", "12", "--steps", "30", "--batch-size", "4")
    run("train", corpus, "--out", work, *flags, *small).ok()
    report = run("evaluate", work, "--json").ok().json
    vocab = run("vocab", work, "--json").ok().json
    assert report["perplexity"] < vocab["outputs"]
    assert report["tokens"] == vocab["splits"]["test"]["tokens"]
    assert report["context"] == ("sentence" if "sentences" in flags else "stream")
    assert report["bits_per_token"] * report["tokens"] == pytest.approx(
        report["bits_per_character"] * report["characters"]
    )
    shown = run("generate", work, "--max-tokens", 12, "--prompt", "the ", "--json").ok().json
    assert 1 <= shown["tokens"] <= 12
    assert shown["nats"] > 0


def test_penn_treebank_has_the_known_numbers(tmp_path: Path, run: Any, shared_data: Path) -> None:
    report = run("vocab", shared_data / "ptb", "--out", tmp_path / "work", "--prepared", "--json").ok().json
    assert (report["size"], report["outputs"]) == (10_002, 10_000)
    assert {split: counts["tokens"] for split, counts in report["splits"].items()} == {
        "train": 929_589, "valid": 73_760, "test": 82_430,
    }  # fmt: skip
    assert [counts["out_of_vocabulary_tokens"] for counts in report["splits"].values()] == [0, 0, 0]
    assert report["splits"]["test"]["unknown_tokens"] == 4_794


def test_padding_and_embedding_lead_to_the_network(tmp_path: Path, run: Any, trained: Path) -> None:
    """`--batching sentences` reads the rows of `pad` and the layer of `embed` where they exist: the same weights."""
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    shutil.rmtree(work / "pad")
    flags = ("--batching", "sentences", "--steps", "30", "--max-length", "4", "--hidden", "8", "--embedding", "8")
    run("embed", work, "--embedding", "8").ok()
    run("train", work, *flags, "--name", "lines").ok()
    assert not (work / "pad").exists()
    run("pad", work, "--max-length", "4").ok()
    shown = run("train", work, *flags, "--name", "rows").ok().err
    assert f"rows of up to 4 ids from {work / 'pad'}" in shown and f"embedding layer in {work / 'embed'}" in shown
    lines, rows = ((work / "models" / name / "weights.safetensors").read_bytes() for name in ("lines", "rows"))
    assert lines == rows
    status = run("status", work, "--json").ok().json
    assert status["models"]["lines"]["reads"] == ["vocab", "embed"]
    assert status["models"]["rows"]["reads"] == ["vocab", "pad", "embed"]
    assert run("status", work).ok().out.startswith("raw → clean → tokenize → vocab → pad → embed → train\n")
    # Rows that long lines go on in are sequences of their own, and `pad` is brought up to date first.
    shown = run("train", work, *flags, "--long-lines", "split", "--name", "split").ok().err
    assert "pad: ran first" in shown
    counted = json.loads((work / "pad" / "manifest.json").read_bytes())["report"]["splits"]["train"]["rows"]
    assert f"train: {counted:,} rows of up to 4 ids" in shown
    split = (work / "models" / "split" / "weights.safetensors").read_bytes()
    assert split != rows
    shutil.rmtree(work / "pad")
    run("train", work, *flags, "--long-lines", "split", "--name", "again").ok()
    assert (work / "models" / "again" / "weights.safetensors").read_bytes() == split
    assert "[embed]" in run("status", trained).ok().out
    run("pad", work, "--max-length", "3").ok()
    models = run("status", work, "--json").ok().json["models"]
    assert {name: models[name]["state"] for name in ("lines", "rows", "again")} == {
        "lines": "current", "rows": "trained on earlier data", "again": "trained on earlier data",
    }  # fmt: skip
    run("train", work, "--from", "lstm", "--batching", "sentences", "--long-lines", "split", "--max-length", "3",
        "--quiet").refused(2, "--long-lines split with --from")  # fmt: skip


def test_tags_need_no_padding(tmp_path: Path, run: Any) -> None:
    lines = [f"{word}\t{tag}" for _ in range(30) for word, tag in (("the", "D"), ("cat", "N"), ("sat", "V"), ("", ""))]
    (tmp_path / "tagged.txt").write_text("\n".join(line.strip() for line in lines) + "\n", "utf-8")
    flags = ("--task", "tag", "--batching", "sentences", "--max-length", "2", "--long-lines", "split", "--steps", "2")
    run("train", tmp_path / "tagged.txt", "--out", tmp_path / "work", *flags).ok()
    assert not (tmp_path / "work" / "pad").exists()


def test_a_model_and_a_workspace_may_be_the_current_directory(
    run: Any, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained / "models" / "lstm")
    text = trained / "raw" / "test.txt"
    assert run("evaluate", ".", "--text", text, "--json").ok().json["tokens"] > 0
    run("evaluate", "", "--text", text).ok()
    monkeypatch.chdir(trained)
    run("status", ".").ok()
    run("evaluate", ".").ok()
