"""`train --plot`: the curves of a run, drawn from its log, also of one that is up to date."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import needs

from rnnlm.training.metrics import METRICS, TIMING, read_log
from rnnlm.views.curves import draw_training

QUICK = ("--hidden", "8", "--steps", "6", "--batch-size", "4", "--bptt", "8")


def test_a_run_is_plotted_when_it_ends_and_again_without_training(run: Any, corpus: Path, tmp_path: Path) -> None:
    needs("plots")
    work, picture = tmp_path / "work", tmp_path / "curves.svg"
    run("train", corpus, "--out", work, *QUICK, "--plot", picture).ok()
    first = picture.read_bytes()
    assert b"<svg" in first
    picture.unlink()
    assert "up to date" in run("train", work, *QUICK, "--plot", picture).ok().err
    assert picture.read_bytes() == first


def test_a_picture_that_cannot_be_is_refused_before_training(
    run: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    run("train", corpus, "--out", work, *QUICK, "--plot", "curves.txt").refused(2, "--plot", ".png")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    run("train", corpus, "--out", work, *QUICK, "--plot", "curves.png").refused(3, "rnnlm[plots]")
    assert not (work / "models").exists()


def test_lines_of_a_log_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    rows = [{"step": 1, "tokens": 32, "loss": 5.0}, {"step": 2, "tokens": 64, "valid_perplexity": 9.0, "loss": 4.0}]
    lines = [*map(json.dumps, rows), "[1]", "nonsense", '{"step": "x", "tokens": 1}', '{"loss": 2}']
    (tmp_path / METRICS).write_text("\n".join(lines))
    assert read_log(tmp_path) == (rows, {})
    (tmp_path / TIMING).write_text('{"step": 1, "seconds": 4}\n{"step": 2, "seconds": 8.5}\n{"seconds": 9}\n')
    assert read_log(tmp_path)[1] == {1: 4.0, 2: 8.5}


def test_clipping_and_time_are_drawn_where_they_are_known(tmp_path: Path) -> None:
    needs("plots")
    import matplotlib as mpl

    rows = [{"step": n, "tokens": 32 * n, "loss": 5.0 / n, "learning_rate": 0.1, "gradient_norm": 1 / n,
             "clipped_fraction": 0.5, "valid_perplexity": 9.0 / n} for n in range(1, 9)]  # fmt: skip
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_training(tmp_path / "a.svg", rows, {n: 3.0 * n for n in range(1, 9)}, "language", "training of a model")
        draw_training(tmp_path / "b.svg", rows, {}, "forecast", "")
    text = (tmp_path / "a.svg").read_text()
    for words in ("training of a model", "nats per token", "seconds of training", "share clipped", "valid perplexity"):
        assert words in text
    other = (tmp_path / "b.svg").read_text()
    assert "seconds of training" not in other
    assert "squared error" in other
