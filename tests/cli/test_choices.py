"""What a command decides for itself: which model --force and --resume mean, which settings make a run another one."""

import json
from pathlib import Path
from typing import Any

import pytest

SMALL = ("--hidden", "8", "--batch-size", "4", "--bptt", "8", "--steps", "6")


@pytest.fixture
def work(tmp_path: Path, run: Any, corpus: Path) -> Path:
    """A workspace with two small models, `lstm` and `lstm-2`."""
    run("train", corpus, "--out", tmp_path / "work", *SMALL).ok()
    run("train", tmp_path / "work", "--seed", 2).ok()
    return tmp_path / "work"


def weights(work: Path, name: str) -> bytes:
    """A model's weights as they are on disk."""
    return (work / "models" / name / "weights.safetensors").read_bytes()


def test_force_begins_the_same_run_anew_and_leaves_the_others(run: Any, work: Path) -> None:
    first, second = weights(work, "lstm"), weights(work, "lstm-2")
    (work / "models" / "lstm-2" / "timing.jsonl").unlink()
    run("train", work, "--seed", 2, "--force").ok()
    assert (work / "models" / "lstm-2" / "timing.jsonl").exists()
    run("train", work, "--seed", 3, "--force").ok()
    assert (weights(work, "lstm"), weights(work, "lstm-2")) == (first, second)
    assert weights(work, "lstm-3") not in (first, second)


def test_resume_finds_the_unfinished_run_by_its_settings(run: Any, work: Path) -> None:
    second = weights(work, "lstm-2")
    for name in ("manifest.json", "weights.safetensors", "config.json", "tokenizer.json", "metrics.jsonl"):
        (work / "models" / "lstm-2" / name).unlink()
    run("train", work, "--seed", 2).refused(2, "--name lstm-2 --resume")
    run("train", work, "--seed", 2, "--resume").ok()
    assert weights(work, "lstm-2") == second


def test_a_cleaning_rule_that_changes_no_text_still_changes_the_tokenizer(tmp_path: Path, run: Any) -> None:
    text = tmp_path / "plain.txt"
    text.write_text("a b c\nc b a\na a b\n")
    run("vocab", text, "--out", tmp_path / "work", "--fractions", "1,0,0").ok()
    before = json.loads((tmp_path / "work" / "vocab" / "tokenizer.json").read_text())["normalizer"]
    run("vocab", tmp_path / "work", "--case", "keep").ok()
    after = json.loads((tmp_path / "work" / "vocab" / "tokenizer.json").read_text())["normalizer"]
    assert {"type": "Lowercase"} in before["normalizers"]
    assert {"type": "Lowercase"} not in after["normalizers"]


def test_the_longest_line_of_a_batch_is_part_of_the_run(run: Any, work: Path) -> None:
    sentences = ("--batching", "sentences", "--bptt", "full")
    one = run("train", work, *sentences, "--max-length", 3, "--json").ok().json
    two = run("train", work, *sentences, "--max-length", 4, "--json").ok().json
    assert one["model"] != two["model"]
    assert one["tokens_seen"] < two["tokens_seen"]


def test_adapting_takes_the_network_and_the_tokenizer_of_the_model(tmp_path: Path, run: Any, work: Path) -> None:
    text = tmp_path / "other.txt"
    text.write_text("the cat sees a zebra\n" * 40)
    base = work / "models" / "lstm"
    flags = ("--fractions", "0.8,0.1,0.1", "--steps", "4")
    run("train", text, "--out", tmp_path / "new", "--from", base, "--hidden", 9, *flags).refused(
        2, "--hidden with --from"
    )
    run("train", text, "--out", tmp_path / "new", "--from", base, *flags).ok()
    assert (tmp_path / "new" / "models" / "lstm" / "tokenizer.json").read_bytes() == (
        base / "tokenizer.json"
    ).read_bytes()
    assert weights(tmp_path / "new", "lstm") != weights(work, "lstm")
    assert run("evaluate", tmp_path / "new", "--json").ok().json["out_of_vocabulary_tokens"] > 0


def test_a_written_settings_file_repeats_the_run(tmp_path: Path, run: Any, work: Path, corpus: Path) -> None:
    run("train", corpus, "--out", tmp_path / "again", "--config", work / "models" / "lstm" / "settings.toml").ok()
    assert weights(tmp_path / "again", "lstm") == weights(work, "lstm")


def test_one_object_however_much_is_looked_at(run: Any, work: Path) -> None:
    seen = run("neighbors", work, "the", "cat", "--map", work / "map.svg", "-k", 2, "--json").ok().json
    assert [len(each["tokens"]) for each in seen["neighbors"]] == [2, 2] and seen["map"]["tokens"] > 9


def test_a_directory_of_someone_elses_is_not_replaced(tmp_path: Path, run: Any, corpus: Path) -> None:
    (tmp_path / "project" / "raw").mkdir(parents=True)
    (tmp_path / "project" / "raw" / "data.csv").write_text("1,2\n")
    run("clean", corpus, "--out", tmp_path / "project", "--force").refused(2, "not of rnnlm's making")
    assert (tmp_path / "project" / "raw" / "data.csv").read_text() == "1,2\n"


def test_a_damaged_corpus_is_read_anew_with_force(run: Any, work: Path, corpus: Path) -> None:
    whole = (work / "raw" / "train.txt").read_bytes()
    (work / "raw" / "train.txt").write_bytes(whole[:-1])
    run("status", work, "--accept").refused(4, "no line end")
    run("clean", corpus, "--out", work, "--force").ok()
    assert (work / "raw" / "train.txt").read_bytes() == whole


def test_a_workspace_does_not_take_over_its_own_tokenizer(tmp_path: Path, run: Any, work: Path) -> None:
    own = work / "vocab" / "tokenizer.json"
    run("tokenize", work, "--tokenizer", own).refused(2, "copy it elsewhere")
    copy = tmp_path / "tokenizer.json"
    copy.write_bytes(own.read_bytes())
    before = run("vocab", work, "--json").ok().json["splits"]
    assert run("vocab", work, "--tokenizer", copy, "--json").ok().json["splits"] == before
