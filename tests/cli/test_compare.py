"""`rnnlm compare`: differences that are those of `evaluate`, in the measure that allows them; refusals."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

TRAIN = ("--hidden", "12", "--embedding", "12", "--layers", "1", "--steps", "30", "--batch-size", "4", "--bptt", "12",
         "--quiet")  # fmt: skip


@pytest.fixture(scope="module")
def home(trained: Path, run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workspaces of one corpus: `work` of words (with an n-gram model and a small network), `pieces`, `chars`, and
    `kept`, whose punctuation stays."""
    directory = tmp_path_factory.mktemp("compare")
    work = Path(shutil.copytree(trained, directory / "work"))
    run("ngram", work, "--order", "3").ok()
    run("train", work, "--name", "small", "--cell", "gru", *TRAIN).ok()
    corpus, split = trained.parent / "corpus.txt", ("--fractions", "0.8,0.1,0.1")
    run("train", corpus, "--out", directory / "pieces", "--kind", "bpe", "--vocab-size", "300", *split, *TRAIN).ok()
    run("train", corpus, "--out", directory / "chars", "--kind", "char", *split, *TRAIN).ok()
    run("train", corpus, "--out", directory / "kept", "--punctuation", "keep", *split, *TRAIN).ok()
    (directory / "known.txt").write_text("The old cat sees milk.\nThe small dogs like bread.\nBirds find a tree.\n" * 9)
    return directory


def test_models_of_the_same_tokens_differ_in_nats_per_token(home: Path, run: Any) -> None:
    report = run("compare", home / "work", "lstm", "small", "--json").ok().json
    assert report["measure"] == "nats_per_token" and not report["unknown_spelled"]
    metrics = {}
    for name, row in zip(("lstm", "small"), report["models"], strict=True):
        alone = run("evaluate", home / "work", "--model", name, "--json").ok().json
        assert row["name"] == name and row["model_sha256"] == alone["model_sha256"]
        assert row["perplexity"] == pytest.approx(alone["perplexity"], rel=1e-9)
        metrics[name] = alone["nats_per_token"]
    (pair,) = report["pairs"]
    low, high = pair["difference_95_percent"]
    assert pair["difference"] == pytest.approx(metrics["lstm"] - metrics["small"], abs=1e-9)
    assert low < pair["difference"] < high < 0 and pair["p_value"] < 0.01
    turned = run("compare", home / "work", "small", "lstm", "--json").ok().json["pairs"][0]
    assert turned["difference"] == pytest.approx(-pair["difference"]) and turned["p_value"] == pair["p_value"]


def test_paths_do_as_names_do(home: Path, run: Any) -> None:
    models = home / "work" / "models"
    by_name = run("compare", home / "work", "lstm", "small", "ngram", "--context", "sentence", "--json").ok().json
    by_path = run("compare", *(models / name for name in ("lstm", "small", "ngram")), "--context", "sentence",
                  "--json").ok().json  # fmt: skip
    assert by_name == by_path and len(by_name["pairs"]) == 3 and by_name["split"] == "test"
    last = run("compare", home / "work", models / "lstm", "--json").ok().json
    assert [row["name"] for row in last["models"]] == ["small", "lstm"]
    shown = run("compare", home / "work", "lstm", "small").ok().out
    assert "lstm - small" in shown and "nats/token" in shown


def test_other_tokens_are_compared_in_bits_per_byte_with_unknown_words_spelled(home: Path, run: Any) -> None:
    report = run("compare", home / "work" / "models" / "lstm", home / "pieces", "--json").ok().json
    assert report["measure"] == "bits_per_byte" and report["unknown_spelled"]
    words, pieces = report["models"]
    plain = run("evaluate", home / "work", "--model", "lstm", "--json").ok().json
    assert words["unknown_tokens"] > 0 and words["bits_per_byte"] > plain["bits_per_byte"] * 1.01
    alone = run("evaluate", home / "pieces", "--json").ok().json
    assert pieces["bits_per_byte"] == pytest.approx(alone["bits_per_byte"], rel=1e-9)
    shown = run("compare", home / "work" / "models" / "lstm", home / "pieces").ok().out
    assert "bits/byte" in shown and "character unigram" in shown


def test_without_unknown_words_nothing_is_spelled(home: Path, run: Any) -> None:
    """Lines without an empty one among them are the same units for words and characters."""
    text = ("--text", home / "known.txt")
    report = run("compare", home / "work" / "models" / "lstm", home / "chars", *text, "--json").ok().json
    assert report["measure"] == "bits_per_byte" and not report["unknown_spelled"]
    for row, workspace in zip(report["models"], ("work", "chars"), strict=True):
        alone = run("evaluate", home / workspace, *(("--model", "lstm") if workspace == "work" else ()), *text,
                    "--json").ok().json  # fmt: skip
        assert row["bits_per_byte"] == pytest.approx(alone["bits_per_byte"], rel=1e-9)
        assert math.isfinite(row["bits_per_byte"])


REFUSED: dict[str, tuple[list[str], int, list[str]]] = {
    "one alone": (["work", "lstm"], 2, ["one model alone", "WORKSPACE NAME NAME"]),
    "one path alone": (["work/models/lstm"], 2, ["one model alone"]),
    "twice": (["work/models/lstm", "work/models/lstm"], 2, ["the same model"]),
    "contexts": (["work", "lstm", "ngram"], 2, ["context stream", "context sentence", "--context"]),
    "cleaning": (["work/models/lstm", "kept"], 2, ["clean the text differently"]),
    "blank lines": (["work/models/lstm", "chars"], 2, ["clean the text differently"]),
    "no such model": (["work", "lstm", "none"], 3, ["no sealed model 'none'"]),
    "no such path": (["nothing", "work"], 3, ["nothing"]),
    "standard input": (["work", "lstm", "small", "--text", "-"], 2, ["--text -"]),
    "text and split": (["work", "lstm", "small", "--text", "a", "--split", "test"], 2, ["--text with --split"]),
    "text": (["work", "lstm", "small", "--text", "none.txt"], 3, ["none.txt"]),
    "resamples": (["work", "lstm", "small", "--resamples", "9"], 2, ["--resamples"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_compared_is_refused_with_the_reason(
    case: str, home: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, code, words = REFUSED[case]
    monkeypatch.chdir(home)
    run("compare", *arguments).refused(code, *words)


def test_models_without_a_workspace_need_a_text_and_known_words(home: Path, run: Any, tmp_path: Path) -> None:
    for name, workspace in (("words", "work"), ("pieces", "pieces")):
        shutil.copytree(home / workspace / "models" / "lstm", tmp_path / name)
    both = (tmp_path / "words", tmp_path / "pieces")
    run("compare", *both).refused(2, "no workspace", "--text")
    assert run("compare", *both, "--text", home / "known.txt", "--json").ok().json["split"] is None
    (tmp_path / "short.txt").write_text("The old cat sees milk.\n" * 9)
    run("compare", *both, "--text", tmp_path / "short.txt").refused(2, "9 lines, too few")
    (tmp_path / "new.txt").write_text("The frobnicated cat.\n")
    run("compare", *both, "--text", tmp_path / "new.txt").refused(2, "words predicts 1 unknown words", "workspace")
