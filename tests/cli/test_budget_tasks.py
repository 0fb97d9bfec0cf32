"""`train --budget` for labels, forecasts and sentences. No test looks at the clock."""

import functools
import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import needs

from rnnlm.app.train import budget as budget_run
from rnnlm.cli.show import train as shown
from rnnlm.training import sequence_budget, settings

BUDGET = ("--budget", "4s", "--json")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets may be short, and begin where they are first asked for; what torch imports for a first step is there."""
    weight = torch.ones(2, requires_grad=True)
    weight.sum().backward()
    torch.optim.AdamW([weight], fused=True).step()
    monkeypatch.setattr(settings, "SHORTEST_BUDGET", 1)
    monkeypatch.setattr(sequence_budget, "_SIZES", (64, 32))
    monkeypatch.setattr(budget_run, "started_at", functools.cache(time.monotonic))


@pytest.fixture
def names(tmp_path: Path, run: Any) -> Path:
    """A workspace of texts with a label."""
    draw = random.Random(4)
    rows = {f"{''.join(draw.choices('abcde', k=draw.randint(2, 6)))}{end}\t{label}"
            for end, label in (("ski", "north"), ("ini", "south")) for _ in range(150)}  # fmt: skip
    (tmp_path / "names.tsv").write_text("text\tlabel\n" + "".join(f"{row}\n" for row in sorted(rows)))
    run("vocab", tmp_path / "names.tsv", "--out", tmp_path / "names", "--task", "classify", "--kind", "char").ok()
    return tmp_path / "names"


@pytest.fixture
def waves(tmp_path: Path, run: Any) -> Path:
    """A workspace of a table."""
    needs("tables")
    steps = np.arange(500)
    (tmp_path / "waves.csv").write_text("t,level\n" + "".join(f"{t},{10 + 3 * np.sin(t / 4):.4f}\n" for t in steps))
    run("window", tmp_path / "waves.csv", "--out", tmp_path / "waves", "--target", "level", "--steps", "12", "--time",
        "t").ok()  # fmt: skip
    return tmp_path / "waves"


def is_replayed(run: Any, work: Path) -> None:
    """From its journal the run is taken again: the same bytes."""
    model, again = work / "models" / "lstm", work / "models" / "again"
    run("train", work, "--config", model / "replay.toml", "--name", "again", "--quiet").ok()
    for name in ("weights.safetensors", "metrics.jsonl", "journal.tsv", "replay.toml"):
        assert (again / name).read_bytes() == (model / name).read_bytes(), name


def test_labels_are_learned_in_time(names: Path, run: Any) -> None:
    trained = run("train", names, *BUDGET).ok()
    assert trained.json["valid_accuracy"] > 0.9 and trained.json["epochs"] > 1
    assert "of training are about" in trained.err and "units: " in trained.err
    last = [json.loads(line) for line in (names / "models" / "lstm" / "metrics.jsonl").read_text().splitlines()][-1]
    assert last["learning_rate"] < 1e-4
    assert "--budget" not in trained.err and "up to date" in run("train", names).ok().err
    is_replayed(run, names)


def test_a_forecast_goes_on_after_a_break(waves: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as once:
        once.setattr(shown.Watcher, "stop_signal", lambda _: signal.SIGTERM)
        stopped = run("train", waves, *BUDGET)
        assert stopped.code == 143 and "--resume" in stopped.err
    chosen = (waves / "models" / "lstm" / "settings.toml").read_text()
    trained = run("train", waves, *BUDGET, "--resume").ok()
    assert "settings of the same run" in trained.err
    assert (waves / "models" / "lstm" / "settings.toml").read_text() == chosen
    assert trained.json["valid_root_mean_square_error"]["level"] < 1
    is_replayed(run, waves)


def test_sentences_are_learned_in_time(
    tmp_path: Path, run: Any, story_lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "corpus.txt").write_text("\n".join(story_lines(2_000)) + "\n")
    work = tmp_path / "work"
    flags = ("--batching", "sentences", "--hidden", "32")
    trained = run("train", tmp_path / "corpus.txt", "--out", work, *BUDGET, *flags).ok()
    assert 1 < trained.json["valid_perplexity"] < 200 and trained.json["valid_tokens"] > 0
    kept = (work / "models" / "lstm" / "settings.toml").read_text()
    assert 'bptt = "full"' in kept and "batch_size = 1\n" not in kept
    is_replayed(run, work)
    monkeypatch.setattr(budget_run, "started_at", functools.cache(time.monotonic))
    again = run("train", work, "--name", "second", "--hidden", "16").ok()
    assert "--budget 4s again, as the workspace has recorded" in again.err
