"""Intervals by validation errors: the k-th smallest error, the share that they promise, and where they are shown."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

from rnnlm.use.forecasts.interval import Interval, half_width


def test_the_width_is_the_error_that_enough_others_do_not_exceed() -> None:
    draws = np.random.default_rng(1)
    truth, forecast = draws.normal(size=(57, 2)), draws.normal(size=(57, 2))
    truth[:7, 1] = np.nan
    for share in (0.5, 0.8, 0.9):
        found = half_width(forecast, truth, share)
        assert found is not None
        for target, known in ((0, 57), (1, 50)):
            errors = sorted(abs(f - t) for f, t in zip(forecast[:, target], truth[:, target], strict=True) if t == t)
            assert len(errors) == known
            assert found[target] == errors[math.ceil((known + 1) * share) - 1]


def test_new_values_are_inside_as_often_as_promised() -> None:
    draws, shares = np.random.default_rng(2), []
    for _ in range(200):
        found = half_width(np.zeros((40, 1)), draws.standard_t(3, (40, 1)))
        assert found is not None
        shares.append((abs(draws.standard_t(3, 500)) <= found[0]).mean())
    assert 0.9 <= np.mean(shares) < 0.92  # (k / (n + 1) = 37 / 41)


def test_too_few_windows_have_no_interval() -> None:
    assert half_width(np.zeros((8, 1)), np.ones((8, 1))) is None
    assert half_width(np.zeros((9, 1)), np.ones((9, 1))) is not None
    assert half_width(np.zeros((0, 1)), np.ones((0, 1))) is None
    holes = np.ones((20, 2))
    holes[5:, 1] = np.nan
    assert half_width(np.zeros((20, 2)), holes) is None


def test_unknown_values_do_not_count() -> None:
    truth = np.array([[0.5], [2.0], [np.nan]])
    told = Interval(-np.ones((3, 1)), np.ones((3, 1)), (0.05, 0.95), "errors").described(np.zeros((3, 1)), truth)
    assert (told["coverage"], told["half_width"], told["width"]) == ([0.5], [1.0], [2.0])
    losses = [0.05 * 1.5 + 0.5 * 0.5 + 0.05 * 0.5, 0.05 * 3 + 0.5 * 2 + 0.95 * 1]
    assert told["pinball"] == pytest.approx([np.mean(losses) / 3])


def test_evaluate_and_report_show_it(run: Any, tmp_path: Path) -> None:
    needs("tables")
    table, work = tmp_path / "t.csv", tmp_path / "w"
    draws = np.random.default_rng(3)
    table.write_text(
        "x\n" + "".join(f"{value:.4f}\n" for value in np.sin(np.arange(400) / 9) + draws.normal(0, 0.1, 400))
    )
    run("window", table, "--out", work, "--target", "x", "--steps", 5).ok()
    run("train", work, "--hidden", "6", "--steps", "60").ok()
    told = run("evaluate", work, "--json").ok().json
    band = told["interval"]
    assert band["share"] == 0.9 and 0 < band["half_width"][0] < 3 and 0.5 < band["coverage"][0] <= 1
    assert f"x ± {band['half_width'][0]:.4g} holds {band['coverage'][0]:.1%} of" in run("evaluate", work).ok().out
    assert run("evaluate", work, "--split", "valid", "--json").ok().json["interval"] is None
    needs("plots")
    run("evaluate", work, "--plot", tmp_path / "plot.svg").ok()
    assert "interval" in (tmp_path / "plot.svg").read_text()
    run("report", work, "--out", tmp_path / "r.html").ok()
    page = (tmp_path / "r.html").read_text("utf-8")
    assert f"± {band['half_width'][0]:,.4g}" in page and f"{band['coverage'][0]:.1%}" in page
