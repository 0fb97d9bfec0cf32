"""The time of what is forecast: the row `horizon` after a window, of a split, of a table, and after its end."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

from rnnlm.model.finding import find_sealed
from rnnlm.tables.apply import apply_rules
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.source import read_table
from rnnlm.use.forecasts.evaluate import choose_windows, forecast_times

ROWS, STEPS, HORIZON = 120, 5, 2
START = np.datetime64("2020-02-20", "s")


@pytest.mark.parametrize("dated", [True, False])
def test_times_are_those_of_the_forecast_rows(run: Any, tmp_path: Path, dated: bool) -> None:
    needs("tables")
    days = [str((START + 86_400 * n).astype("datetime64[D]")) if dated else str(7 * n) for n in range(ROWS)]
    (tmp_path / "t.csv").write_text("when,x\n" + "".join(f"{day},{n % 9}\n" for n, day in enumerate(days)))
    flags = ("--target", "x", "--time", "when", "--steps", STEPS, "--horizon", HORIZON)
    run("window", tmp_path / "t.csv", "--out", tmp_path / "w", *flags).ok()
    run("train", tmp_path / "w", "--hidden", "4", "--steps", "2").ok()
    found = find_sealed(tmp_path / "w", None)

    def time(row: int) -> Any:
        return START + 86_400 * row if dated else 7.0 * row

    chosen = choose_windows(found, "test", None)
    assert chosen.times is not None
    assert chosen.times[-1] == time(ROWS - 1)
    assert chosen.times[0] == time(ROWS - len(chosen.series))
    whole = choose_windows(found, None, str(tmp_path / "t.csv"))
    assert whole.times is not None
    assert whole.times[0] == time(STEPS - 1 + HORIZON)
    table, rules = read_table(tmp_path / "t.csv"), SeriesRules.from_json(found.model.config["series"])
    ahead = forecast_times(table, apply_rules(table, rules, future=True), 0)
    assert ahead is not None
    assert ahead[-1] == time(ROWS - 1 + HORIZON)  # after the table, by its usual step
    if dated:
        for arguments in (("evaluate", tmp_path / "w"), ("predict", tmp_path / "w", tmp_path / "t.csv")):
            run(*arguments, "--plot", tmp_path / "plot.svg").ok()
            assert "2020" in (tmp_path / "plot.svg").read_text()


def test_after_a_gap_begins_a_sequence_of_its_own(run: Any, tmp_path: Path) -> None:
    needs("tables")
    days = [str((START + 86_400 * (n + 30 * (n >= 60))).astype("datetime64[D]")) for n in range(ROWS)]
    (tmp_path / "t.csv").write_text("when,x\n" + "".join(f"{day},{n % 9}\n" for n, day in enumerate(days)))
    run("window", tmp_path / "t.csv", "--out", tmp_path / "w", "--target", "x", "--time", "when", "--steps", STEPS).ok()
    run("train", tmp_path / "w", "--hidden", "4", "--steps", "2").ok()
    rules = SeriesRules.from_json(find_sealed(tmp_path / "w", None).model.config["series"])
    table = read_table(tmp_path / "t.csv")
    series = apply_rules(table, rules, future=True)
    times = forecast_times(table, series, 0)
    assert times is not None
    last = int(np.flatnonzero(series.windows[:, 1] == 60)[0])  # forecasts the day after row 59, not row 60
    assert times[last] == START + 86_400 * 60
    assert times[last + 1] == START + 86_400 * (60 + 30 + STEPS)
