"""`rnnlm ngram`, and the commands that use its model: metrics, refusals, what changes rebuild it."""

import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def workspace(trained: Path, tmp_path: Path) -> Path:
    """A workspace of one's own with a network in it."""
    return Path(shutil.copytree(trained, tmp_path / "work"))


def test_every_use_takes_the_ngram_model_by_its_name(run: Any, workspace: Path) -> None:
    made = run("ngram", workspace, "--order", "3", "--json").ok().json
    assert made["order"] == 3 and len(made["orders"]) == 3
    assert made["ngrams"] == sum(row["ngrams"] for row in made["orders"])
    assert (workspace / "models" / "LATEST").read_text().strip() == "lstm"
    evaluated = run("evaluate", workspace, "--model", "ngram", "--json").ok().json
    assert evaluated["context"] == "sentence" and evaluated["model_sha256"] == made["model_sha256"]
    assert 1 < evaluated["perplexity"] < 60
    scored = run(
        "score", workspace, workspace / "raw" / "test.txt", "--model", "ngram", "--level", "corpus", "--format", "jsonl"
    ).ok()
    assert scored.json["perplexity"] == pytest.approx(evaluated["perplexity"], rel=1e-9)
    assert run("generate", workspace, "--model", "ngram", "--seed", "4").ok().out.strip()
    assert sum(row["probability"] for row in run("next", workspace, "--model", "ngram", "-k", "999", "--json")
               .ok().json["next"]) == pytest.approx(1, abs=1e-5)  # fmt: skip
    assert "n-grams, order 3" in run("status", workspace).ok().out
    copied = shutil.copytree(workspace / "models" / "ngram", workspace.parent / "copied")
    alone = run("evaluate", copied, "--text", workspace / "raw" / "test.txt", "--json").ok().json
    assert alone["perplexity"] == evaluated["perplexity"]


def test_it_is_made_again_only_where_something_changed(run: Any, workspace: Path) -> None:
    first = run("ngram", workspace, "--json").ok()
    again = run("ngram", workspace, "--json").ok()
    assert again.out == first.out and "up to date" in again.err
    other = run("ngram", workspace, "--order", "2", "--json").ok()
    assert other.json["model_sha256"] != first.json["model_sha256"] and "up to date" not in other.err
    assert run("ngram", workspace, "--json").ok().out == first.out


def test_rare_ngrams_are_pruned(run: Any, workspace: Path, tmp_path: Path) -> None:
    whole = run("ngram", workspace, "--json").ok().json
    pruned = run("ngram", workspace, "--prune", "0,0,1", "--name", "small", "--json").ok().json
    sizes = [[row["ngrams"] for row in made["orders"]] for made in (whole, pruned)]
    assert sizes[0][:2] == sizes[1][:2] and all(b < a for a, b in zip(sizes[0][2:], sizes[1][2:], strict=True))
    assert [row["discounts"] for row in whole["orders"]] == [row["discounts"] for row in pruned["orders"]]
    assert whole["model_sha256"] == run("ngram", workspace, "--prune", "0", "--json").ok().json["model_sha256"]
    again = run("ngram", workspace, "--prune", "0,0,1", "--name", "small").ok()
    assert "up to date" in again.err
    # Written and read again, the model is the same.
    score = ("score", workspace, workspace / "raw" / "test.txt", "--level", "corpus", "--format", "jsonl", "--model")
    measured = run(*score, "small").ok().json
    run("ngram", workspace, "--prune", "0,0,1", "--name", "small", "--arpa", tmp_path / "small.arpa").ok()
    run("ngram", workspace, "--from", tmp_path / "small.arpa").ok()
    assert run(*score, "arpa").ok().json["perplexity"] == pytest.approx(measured["perplexity"], rel=1e-4)
    for wrong in ("1", "0,2,1", "0,x", ""):
        run("ngram", workspace, "--prune", wrong).refused(2, "--prune", "0,0,1")
    run("ngram", workspace, "--from", tmp_path / "small.arpa", "--prune", "0,1").refused(2, "--prune with --from")


def test_a_stream_model_is_measured_as_a_stream(run: Any, workspace: Path) -> None:
    run("ngram", workspace, "--context", "stream").ok()
    evaluated = run("evaluate", workspace, "--model", "ngram", "--json").ok().json
    assert evaluated["context"] == "stream"
    apart = run("ngram", workspace, "--json").ok().json
    assert run("evaluate", workspace, "--model", "ngram", "--json").ok().json["model_sha256"] == apart["model_sha256"]


def test_what_needs_a_network_says_so(run: Any, workspace: Path) -> None:
    run("ngram", workspace, "--order", "2").ok()
    run("inspect", workspace, "--model", "ngram").refused(2, "n-gram model", "name a network")
    run("predict", workspace, "x", "--model", "ngram").refused(2, "n-gram model")
    run("embed", workspace, "--vectors", workspace / "models" / "ngram").refused(2, "n-gram model")
    run("train", workspace, "--from", "ngram", "--steps", "1").refused(2, "n-gram model")
    run("ngram", workspace, "--order", "0").refused(2, "--order")


def test_a_damaged_model_is_refused_by_its_file(run: Any, workspace: Path) -> None:
    run("ngram", workspace, "--order", "2").ok()
    path = workspace / "models" / "ngram" / "order-2.keys.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    run("evaluate", workspace, "--model", "ngram").refused(4, "order-2.keys.npy")
    path.unlink()
    run("evaluate", workspace, "--model", "ngram").refused(4, "order-2.keys.npy")


def test_penn_treebank_has_the_figures_that_others_give_it(run: Any, shared_data: Path, tmp_path: Path) -> None:
    """Modified Kneser-Ney of order 5 with lines apart, by KenLM: 141.2 on test, 148.0 on valid."""
    work = tmp_path / "work"
    run("ngram", shared_data / "ptb", "--prepared", "--out", work).ok()
    test = run("evaluate", work, "--model", "ngram", "--json").ok().json
    assert test["tokens"] == 82_430 and test["perplexity"] == pytest.approx(141.2, abs=0.05)
    valid = run("evaluate", work, "--model", "ngram", "--split", "valid", "--json").ok().json
    assert valid["perplexity"] == pytest.approx(148.0, abs=0.05)
