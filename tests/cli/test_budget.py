"""`train --budget`, `--plan` and `--recipe` by the command line. No test looks at the clock."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlm.app.request import SECTIONS
from rnnlm.app.train import budget as budget_run
from rnnlm.builtin import recipes
from rnnlm.builtin.recipes import read_recipe, recipe_names
from rnnlm.config import resolve
from rnnlm.training import budget as rule
from rnnlm.training.reserve import Reserved

SHORT = ("--budget", "12s", "--hidden", "32", "--json")


@pytest.fixture
def long_corpus(tmp_path: Path, story_lines: Any) -> Path:
    """Some thousands of words."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(story_lines(3_000)) + "\n", "utf-8")
    return path


def test_a_budget_buys_a_model_that_is_found_again(tmp_path: Path, spawn: Any, run: Any, long_corpus: Path) -> None:
    work = tmp_path / "work"
    report = spawn("train", long_corpus, "--out", work, *SHORT).ok().json
    assert report["valid_perplexity"] > 1 and report["valid_tokens"] > 0
    assert report["epochs"] > 1 and 0 < report["peak_fraction"] < 1
    assert 0.5 < report["temperature"] < 4
    last = [json.loads(line) for line in (work / "models" / "lstm" / "metrics.jsonl").read_text().splitlines()][-1]
    assert last["learning_rate"] < 1e-4  # it has come down to 0
    again = spawn("train", work, *SHORT).ok()
    assert again.json == report
    assert "up to date" in again.err
    assert run("evaluate", work, "--json").ok().json["perplexity"] < 40
    kept = (work / "models" / "lstm" / "settings.toml").read_text()
    assert 'budget = "12s"' in kept and "hidden = 32" in kept and "batch_size = " in kept


def test_a_budget_goes_on_after_a_break_with_what_it_had_chosen(
    tmp_path: Path, command: list[str], spawn: Any, run: Any, long_corpus: Path
) -> None:
    work = tmp_path / "work"
    run("vocab", long_corpus, "--out", work).ok()
    process = subprocess.Popen(
        [*command, "train", str(work), *SHORT], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "best valid" in line:
            break
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "--resume" in err
    chosen = (work / "models" / "lstm" / "settings.toml").read_bytes()
    refused = spawn("train", work, *SHORT)
    assert refused.code == 2 and "unfinished" in refused.err
    finished = spawn("train", work, *SHORT, "--resume").ok()
    assert "continuing after step" in finished.err
    assert (work / "models" / "lstm" / "settings.toml").read_bytes() == chosen
    assert finished.json["valid_perplexity"] > 1
    # From its journal the run, break and all, is taken again: the same weights and metrics, whatever the clock.
    model, again = work / "models" / "lstm", work / "models" / "again"
    replay = ("train", work, "--config", model / "replay.toml", "--name", "again", "--json")
    replayed = run(*replay).ok()
    assert "steps of the journal" in replayed.err
    for name in ("weights.safetensors", "metrics.jsonl", "journal.tsv", "replay.toml"):
        assert (again / name).read_bytes() == (model / name).read_bytes(), name
    assert run(*replay).ok().json == replayed.json
    run("train", work, "--config", model / "replay.toml", "--name", "b", "--seed", 2, "--quiet").refused(
        4, "in the journal"
    )
    # What a replay was given is not recorded for the workspace; on other data it is refused.
    assert run("status", "--settings", work, "--json").ok().json["train"]["budget"]["value"] == "12s"
    other = tmp_path / "other.txt"
    other.write_text("one two three\n" * 500)
    refused = run("train", other, "--out", tmp_path / "other", "--config", model / "replay.toml", "--quiet")
    refused.refused(4, "on other data (documents, tokenizer, vocab)")


def test_a_run_that_is_too_slow_for_its_size_is_begun_again(
    tmp_path: Path, run: Any, long_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    monkeypatch.setattr(budget_run, "recurrent_speed", lambda *_: 1e16)  # as if the cores were taken away later
    monkeypatch.setattr(rule, "_SIZES", (8, 64))
    monkeypatch.setattr(rule, "_TOKENS", 1e10)
    started_at = time.monotonic()
    monkeypatch.setattr(budget_run, "started_at", lambda: started_at)
    trained = run("train", long_corpus, "--out", work, "--budget", "10s", "--json").ok()
    assert "beginning again with 8 units in place of 64" in trained.err
    model = work / "models" / "lstm"
    config = json.loads((model / "config.json").read_text())
    header = json.loads((model / "journal.tsv").read_text().splitlines()[0])
    assert config["training"]["hidden"] == 8 and header["begun_again"]["units"] == 64
    assert "hidden = 8" in (model / "settings.toml").read_text()
    run("train", work, "--config", model / "replay.toml", "--name", "again", "--quiet").ok()
    for name in ("weights.safetensors", "metrics.jsonl", "journal.tsv", "replay.toml"):
        assert (work / "models" / "again" / name).read_bytes() == (model / name).read_bytes(), name
    assert "up to date" in run("train", work, "--budget", "10s").ok().err


def test_a_budget_is_refused_where_it_cannot_be(tmp_path: Path, run: Any, corpus: Path) -> None:
    work = tmp_path / "work"
    run("vocab", corpus, "--out", work).ok()
    run("train", work, "--budget", "5s").refused(2, "--budget", "10 s or more")
    run("train", work, "--budget", "soon").refused(2, "--budget", "10m")
    run("train", work, "--budget", "1m", "--epochs", "3").refused(2, "--epochs with --budget")
    assert not (work / "models").exists() or not list((work / "models").glob("lstm*"))


def test_a_plan_shows_the_choice_and_trains_nothing(tmp_path: Path, run: Any, corpus: Path) -> None:
    work = tmp_path / "work"
    run("vocab", corpus, "--out", work).ok()
    before = sorted(path.name for path in work.rglob("*"))
    planned = run("train", work, "--plan", "--epochs", "2", "--hidden", "24", "--json").ok().json
    assert planned["hidden"] == 24 and planned["epochs"] == pytest.approx(2, rel=0.01)
    assert planned["parameters"] > 0 and planned["peak_bytes"] > 10**8
    assert planned["tokens_per_second"] > 0
    assert sorted(path.name for path in work.rglob("*")) == before
    shown = run("train", work, "--plan", "--epochs", "2", "--hidden", "24").ok().out
    assert "tokens per second" in shown and "peak bytes" in shown


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_made_of_settings_that_there_are(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.what and recipe.source and bool(recipe.expects) != bool(recipe.measured)
    for section, values in recipe.settings.items():
        resolved = resolve(SECTIONS[section], recipe=values, environment={})
        for key, value in values.items():
            assert getattr(resolved.settings, key) == value
            assert resolved.origins[key] == "recipe"


@pytest.mark.parametrize("name", [name for name in recipe_names() if not read_recipe(name).measured])
def test_a_recipe_for_days_takes_its_first_steps(tmp_path: Path, run: Any, corpus: Path, name: str) -> None:
    """Its optimizer, schedule and dropouts at work, on smaller layers."""
    small = ("--steps", "3", "--hidden", "16", "--embedding", "12", "--batch-size", "4")
    report = run("train", corpus, "--out", tmp_path / "work", "--recipe", name, *small, "--json").ok().json
    assert report["steps"] == 3
    kept = (tmp_path / "work" / "models" / "lstm" / "settings.toml").read_text()
    for key, value in read_recipe(name).settings["train"].items():
        if key not in ("epochs", "hidden", "batch_size"):
            assert f"{key} = {json.dumps(value)}" in kept


def test_recipes_are_listed_and_an_unknown_one_is_named(run: Any, corpus: Path, tmp_path: Path) -> None:
    listed = run("status", "--recipes", "--json").ok().json["recipes"]
    assert [each["name"] for each in listed] == recipe_names()
    out = run("status", "--recipes").ok().out
    assert "114.5" in out and "Zaremba" in out
    run("train", corpus, "--out", tmp_path / "w", "--recipe", "awd-lst").refused(2, "did you mean awd-lstm?")


@pytest.fixture
def tiny_recipe(tmp_path: Path, run: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe that was measured on the corpus of the tests; the workspace of its first run."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    text = '[recipe]\nwhat = "tiny"\nsource = "the tests"\n\n[train]\nhidden = 8\nsteps = 30\n'
    (folder / "tiny.toml").write_text(text)
    (folder / "long.toml").write_text(text.replace("what", 'expects = "perplexity 1"\nwhat'))
    monkeypatch.setattr(recipes, "_DIRECTORY", folder)
    found = []
    for seed in (1, 2, 3):
        work = tmp_path / f"work-{seed}"
        run("train", corpus, "--out", work, "--recipe", "tiny", "--seed", seed).ok()
        found.append(run("evaluate", work, "--split", "valid", "--json").ok().json)
    raw = json.loads((tmp_path / "work-1" / "raw" / "manifest.json").read_text())
    measured = {
        "corpus": "the tests' corpus", "corpus_sha256": raw["settings"]["corpus_sha256"],
        "valid_tokens": found[0]["tokens"], "valid_perplexity": [each["perplexity"] for each in found],
        "seconds": [1.0, 2.0, 3.0], "machine": "a machine",
    }  # fmt: skip
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in measured.items())
    (folder / "tiny.toml").write_text(text + f"\n[recipe.measured]\n{lines}")
    return tmp_path / "work-1"


def test_a_check_says_where_a_run_lies(tiny_recipe: Path, run: Any, corpus: Path, tmp_path: Path) -> None:
    measured = read_recipe("tiny").measured
    assert measured is not None
    low, high = measured.interval
    assert low < min(measured.valid_perplexity) and max(measured.valid_perplexity) < high
    told = run("train", tiny_recipe, "--recipe", "tiny", "--check", "--json").ok().json["check"]
    assert told["perplexity"] == pytest.approx(measured.valid_perplexity[0])
    assert told["within"] and told["interval"] == [low, high]
    fresh = run("train", corpus, "--out", tmp_path / "w", "--recipe", "tiny", "--seed", 4, "--check").ok().out
    assert f"{low:.2f} to {high:.2f}" in fresh.replace("\n", " ") and "the whole valid split" in fresh.replace(
        "\n", " "
    )
    assert f"{measured.mean:.2f}" in run("status", "--recipes").ok().out


def test_a_check_of_something_else_is_refused(tiny_recipe: Path, run: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("the cat sees the dog\n" * 400)
    tiny = ("--recipe", "tiny", "--check", "--quiet")
    run("train", other, "--out", tmp_path / "o", *tiny).refused(3, "digest")
    run("train", tiny_recipe, *tiny, "--kind", "char", "--name", "c").refused(2, "kind is char")
    run("train", tiny_recipe, *tiny, "--hidden", 9, "--name", "h").refused(2, "hidden is 9, and 8")
    run("train", tiny_recipe, *tiny, "--max-size", 20, "--name", "m").refused(2, "max_size is 20")
    run("train", tiny_recipe, *tiny, "--from", "lstm", "--name", "f").refused(2, "--from")
    run("train", tiny_recipe, "--check").refused(2, "--recipe")
    run("train", tiny_recipe, "--recipe", "long", "--check").refused(2, "published", "tiny")


def test_a_flag_stands_before_a_recipe(tmp_path: Path, run: Any, corpus: Path) -> None:
    flags = ("--steps", "2", "--hidden", "8", "--embedding", "8", "--batch-size", "2", "--learning-rate", "0.5")
    run("train", corpus, "--out", tmp_path / "w", "--recipe", "zaremba-small", *flags).ok()
    kept = (tmp_path / "w" / "models" / "lstm" / "settings.toml").read_text()
    assert "learning_rate = 0.5" in kept and "steps = 2" in kept and "epochs =" not in kept and "clip = 0.25" in kept


@pytest.mark.parametrize("layer", ["clusters", "adaptive"])
def test_every_output_layer_trains_and_is_exact_at_use(tmp_path: Path, run: Any, corpus: Path, layer: str) -> None:
    work = tmp_path / "work"
    cuts = ("--set", "cuts=8,20")
    flags = ("--steps", "80", "--hidden", "24", "--embedding", "16", "--batch-size", "4", "--bptt", "9")
    run("train", corpus, "--out", work, "--output-layer", layer, *cuts, *flags).ok()
    stream = run("evaluate", work, "--json").ok().json
    sizes = [run("evaluate", work, "--context", "sentence", "--batch-size", n, "--json").ok().json for n in (1, 7)]
    assert sizes[0]["nats_per_token"] == pytest.approx(sizes[1]["nats_per_token"], abs=1e-5)
    assert stream["perplexity"] < 60
    found = run("next", work, "--prompt", "the ", "-k", "1000", "--json").ok().json["next"]
    assert sum(each["probability"] for each in found) == pytest.approx(1, abs=1e-5)
    assert run("generate", work, "--prompt", "the", "--max-tokens", "20", "--quiet").ok().out.startswith("the")
    assert run("neighbors", work, "the", "--json").ok().json["neighbors"][0]["tokens"]


def test_time_is_kept_back_for_the_evaluation_that_there_will_be() -> None:
    assert Reserved.of(3_600, 6_000_000).evaluation == 60
    assert Reserved.of(3_600, 6_000_000, evaluation=20).evaluation == 20
    assert Reserved.of(100, 6_000_000, evaluation=20).evaluation == 2


def test_the_machine_is_measured_for_longer_where_there_is_time(
    tmp_path: Path, run: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[float] = []

    def speed(device: str, seconds: float) -> float:
        measured.append(seconds)
        return 1e11

    monkeypatch.setattr(budget_run, "recurrent_speed", speed)
    for budget in ("10s", "2m", "10m"):
        run("train", corpus, "--out", tmp_path / "work", "--budget", budget, "--plan").ok()
    assert measured == [0.5, 1.2, 3.0]


def test_a_plan_has_no_less_than_no_time(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch, corpus: Path
) -> None:
    monkeypatch.setattr(budget_run, "started_at", lambda: time.monotonic() - 30)
    plan = run("train", corpus, "--out", tmp_path / "work", "--budget", "10s", "--plan", "--json").ok().json
    assert plan["reasons"][0].startswith("0 s of training at ")
    assert "about 0.0 million tokens, 0.0 epochs" in plan["reasons"][0]
    assert plan["reasons"][1] == "128 units: the fewest there are; the time is short"


def test_a_budget_that_reading_has_spent_is_refused_before_more_is(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch, corpus: Path
) -> None:
    monkeypatch.setattr(budget_run, "started_at", lambda: time.monotonic() - 30)
    ended = run("train", corpus, "--out", tmp_path / "work", "--budget", "10s")
    assert (ended.code, "30 s of it went for reading" in ended.err) == (2, True)
    assert not list((tmp_path / "work" / "models").glob("*"))


def test_less_is_dropped_of_a_text_that_says_the_same_again(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_run, "recurrent_speed", lambda device, seconds: 1e11)
    monkeypatch.setattr(budget_run, "started_at", time.monotonic)  # the process is that of many tests before
    random = np.random.default_rng(1)
    words = np.array([f"w{number}" for number in range(300)])
    reasons = []
    for name, texts in (
        ("same", ["a b c d e f g"] * 400),
        ("new", [" ".join(row) for row in words[random.integers(300, size=(400, 7))]]),
    ):
        (tmp_path / f"{name}.txt").write_text("\n".join(texts) + "\n")
        flags = ("--out", tmp_path / name, "--budget", "20s", "--plan", "--json")
        plan = run("train", tmp_path / f"{name}.txt", *flags).ok().json
        reasons.append(next(reason for reason in plan["reasons"] if reason.startswith("dropout")))
    same, new = reasons
    assert "dropout 0: " in same and "of whose trigrams 0% are new" in same
    assert "dropout 0.5: follows from the epochs" in new and "trigrams" not in new


def test_a_temperature_is_found_where_it_is_asked_for(tmp_path: Path, run: Any, corpus: Path) -> None:
    work = tmp_path / "work"
    flags = ("--epochs", "6", "--dropout", "0", "--keep", "last", "--hidden", "48", "--json")
    plain = run("train", corpus, "--out", work, *flags).ok().json
    found = run("train", work, *flags, "--temperature-scaling").ok().json
    assert "temperature" not in plain and found["temperature"] != 1
    assert found["valid_perplexity"] < plain["valid_perplexity"]
    assert run("evaluate", work, "--split", "valid", "--json").ok().json["perplexity"] == pytest.approx(
        found["valid_perplexity"]
    )
    assert "temperature" in run("train", work, *flags[:-1], "--temperature-scaling").ok().out
    run("train", work, "--temperature-scaling", "--cell", "output-recurrent").refused(
        2, "--temperature-scaling with --cell"
    )
    run("train", work, "--cell", "output-recurrent", "--steps", "2").ok()  # it was meant for the other network


def test_an_output_reads_the_tanh_of_a_projection(tmp_path: Path, run: Any, corpus: Path) -> None:
    work = tmp_path / "work"
    flags = ("--hidden", "24", "--embedding", "10", "--steps", "20", "--json")
    plain = run("train", corpus, "--out", work, *flags, "--temperature-scaling").ok().json
    bounded = run("train", work, *flags, "--set", "read_out=tanh", "--temperature-scaling").ok().json
    assert bounded["parameters"] == plain["parameters"]
    assert json.loads((Path(bounded["model"]) / "config.json").read_text())["architecture"]["read_out"] == "tanh"
    assert bounded["valid_perplexity"] != pytest.approx(plain["valid_perplexity"], rel=1e-4)
    assert run("evaluate", work, "--split", "valid", "--json").ok().json["perplexity"] == pytest.approx(
        bounded["valid_perplexity"]
    )
    run("train", work, "--from", "lstm", "--steps", "2").ok()
    run("train", work, "--from", "lstm", "--set", "read_out=linear").refused(2, "--read-out with --from")
    run("train", work, "--set", "read_out=tanh", "--no-tied").refused(2, "--read-out tanh with no --tied", "linear")
    run("train", work, "--hidden", "10").refused(2, "--read-out tanh with 10 units", "linear")


def test_output_layers_are_refused_where_they_cannot_be(tmp_path: Path, run: Any, corpus: Path) -> None:
    work = tmp_path / "work"
    run("vocab", corpus, "--out", work).ok()
    run("train", work, "--output-layer", "clusters", "--no-tied").refused(2, "--tied")
    run("train", work, "--output-layer", "clusters", "--cell", "output-recurrent").refused(2, "output-recurrent")
    run("train", work, "--output-layer", "sampled").refused(2, "sampled", "adaptive")
    run("train", work, "--set", "cuts=9,3").refused(2, "--set cuts", "500,2500")
    run("train", work, "--set", "cuts=9,30").refused(2, "--set cuts with --output-layer full")
    run("train", work, "--output-layer", "clusters", "--set", "cuts=9,3000000").refused(2, "--set cuts", "outputs")
