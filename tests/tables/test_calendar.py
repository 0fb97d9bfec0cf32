"""Inputs from the dates of --time: places in day, week and year by the calendar of the standard library."""

import calendar
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

from rnnlm.tables.apply import apply_rules
from rnnlm.tables.calendar import PLACES
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import open_series
from rnnlm.tables.source import read_table


def test_places_are_those_of_the_standard_library() -> None:
    draws = np.random.default_rng(1)
    moments = np.concatenate([draws.integers(-2_000_000_000, 4_000_000_000, 300), [0, -1, 951_782_399]]).astype(float)
    for moment in moments:
        date = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=moment)
        day = (date.hour * 3600 + date.minute * 60 + date.second) / 86_400
        days = calendar.monthrange(date.year, date.month)[1]
        expected = {
            "hour": day,
            "weekday": (date.weekday() + day) / 7,
            "month": (date.month - 1 + (date.day - 1 + day) / days) / 12,
        }
        for part, place in expected.items():
            assert PLACES[part](np.array([moment]))[0] == pytest.approx(place, abs=1e-9), (part, date)


def test_they_are_inputs_in_training_and_of_another_table(run: Any, tmp_path: Path) -> None:
    needs("tables")
    start = datetime.datetime(2021, 3, 1)
    lines = [f"{start + datetime.timedelta(hours=5 * n)},{n * 7 % 11}" for n in range(200)]
    table = tmp_path / "t.csv"
    table.write_text("when,x\n" + "\n".join(lines) + "\n")
    flags = ("--target", "x", "--time", "when", "--steps", 4, "--calendar", "weekday,hour", "--scaling", "none")
    told = run("window", table, "--out", tmp_path / "w", *flags, "--json").ok().json
    names = ["x", "sin weekday of when", "cos weekday of when", "sin hour of when", "cos hour of when"]
    assert told["inputs"] == names
    rules = SeriesRules.from_json(open_series(tmp_path / "w" / "window", "train").rules.to_json())
    inputs = apply_rules(read_table(table), rules).inputs
    for row in (0, 17, 199):
        date = start + datetime.timedelta(hours=5 * row)
        for column, share in ((1, (date.weekday() + date.hour / 24) / 7), (3, date.hour / 24)):
            angle = 2 * np.pi * share
            assert inputs[row, column : column + 2] == pytest.approx([np.sin(angle), np.cos(angle)], abs=1e-6)
    run("train", tmp_path / "w", "--hidden", "4", "--steps", "2").ok()
    assert run("predict", tmp_path / "w", table).ok().out.startswith("row\tx\n")
    (tmp_path / "later.csv").write_text("x\n" + "1\n" * 9)
    run("predict", tmp_path / "w", tmp_path / "later.csv").refused(3, "when")


def test_what_has_no_calendar_is_refused(run: Any, tmp_path: Path) -> None:
    needs("tables")
    (tmp_path / "t.csv").write_text("n,x\n" + "".join(f"{n},{n % 5}\n" for n in range(99)))
    window = ("window", tmp_path / "t.csv", "--out", tmp_path / "w", "--target", "x", "--steps", 4)
    run(*window, "--calendar", "hour").refused(2, "--time")
    run(*window, "--time", "n", "--calendar", "hour").refused(3, "holds no dates")
    run(*window, "--time", "n", "--calendar", "minute").refused(2, "hour, weekday, month")
