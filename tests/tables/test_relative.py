"""Windows relative to their first row: a network that does not see the level, and a notice where a series leaves it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import needs
from test_windows import table

from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.tables.series import open_series
from rnnlm.tables.settings import WindowSettings
from rnnlm.tables.windows import window
from rnnlm.use.forecasts.evaluate import forecasts


def series_of(directory: Path, values: list[float | None], other: list[float], **given: Any) -> Any:
    """The train split of two targets, and an input that is no target."""
    directory.mkdir()
    known = [float("nan") if value is None else value for value in values]
    every = {"target": "x,y", "inputs": "x,other,y", "steps": 4, "horizon": "1-2", "relative": True, **given}
    window(table(x=known, y=[2.0 * n for n in range(len(values))], other=other), directory, WindowSettings(**every))
    return open_series(directory, "train")


def test_a_shift_of_the_series_shifts_the_forecast_and_nothing_else(tmp_path: Path) -> None:
    draws = np.random.default_rng(1)
    values: list[float | None] = [float(each) for each in draws.normal(size=80).cumsum()]
    values[3] = values[30] = None
    other = draws.normal(size=80).tolist()
    shifted = [None if each is None else each + 1000.0 for each in values]
    plain, moved = (series_of(tmp_path / name, each, other) for name, each in (("a", values), ("b", shifted)))
    a = Architecture("lstm", 0, 0, 6, 1, False, task="forecast", features=3, labels=4, direct=True)
    network = Network(a, torch.Generator().manual_seed(1)).eval()
    before, after = (forecasts(network, each, 7) for each in (plain, moved))
    assert after[:, [0, 2]] - before[:, [0, 2]] == pytest.approx(1000.0, abs=2e-2)
    assert after[:, [1, 3]] == pytest.approx(before[:, [1, 3]], abs=2e-3)
    assert moved.truth()[:, [1, 3]] == pytest.approx(plain.truth()[:, [1, 3]])
    inputs, targets, lengths = plain.batch(np.arange(5))
    assert (inputs[0, :, 0] == 0).all()
    assert not (inputs[0, :, 1] == 0).any()
    every = plain.in_units(np.arange(5), targets[lengths - 1, np.arange(5)])
    assert every == pytest.approx(plain.truth()[:5], abs=1e-5, nan_ok=True)
    absolute = series_of(tmp_path / "c", values, other, relative=False)
    kept = [n for n, start in enumerate(absolute.windows[:, 0].tolist()) if start not in (3, 30)]
    assert len(plain) == len(kept) == len(absolute) - 2  # a window without a value in its first row has no level
    assert absolute.truth()[kept] == pytest.approx(plain.truth(), abs=1e-9, nan_ok=True)


def test_a_target_that_is_no_input_has_no_level(run: Any, tmp_path: Path) -> None:
    needs("tables")
    (tmp_path / "t.csv").write_text("x,z\n" + "".join(f"{n},{n % 5}\n" for n in range(100)))
    for flags in (("--inputs", "z"), ("--horizon", "0")):
        ended = run("window", tmp_path / "t.csv", "--out", tmp_path / "w", "--target", "x", "--relative", *flags)
        assert (ended.code, "--relative with a target that is no input" in ended.err) == (2, True)
        plain = run("window", tmp_path / "t.csv", "--out", tmp_path / "w", "--target", "x", *flags).ok()
        assert "--relative" not in plain.err
    run("window", tmp_path / "t.csv", "--out", tmp_path / "v", "--target", "x", "--relative", "--steps", "4").ok()
    assert json.loads((tmp_path / "v" / "window" / "series.json").read_text())["relative"] is True
    run("window", tmp_path / "v", "--no-relative").ok()
    assert "relative" not in json.loads((tmp_path / "v" / "window" / "series.json").read_text())


def test_a_trend_is_followed_beyond_the_training_range_and_said_where_it_is_not(tmp_path: Path, run: Any) -> None:
    needs("tables")
    draws = np.random.default_rng(2)
    values = np.arange(600) * 0.1 + np.sin(np.arange(600) / 5) + draws.normal(0, 0.05, 600)
    (tmp_path / "t.csv").write_text("x\n" + "".join(f"{value:.4f}\n" for value in values))
    errors = {}
    for flags in ([], ["--relative"]):
        work = tmp_path / f"work{len(flags)}"
        made = run("window", tmp_path / "t.csv", "--out", work, "--target", "x", "--horizon", "1-8", *flags).ok()
        assert ("--relative follows trends" in made.err) == (not flags)
        run("train", work, "--hidden", "12", "--steps", "300").ok()
        told = run("evaluate", work, "--json").ok().json
        errors[len(flags)] = told["by_target"]["model"]["root_mean_square_error"][0]
        assert told["interval"]["coverage"][0] > 0.6 or not flags
    assert errors[1] < 0.3 < errors[0]
    run("window", work, "--write").ok()
    assert np.load(work / "windows-test.targets.npy").shape[1] == 8
