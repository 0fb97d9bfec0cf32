"""Several horizons at once: targets, baselines, errors and intervals by rows ahead, and what comes after a table."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnlm
from rnnlm.errors import ArtifactError, UsageError
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import open_series
from rnnlm.tables.settings import WindowSettings, horizons_of
from rnnlm.use.forecasts.baselines import fit_linear, persistence, seasonal_naive
from rnnlm.use.forecasts.report import naive_error

BEGIN = datetime(2024, 3, 1)


def write(path: Path, rows: int = 240, sites: tuple[str, ...] = ("north", "south")) -> Path:
    """An hourly table of two daily waves, of other phase and size; the second series ends six rows earlier."""
    lines = ["site,when,level,load"]
    for number, site in enumerate(sites):
        for row in range(rows - 6 * number):
            angle = 2 * np.pi * (row + 5 * number) / 24
            when = BEGIN + timedelta(hours=row)
            lines.append(f"{site},{when:%Y-%m-%d %H:%M},{(number + 1) * np.sin(angle):.4f},{np.cos(angle):.4f}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, run: Any) -> Path:
    """A trained model of two targets, one to four rows ahead."""
    directory = tmp_path_factory.mktemp("paths")
    table = write(directory / "levels.csv")
    flags = ("--group", "site", "--cut", "time", "--time", "when", "--target", "level,load", "--steps", 12)
    run("window", table, "--out", directory / "work", *flags, "--horizon", "1-4").ok()
    run("train", directory / "work", "--hidden", 16, "--steps", 150, "--batch-size", 16).ok()
    return directory / "work"


@pytest.mark.parametrize("text", ["", "a", "3-3", "5-2", "0-4", "-4", "1-", "1-2-3", "1.5", "9" * 20])
def test_no_horizon(text: str) -> None:
    with pytest.raises(UsageError):
        horizons_of(text)


def test_a_number_is_one_horizon_and_a_range_all_of_them() -> None:
    assert (horizons_of("24"), horizons_of(24), horizons_of("0"), horizons_of("1-24")) == (
        (24, 24), (24, 24), (0, 0), (1, 24),
    )  # fmt: skip
    WindowSettings(target="y", horizon="2-3", inputs="y").check()


def test_targets_are_those_of_each_horizon(work: Path) -> None:
    series = open_series(work / "window", "test")
    rules = series.rules
    assert rules.horizons == (1, 2, 3, 4)
    assert rules.outputs[:3] == ("level +1", "load +1", "level +2")
    assert SeriesRules.from_json(json.loads(json.dumps(rules.to_json()))) == rules
    for damage in (0, 4, "1", True):
        with pytest.raises(ArtifactError):
            SeriesRules.from_json({**rules.to_json(), "first": damage})
    old = {name: value for name, value in rules.to_json().items() if name != "first"}
    assert SeriesRules.from_json(old).horizons == (4,)
    _, targets, _ = series.batch(np.arange(len(series)))
    assert targets.shape == (12, len(series), 8)
    for window, (first, end) in enumerate(series.windows):
        stop = series.sequence_ends(np.array([window]))[0]
        for step in range(12):
            for place, horizon in enumerate(rules.horizons):
                row = first + step + horizon
                wanted = series.targets[row] if row < stop else np.full(2, np.nan)
                assert np.array_equal(targets[step, window, 2 * place : 2 * place + 2], wanted, equal_nan=True)
        assert end + rules.horizon <= stop
    assert np.array_equal(series.last_targets(np.arange(len(series))), targets[-1])
    assert np.allclose(series.truth(), np.asarray(targets[-1]) * np.tile(rules.target_scale, 4)
                       + np.tile(rules.target_mean, 4))  # fmt: skip


def test_baselines_of_each_horizon(work: Path) -> None:
    train, test = (open_series(work / "window", split) for split in ("train", "test"))
    y, ends = test.rules.in_units(np.asarray(test.targets)), np.asarray(test.windows)[:, 1]
    assert np.allclose(persistence(test), np.tile(y[ends - 1], 4))
    far = seasonal_naive(test, 2)
    for place, back in enumerate((2, 1, 2, 1)):  # rows before the last but one, for 1, 2, 3 and 4 rows ahead
        assert np.allclose(far[:, 2 * place : 2 * place + 2], y[ends - back])
    found = fit_linear(train, 3).predict(test)
    assert found.shape == (len(test), 8)
    assert np.abs(found - test.truth()).max() < 0.1  # a wave follows a linear recurrence
    scale = naive_error(train, 24)
    assert scale is not None and scale.shape == (2,) and np.all(scale < 1e-3)


def test_errors_and_intervals_by_rows_ahead(work: Path, run: Any, tmp_path: Path) -> None:
    report = run("evaluate", work, "--season", 5, "--json").ok().json
    assert report["horizons"] == [1, 2, 3, 4]
    assert len(report["outputs"]) == len(report["errors"]["model"]["root_mean_square_error"]) == 8
    errors = np.reshape(report["errors"]["model"]["root_mean_square_error"], (4, 2))
    whole = report["by_target"]["model"]
    assert np.allclose(whole["root_mean_square_error"], np.sqrt((errors**2).mean(0)))
    assert np.all(np.array(whole["mase"]) < 1)
    band = report["interval"]
    assert all(len(band[key]) == 8 for key in ("half_width", "width", "coverage", "pinball"))
    assert all(0 < pinball < half for pinball, half in zip(band["pinball"], band["half_width"], strict=True))
    shown = run("evaluate", work, "--plot", tmp_path / "paths.png").ok().out
    assert "1 to 4 rows ahead" in shown and "root mean square errors by rows ahead" in shown
    assert (tmp_path / "paths.png").stat().st_size > 10_000
    run("report", work, "--out", tmp_path / "page.html").ok()
    assert "By rows ahead. Interval of 90%" in (tmp_path / "page.html").read_text("utf-8")
    trained = run("train", work, "--hidden", 16, "--steps", 150, "--batch-size", 16, "--json").ok().json
    assert set(trained["valid_root_mean_square_error"]) == {"level", "load"}


def test_the_future_of_each_series(work: Path, run: Any, tmp_path: Path) -> None:
    table = write(tmp_path / "new.csv", 60)
    lines = [line.split("\t") for line in run("predict", work, table, "--future").ok().out.splitlines()]
    ends = [column for target in ("level", "load") for column in (target, f"{target} lower", f"{target} upper")]
    assert lines[0] == ["site", "when", "step", *ends]
    assert [row[:3] for row in lines[1:]] == [
        [site, f"{BEGIN + timedelta(hours=last + step):%Y-%m-%dT%H:%M:%S}", str(step)]
        for site, last in (("north", 59), ("south", 53))
        for step in (1, 2, 3, 4)
    ]
    for row in lines[1:]:
        level, low, high = map(float, row[3:6])
        assert low < level < high
    records = [json.loads(line) for line in run("predict", work, table, "--future", "--json").ok().out.splitlines()]
    assert [record["group"] for record in records] == ["north"] * 4 + ["south"] * 4
    assert records[0]["forecast"]["level"] == pytest.approx(float(lines[1][3]), abs=1e-5)
    truth = np.sin(2 * np.pi * np.array([60, 61, 62, 63]) / 24)
    assert np.abs([record["forecast"]["level"] for record in records[:4]] - truth).max() < 0.5

    future = rnnlm.load(work).future(table)
    assert [row.values for row in future] == [pytest.approx(record["forecast"]) for record in records]
    alone = run("predict", work / "models" / "lstm", table, "--future").ok()
    assert "no interval" in alone.err
    assert alone.out.splitlines()[1].split("\t")[4] == ""
    run("predict", work, table, "--future", "--all").refused(2, "--future")

    rows = [line.split("\t") for line in run("predict", work, table).ok().out.splitlines()]
    assert rows[0] == ["site", "row", "step", "level", "load"]
    unknown = [row for row in rows[1:] if row[0] == "north"]
    # The last window has four rows to come, the one before it three, and so on.
    assert [(int(row[1]), int(row[2])) for row in unknown] == [
        (61, 4), (61, 3), (62, 4), (61, 2), (62, 3), (63, 4), (61, 1), (62, 2), (63, 3), (64, 4),
    ]  # fmt: skip
    whole = run("predict", work, table, "--all", "--plot", tmp_path / "all.svg").ok().out.splitlines()
    assert len(whole) == 1 + 4 * (49 + 43)


def test_a_table_without_times_counts_rows(tmp_path: Path, run: Any) -> None:
    path = tmp_path / "wave.csv"
    path.write_text("x\n" + "".join(f"{np.sin(row / 3):.4f}\n" for row in range(120)), "utf-8")
    work = tmp_path / "work"
    run("window", path, "--out", work, "--target", "x", "--steps", 6, "--horizon", "2-3").ok()
    run("train", work, "--hidden", 8, "--steps", 20).ok()
    lines = run("predict", work, path, "--future").ok().out.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["row", "step"], ["122", "2"], ["123", "3"]]
    run("window", work, "--horizon", "3-2").refused(2, "--horizon")
