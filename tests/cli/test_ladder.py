"""`rnnlm ladder`: rows that are what single commands say, never above the one before on valid; refusals."""

import itertools
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

FLAGS = ("--resamples", "100", "--json", "--quiet")


@pytest.fixture(scope="module")
def workspace(trained: Path, run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a network, an n-gram model, and a second network of its own."""
    work = Path(shutil.copytree(trained, tmp_path_factory.mktemp("ladder") / "work"))
    run("ngram", work, "--order", "3").ok()
    run("train", work, "--name", "small", "--cell", "gru", "--hidden", "12", "--embedding", "12", "--layers", "1",
        "--steps", "60", "--batch-size", "4", "--bptt", "12").ok()  # fmt: skip
    return work


@pytest.fixture(scope="module")
def report(workspace: Path, run: Any) -> dict[str, Any]:
    """A whole ladder."""
    return run("ladder", workspace, "--model", "lstm", "--ensemble", "small", *FLAGS).ok().json


def test_rows_go_down_on_valid_and_say_what_they_are(report: dict[str, Any]) -> None:
    rows = report["rows"]
    assert [row["name"] for row in rows] == ["n-gram", "network", "+ n-gram", "+ cache", "+ dynamic", "ensemble"]
    steps = [row["valid_perplexity"] for row in rows if not row["apart"]][1:]
    assert all(later <= earlier * (1 + 1e-6) for earlier, later in itertools.pairwise(steps))
    for row in rows:
        low, high = row["perplexity_95_percent"]
        assert low < row["perplexity"] < high
        assert sum(part["weight"] for part in row["parts"]) == pytest.approx(1)
        bits = math.log2(row["perplexity"]) * report["tokens"] / report["characters"]
        assert row["bits_per_character"] == pytest.approx(bits)
    assert [row["adapts"] for row in rows[:4]] == [False, False, False, True]
    assert rows[-1]["apart"] and not rows[-1]["adapts"]
    assert [part["name"] for part in rows[-1]["parts"]] == ["lstm", "small"]
    assert rows[-1]["valid_perplexity"] <= rows[1]["valid_perplexity"] * (1 + 1e-6)


def test_plain_rows_are_what_evaluate_says(report: dict[str, Any], workspace: Path, run: Any) -> None:
    for row, model in zip(report["rows"], ("ngram", "lstm"), strict=False):
        alone = run("evaluate", workspace, "--model", model, "--json").ok().json
        assert row["perplexity"] == pytest.approx(alone["perplexity"], rel=1e-9)
        assert row["bits_per_character"] == pytest.approx(alone["bits_per_character"], rel=1e-9)
        assert report["models"][model] == alone["model_sha256"]
        assert report["cleaned_sha256"] == alone["cleaned_sha256"]


def test_the_table_marks_what_learns_and_a_text_of_ones_own_is_measured(workspace: Path, run: Any) -> None:
    text = workspace.parent / "own.txt"
    text.write_text("The old cat sees milk.\nThe dogs like bread.\n" * 8)
    shown = run("ladder", workspace, "--model", "lstm", "--text", text, "--resamples", "100").ok()
    assert "+ cache*" in shown.out and "learns from the text" in shown.out and "network " in shown.out
    short = run("ladder", workspace, "--model", "lstm", "--text", "-", *FLAGS, stdin=b"The cat.\n").ok().json
    assert {row["perplexity_95_percent"] for row in short["rows"]} == {None}
    again = run("ladder", workspace, "--model", "lstm", "--text", text, "--context", "sentence", *FLAGS).ok().json
    assert again["context"] == "sentence" and again["split"] is None


def test_without_an_ngram_model_its_rows_are_left_out_with_the_command_that_makes_one(trained: Path, run: Any) -> None:
    result = run("ladder", trained, "--resamples", "100", "--json").ok()
    assert [row["name"] for row in result.json["rows"]] == ["network", "+ cache", "+ dynamic"]
    assert f"rnnlm ngram {trained}" in result.err


REFUSED: dict[str, tuple[list[str], list[str]]] = {
    "valid": (["--split", "valid"], ["--split valid", "fitted"]),
    "n-gram": (["--model", "ngram"], ["n-gram model", "--model"]),
    "no resamples": (["--resamples", "3"], ["--resamples", "100"]),
    "itself": (["--model", "lstm", "--ensemble", "lstm"], ["lstm is already in the ensemble"]),
    "twice": (["--model", "lstm", "--ensemble", "small,small"], ["small is already in the ensemble"]),
    "no name": (["--ensemble", " ,"], ["names no model"]),
    "a baseline": (["--baseline"], ["--baseline"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused(case: str, workspace: Path, run: Any) -> None:
    flags, words = REFUSED[case]
    run("ladder", workspace, *flags).refused(2, *words)


def test_models_that_do_not_fit_are_refused(workspace: Path, run: Any, tmp_path: Path) -> None:
    run("ladder", workspace, "--ensemble", "none").refused(3, "no sealed model 'none'")
    run("evaluate", workspace, "--ensemble", "small").refused(2, "--ensemble")
    run("ladder", workspace / "models" / "lstm").refused(2, "without a workspace", "--model")
    work = Path(shutil.copytree(workspace, tmp_path / "work"))
    run("vocab", work, "--min-count", "4").ok()
    run("ngram", work, "--order", "2").ok()
    run("ladder", work, "--model", "lstm").refused(2, "other tokens", f"rnnlm ngram {work}")
    run("ladder", work, "--model", "lstm", "--ensemble", "ngram").refused(2, "ngram has other tokens")


def test_a_corpus_without_valid_or_test_is_told_what_is_missing(run: Any, corpus: Path, tmp_path: Path) -> None:
    flags = ("--hidden", "8", "--layers", "1", "--steps", "3", "--batch-size", "4", "--bptt", "12")
    run("train", corpus, "--out", tmp_path / "a", "--fractions", "0.9,0.1,0", *flags).ok()
    run("ladder", tmp_path / "a").refused(2, "--text")
    run("train", corpus, "--out", tmp_path / "b", "--fractions", "0.9,0,0.1", *flags).ok()
    run("ladder", tmp_path / "b", "--quiet").refused(3, "valid split", "empty")
