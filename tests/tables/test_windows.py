"""Windows: learned from train alone, causal, inside one sequence and one split, and the same again from the rules."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlm.errors import ArtifactError, InputError, UsageError
from rnnlm.tables.apply import apply_rules, category_codes, fill_forward, find_windows, sequence_rows
from rnnlm.tables.explicit import explicit_size, write_explicit
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series, open_series
from rnnlm.tables.settings import WindowSettings, column_names, column_periods
from rnnlm.tables.splits import split_rows
from rnnlm.tables.table import Column, Table
from rnnlm.tables.windows import window

NAN = np.nan


def table(**columns: Any) -> Table:
    """A table of columns of numbers, or of texts with None where missing."""
    described, numbers, codes = [], [], []
    for name, values in columns.items():
        if any(isinstance(value, str) for value in values):
            texts = tuple(dict.fromkeys(value for value in values if value is not None))
            described.append(Column(name, "text", texts))
            codes.append([-1 if value is None else texts.index(value) for value in values])
        else:
            described.append(Column(name, "number"))
            numbers.append(np.array(values, np.float64))
    rows = len(next(iter(columns.values())))
    return Table(
        "t.csv",
        tuple(described),
        np.stack(numbers, 1) if numbers else np.empty((rows, 0)),
        np.array(codes, np.int32).T if codes else np.empty((rows, 0), np.int32),
    )


@pytest.fixture
def cut(tmp_path: Path) -> Any:
    """`cut(table, **settings)`: the splits of a table, and the report."""

    def call(data: Table, **settings: Any) -> tuple[dict[str, Series], dict[str, Any]]:
        report = window(data, tmp_path, WindowSettings(**{"target": "y", **settings}))
        return {split: open_series(tmp_path, split) for split in ("train", "valid", "test")}, report

    return call


def ramp(rows: int = 100) -> Table:
    """y(t) = t, a second column and two that are not plain numbers."""
    at = np.arange(float(rows))
    return table(y=at, x=np.cos(at), hour=at % 24, wind=["NW" if row % 3 else "SE" for row in range(rows)])


@pytest.mark.parametrize(("inputs", "features"), [("y", 1), ("y,x,hour", 3), ("y,x,wind", 4)])
def test_a_window_holds_its_rows_and_the_target_that_lies_ahead(cut: Any, inputs: str, features: int) -> None:
    splits, report = cut(ramp(), inputs=inputs, steps=5, horizon=3)
    begin = {"train": 0, "valid": 70, "test": 80}
    for split, series in splits.items():
        rows = {"train": 70, "valid": 10, "test": 20}[split]
        assert report["splits"][split]["shape"] == [len(series), 5, features] == [rows - 5 - 3 + 1, 5, features]
        given, targets, lengths = series.batch(np.arange(len(series)))
        assert given.dtype == targets.dtype == np.float32
        assert set(lengths.tolist()) == {5}
        index = series.rules.target_inputs[0]
        first = begin[split] + np.arange(len(series))
        values = series.rules.in_units(given[:, :, [index]])[..., 0]
        assert np.allclose(values, first + np.arange(5)[:, None], atol=1e-4)
        assert np.allclose(series.rules.in_units(targets)[..., 0], first + np.arange(5)[:, None] + 3, atol=1e-4)
        assert np.array_equal(series.last_targets(np.arange(len(series))), targets[-1])
        assert np.allclose(series.truth()[:, 0], first + 7, atol=1e-4)


def test_inputs_are_scaled_encoded_and_named(cut: Any) -> None:
    splits, report = cut(ramp(), steps=2, cycle="hour=24")
    rules = splits["train"].rules
    assert rules.inputs == ("y", "x", "sin hour", "cos hour", "wind=NW", "wind=SE")
    assert report["inputs"] == list(rules.inputs)
    given = np.concatenate([splits[split].inputs for split in splits])
    at = np.arange(100)
    assert np.allclose(given[:, 0], (at - np.arange(70).mean()) / np.arange(70).std(), atol=1e-6)
    assert np.allclose(given[:70, 1].mean(), 0, atol=1e-6)
    assert np.allclose(given[:70, 1].std(), 1, atol=1e-6)
    assert np.allclose(given[:, 2], np.sin(2 * np.pi * at / 24), atol=1e-6)
    assert np.allclose(given[:, 3], np.cos(2 * np.pi * at / 24), atol=1e-6)
    assert given[:4, 4].tolist() == [0, 1, 1, 0]
    assert given[:4, 5].tolist() == [1, 0, 0, 1]
    small, _ = cut(ramp(), steps=2, scaling="minmax", inputs="y")
    assert (small["train"].inputs.min(), small["train"].inputs.max()) == (0, 1)
    assert small["test"].inputs.max() == pytest.approx(99 / 69)
    plain, _ = cut(ramp(), steps=2, scaling="none", inputs="y")
    assert np.array_equal(plain["test"].inputs[:, 0], np.arange(80, 100))
    same, _ = cut(table(y=np.arange(50.0), x=np.full(50, 0.1)), steps=2)
    assert same["train"].rules.input_scale[1] == 1
    assert np.allclose(same["train"].inputs[:, 1], 0, atol=1e-6)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "none"])
@pytest.mark.parametrize("missing", ["forward", "mean", "drop"])
def test_rows_after_train_change_nothing_in_train_nor_in_the_rules(cut: Any, scaling: str, missing: str) -> None:
    random = np.random.Generator(np.random.PCG64(3))
    y, x = random.normal(size=(2, 100))
    x[random.random(100) < 0.1] = NAN
    wind = [str(word) for word in random.choice(["a", "b", "c"], 100)]
    kept, _ = cut(table(y=y, x=x, wind=wind), steps=4, fractions="0.7,0,0.3", scaling=scaling, missing=missing)
    before = {name: np.array(getattr(kept["train"], name)) for name in ("inputs", "targets", "windows")}
    y2, x2, wind2 = y.copy(), x.copy(), list(wind)
    y2[70:], x2[70:], wind2[70:] = 1e3 * y[70:] + 7, NAN, ["new"] * 30
    changed, report = cut(table(y=y2, x=x2, wind=wind2), steps=4, fractions="0.7,0,0.3", scaling=scaling)
    assert replace(changed["train"].rules, missing=missing) == kept["train"].rules
    assert report["unknown_categories"] == {"wind": 30}
    assert not changed["test"].inputs[:, 2:].any()
    if missing == "forward":
        for name, array in before.items():
            assert np.array_equal(array, getattr(changed["train"], name)), name


@given(st.lists(st.one_of(st.none(), st.floats(-9, 9)), min_size=1, max_size=30), st.data())
def test_filling_looks_back_alone_and_not_into_another_sequence(values: list[float | None], data: Any) -> None:
    column = np.array([NAN if value is None else value for value in values])
    starts = np.array(sorted({0} | data.draw(st.sets(st.integers(0, len(column) - 1)))))
    filled = fill_forward(column, starts)
    row = data.draw(st.integers(0, len(column) - 1))
    later = column.copy()
    later[row + 1 :] = 77
    assert np.array_equal(fill_forward(later, starts)[: row + 1], filled[: row + 1], equal_nan=True)
    begin = int(starts[starts <= row].max())
    known = [value for value in column[begin : row + 1] if not np.isnan(value)]
    assert np.array_equal(filled[row], known[-1] if known else NAN, equal_nan=True)


def test_each_rule_for_missing_inputs(cut: Any) -> None:
    x = np.arange(20.0)
    x[[0, 1, 5, 6, 15]] = NAN
    data = table(y=np.arange(20.0), x=x)
    settings = {"steps": 2, "scaling": "none", "fractions": "0.5,0,0.5"}
    mean = np.nanmean(x[:10])
    forward, report = cut(data, **settings)
    assert forward["train"].inputs[:8, 1].tolist() == [mean, mean, 2, 3, 4, 4, 4, 7]
    assert forward["test"].inputs[4:7, 1].tolist() == [14, 14, 16]
    assert report["missing_values"] == {"y": 0, "x": 5}
    filled, _ = cut(data, **settings, missing="mean")
    assert filled["train"].inputs[5:8, 1].tolist() == [mean, mean, 7]
    dropped, report = cut(data, **settings, missing="drop")
    assert dropped["train"].windows[:, 0].tolist() == [2, 3, 7]
    assert report["splits"]["train"]["left_out_with_missing_inputs"] == 5
    assert report["splits"]["test"]["left_out_with_missing_inputs"] == 2


def test_a_block_continues_with_the_last_values_of_the_block_before(cut: Any) -> None:
    x = np.arange(20.0)
    x[10:] = NAN
    splits, _ = cut(table(y=np.arange(20.0), x=x), steps=2, scaling="none", fractions="0.5,0,0.5")
    assert set(splits["test"].inputs[:, 1].tolist()) == {9.0}


def test_a_missing_target_is_never_filled(cut: Any) -> None:
    y = np.arange(20.0)
    y[[4, 9]] = NAN
    splits, report = cut(table(y=y, x=np.arange(20.0)), steps=3, scaling="none", fractions="1,0,0")
    train = splits["train"]
    assert np.isnan(train.targets[[4, 9], 0]).all()
    ends = train.windows[:, 1] - 1 + 1
    assert not set(ends.tolist()) & {4, 9}
    assert (len(train), report["splits"]["train"]["left_out_without_target"]) == (20 - 3 - 2, 2)
    _, targets, _ = train.batch(np.array([1]))  # rows 2, 3, 4: the targets of rows 3, 4, 5
    assert np.array_equal(targets[:, 0, 0], [3, NAN, 5], equal_nan=True)
    assert train.inputs[4, 0] == 3  # as an input, the last known one
    two, _ = cut(table(y=y, z=np.arange(20.0)), target="z,y", steps=3, fractions="1,0,0")
    assert len(two["train"]) == 15
    assert two["train"].rules.target_inputs == (1, 0)


def test_windows_keep_to_their_split_sequence_and_stride(cut: Any) -> None:
    sequence = np.repeat(np.arange(10), 7)
    data = table(y=np.arange(70.0), s=sequence)
    splits, report = cut(data, group="s", steps=3, horizon=2, stride=2, fractions="0.5,0.3,0.2", scaling="none")
    assert [len(splits[split].starts) for split in splits] == [5, 3, 2]
    for split, first in (("train", 0), ("valid", 5), ("test", 8)):
        series = splits[split]
        assert series.rules.inputs == ("y",)
        assert np.array_equal(series.windows % 7, np.tile([[0, 3], [2, 5]], (len(series) // 2, 1)))
        given, targets, _ = series.batch(np.arange(len(series)))
        assert np.array_equal(given[:, :, 0] // 7, np.tile(first + np.arange(len(series)) // 2, (3, 1)))
        assert np.array_equal(targets, given + 2)
    assert report["splits"]["valid"]["sequences"] == 3


def test_sequences_without_steps_are_whole_and_may_differ_in_length(cut: Any) -> None:
    names = ["b", "a", "b", "a", "b", "c", "c", "b", "d"]
    y = [0, 10, 1, 11, 2, 20, 21, 3, 30]
    splits, report = cut(table(y=y, s=names), group="s", fractions="1,0,0", scaling="none")
    train = splits["train"]
    assert train.inputs[:, 0].tolist() == [0, 1, 2, 3, 10, 11, 20, 21, 30]
    assert train.windows.tolist() == [[0, 3], [4, 5], [6, 7]]  # d has no row after its first
    assert train.rules.steps is None
    assert report["splits"]["train"]["shape"] == [3, 3, 1]
    given, targets, lengths = train.batch(np.array([1, 0]))
    assert lengths.tolist() == [1, 3]
    assert given[:, :, 0].T.tolist() == [[10, 0, 0], [0, 1, 2]]
    assert np.array_equal(targets[:, :, 0].T, [[11, NAN, NAN], [1, 2, 3]], equal_nan=True)


def test_each_sequence_is_cut_in_time(cut: Any) -> None:
    """Two stations side by side: train has the first rows of each, test the last, and no window runs over both."""
    hours = np.arange(20.0)
    y = np.stack([hours, 100 + hours], 1).ravel()
    y[2 * 14] = NAN  # north's hour 14, the first of its valid
    names = ["north", "south"] * 20
    given = {"group": "s", "steps": 2, "fractions": "0.7,0.15,0.15", "scaling": "none", "inputs": "y"}
    for more in ({"cut": "time"}, {}):
        splits, report = cut(table(y=y, s=names), **given, **more)
        rows = {split: series.targets[:, 0].tolist() for split, series in splits.items()}
        assert rows["train"] == [*range(14), *range(100, 114)]
        assert rows["test"] == [17, 18, 19, 117, 118, 119]
        assert splits["test"].starts.tolist() == [0, 3]
        assert splits["test"].inputs[:, 0].tolist() == rows["test"]
        # A missing input is the last known value of its sequence, also where that is in the split before.
        assert splits["valid"].inputs[:, 0].tolist() == [13, 15, 16, 114, 115, 116]
        assert all(
            len(series.windows) == 2 * (series.starts[1] - 2) for name, series in splits.items() if name == "train"
        )
        told = " ".join(report["notices"])
        assert ("2 sequences are too few to be split" in told) == (not more)
    with pytest.raises(InputError, match=r"too few to split.*--cut time"):
        cut(table(y=y, s=names), **given, cut="group")
    with pytest.raises(UsageError, match="--cut time without --group"):
        WindowSettings(target="y", cut="time").check()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.sampled_from(["0.7,0.1,0.2", "0.5,0.5,0", "1,0,0"]))
def test_a_cut_in_time_keeps_every_row_once(lengths: list[int], fractions: str) -> None:
    starts = np.cumsum([0, *lengths[:-1]])
    rows = sum(lengths)
    try:
        moved, parts = split_rows(rows, starts, fractions, "time")
    except InputError:
        return
    assert sorted(moved.tolist()) == list(range(rows))
    sequence = np.searchsorted(starts, np.arange(rows), "right") - 1
    for earlier, later in (("train", "valid"), ("train", "test"), ("valid", "test")):
        for number in range(len(lengths)):
            first, second = (moved[parts[split].rows] for split in (earlier, later))
            mine = first[sequence[first] == number], second[sequence[second] == number]
            assert not len(mine[0]) or not len(mine[1]) or mine[0].max() < mine[1].min()
    for part in parts.values():
        block = moved[part.rows]
        assert np.flatnonzero(np.diff(sequence[block], prepend=-1)).tolist() == part.starts.tolist()


def test_the_target_of_the_same_row_is_no_input(cut: Any) -> None:
    """A task with one answer at the end of each sequence: adding."""
    sequence = np.repeat(np.arange(10), 4)
    x = np.arange(40.0) % 5
    y = np.where(np.arange(40) % 4 == 3, x.reshape(-1, 4).sum(1).repeat(4), NAN)
    splits, _ = cut(table(s=sequence, x=x, y=y), group="s", horizon=0, scaling="none", missing="drop")
    train = splits["train"]
    assert train.rules.inputs == ("x",)
    assert train.rules.target_inputs == (None,)
    given, targets, lengths = train.batch(np.arange(len(train)))
    assert lengths.tolist() == [4] * 7
    assert np.array_equal(given.sum((0, 2)), targets[-1, :, 0])
    assert np.isnan(targets[:-1]).all()


def test_a_split_of_fraction_zero_is_empty_and_still_opens(cut: Any) -> None:
    splits, _ = cut(ramp(), steps=4, fractions="1,0,0")
    assert [len(splits[split]) for split in splits] == [96, 0, 0]
    given, targets, lengths = splits["test"].batch(np.arange(0))
    assert (given.shape, targets.shape, lengths.shape) == ((0, 0, 5), (0, 0, 1), (0,))


def test_the_rules_alone_make_the_same_windows_of_the_same_rows(cut: Any) -> None:
    data = ramp()
    splits, _ = cut(data, steps=4, cycle="hour=24", horizon=2, fractions="1,0,0")
    rules = SeriesRules.from_json(json.loads(json.dumps(splits["train"].rules.to_json())))
    assert rules == splits["train"].rules
    again = apply_rules(data, rules)
    for name in ("inputs", "targets", "windows", "starts"):
        assert np.array_equal(getattr(again, name), getattr(splits["train"], name)), name


def test_the_future_is_forecast_from_the_last_rows(cut: Any) -> None:
    splits, _ = cut(ramp(), steps=4, horizon=2, stride=3, inputs="y", scaling="none", fractions="1,0,0")
    series = apply_rules(ramp(30), splits["train"].rules, future=True)
    assert series.windows[-1].tolist() == [26, 30]
    assert len(series) == 27
    assert np.array_equal(series.last_targets(np.arange(24, 27))[:, 0], [29, NAN, NAN], equal_nan=True)
    two = table(y=[1, 2, 3, 4, 5], s=["a", "a", "b", "b", "b"])
    grouped, _ = cut(two, group="s", steps=1, inputs="y", scaling="none", fractions="1,0,0")
    future = apply_rules(two, grouped["train"].rules, future=True)
    assert np.array_equal(future.last_targets(np.arange(5))[:, 0], [2, NAN, 4, 5, NAN], equal_nan=True)


def test_a_new_table_without_the_answer_can_be_forecast_but_not_measured(cut: Any) -> None:
    data = table(y=np.arange(50.0), x=np.arange(50.0))
    splits, _ = cut(data, steps=2, horizon=0)
    new = table(x=np.arange(9.0))
    assert np.isnan(apply_rules(new, splits["train"].rules, future=True).truth()).all()
    with pytest.raises(InputError, match="no column 'y'"):
        apply_rules(new, splits["train"].rules)
    with pytest.raises(InputError, match="no column 'x'"):
        apply_rules(table(y=np.arange(9.0)), splits["train"].rules, future=True)
    with pytest.raises(InputError, match="of 1 rows in all, has 2 rows"):
        apply_rules(table(x=[1.0], y=[2.0]), splits["train"].rules)


def test_a_category_matches_any_form_of_its_number() -> None:
    texts = table(a=["01", "2", "x", None, "3"])
    assert category_codes(texts, "a", ("01", "2", "x")).tolist() == [0, 1, 2, -1, -2]
    assert category_codes(table(a=[1.0, 2.0, NAN, 7.0]), "a", ("01", "2", "x")).tolist() == [0, 1, -1, -2]
    assert category_codes(table(a=["1.0", "y"]), "a", ("1", "2")).tolist() == [0, -2]


def test_numbers_can_be_categories(cut: Any) -> None:
    splits, _ = cut(table(y=np.arange(60.0), k=np.arange(60) % 12), steps=2, categories="k")
    assert splits["train"].rules.inputs == ("y", *(f"k={number}" for number in range(12)))
    assert np.array_equal(splits["train"].inputs[:12, 1:], np.eye(12))


def test_rows_of_a_sequence_stay_in_order_wherever_they_are() -> None:
    order, starts = sequence_rows(table(s=["q", "p", "q", "r", "p", "q"]), "s")
    assert order.tolist() == [0, 2, 5, 1, 4, 3]
    assert starts.tolist() == [0, 3, 5]
    numbers, _ = sequence_rows(table(s=[9, 1, 9, 5, 1, 9]), "s")
    assert numbers.tolist() == order.tolist()


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 4), st.integers(1, 4))
def test_windows_are_all_those_that_fit(lengths: list[int], steps: int, horizon: int, stride: int) -> None:
    starts = np.cumsum([0, *lengths])[:-1]
    rows = sum(lengths)
    rules = SeriesRules(("y",), {}, {}, ("y",), None, None, steps, horizon, stride, "forward", "none")
    found = find_windows(rules, starts, np.zeros((rows, 1), np.float32), np.zeros(rows, np.bool_))
    expected = [
        [start + at, start + at + steps]
        for start, length in zip(starts, lengths, strict=True)
        for at in range(0, length, stride)
        if at + steps + horizon <= length
    ]
    assert found.windows.tolist() == expected


def test_time_must_increase_within_a_sequence(cut: Any) -> None:
    good = table(y=np.arange(40.0), t=np.tile(np.arange(20.0), 2), s=np.repeat([1, 2], 20))
    splits, _ = cut(good, time="t", group="s", steps=2, fractions="0.5,0,0.5")
    assert splits["train"].rules.inputs == ("y",)
    with pytest.raises(InputError, match=r"row 21: t is not after that of the row before: .*--group"):
        cut(good, time="t", steps=2)
    gap = table(y=np.arange(40.0), t=np.where(np.arange(40) == 7, NAN, np.arange(40.0)))
    with pytest.raises(InputError, match="row 8: t is missing"):
        cut(gap, time="t", steps=2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": "z"}, "no column 'z'"),
        ({"target": "wind"}, "holds texts, not numbers"),
        ({"inputs": "y,winds"}, "did you mean wind?"),
        ({"ignore": "Y"}, "no column 'Y'"),
        ({"time": "wind"}, "numbers, or dates"),
        ({"cycle": "wind=4"}, "holds texts, not numbers"),
        ({"cycle": "hour=24", "ignore": "hour"}, "that column is no input"),
        ({"steps": 90}, "train has no window"),
        ({"steps": 10, "horizon": 5}, "valid has no window: none of its sequences, of 10 rows"),
        ({"group": "wind", "cut": "group", "fractions": "0.4,0.3,0.3"}, "2 sequences are too few to split: valid gets"),
        (
            {"group": "wind", "cut": "time", "fractions": "0.998,0.001,0.001"},
            "are too short to be cut: valid gets none",
        ),
        ({"ignore": "x,hour,wind", "horizon": 0}, "no column left"),
    ],
)
def test_what_cannot_be_is_reported(cut: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        cut(ramp(), **settings)
    assert words in str(caught.value)


def test_columns_that_are_no_inputs_are_named(cut: Any) -> None:
    y = np.arange(2000.0)
    with pytest.raises(InputError, match="x has no known value in the training rows"):
        cut(table(y=y, x=np.where(y < 1500, NAN, 1)), steps=2)
    names = [f"n{row}" for row in range(2000)]
    with pytest.raises(InputError, match="column x has 2,000 different texts in 2,000 rows, such as 'n0'"):
        cut(table(y=y, x=names), steps=2)
    with pytest.raises(InputError, match="1,400 different values"):
        cut(table(y=y, x=names), steps=2, categories="x")
    with pytest.raises(InputError, match="row 4: s is missing"):
        cut(table(y=y, s=[*["a"] * 3, None, *["b"] * 1996]), group="s", steps=2)
    with pytest.raises(InputError, match="of 1,399 windows 1,399 have no known target"):
        cut(table(y=np.where(y == 0, 1, NAN), x=y), steps=1, inputs="x")
    with pytest.raises(InputError, match="float32"):
        cut(table(y=y * 1e36, x=np.where(y == 1999, 1e39, 1)), target="x", inputs="x", steps=1, scaling="none")
    with pytest.raises(InputError, match="above 1e\\+30"):
        cut(table(y=y * 1e200), steps=1)


def gappy(rows: int, *missing: int) -> Table:
    """y over an hourly time t that lacks some hours."""
    at = np.delete(np.arange(float(rows)), missing)
    return table(t=at, y=np.sin(at))


def test_windows_skip_a_gap_in_time_where_few_are_lost(cut: Any) -> None:
    splits, report = cut(gappy(400, *range(100, 150)), time="t", steps=5)
    assert report["notices"] == ["t: 1 gap above the usual step of 1; the 5 windows over them are left out"]
    starts, windows = splits["train"].starts.tolist(), splits["train"].windows
    assert starts == [0, 100]
    assert not ((windows[:, 0] < 100) & (windows[:, 1] + 1 > 100)).any()
    again = apply_rules(gappy(60, *range(20, 25)), splits["train"].rules)
    assert again.starts.tolist() == [0, 20]
    _, report = cut(gappy(400, *range(100, 150)), time="t", steps=5, gaps="cross")
    assert report["notices"] == []
    assert report["splits"]["train"]["sequences"] == 1


def test_windows_cross_gaps_that_are_everywhere(cut: Any) -> None:
    often = gappy(600, *range(0, 600, 10))
    splits, report = cut(often, time="t", steps=8)
    assert len(splits["train"].starts) == 1
    (said,) = report["notices"]
    assert said.startswith("t: 59 gaps above the usual step of 1, over which windows run; --gaps skip leaves")
    splits, report = cut(often, time="t", steps=8, gaps="skip")
    assert len(splits["train"].starts) > 30


def test_inputs_that_teach_nothing_are_noticed(cut: Any) -> None:
    at = np.arange(100.0)
    _, report = cut(table(y=np.sin(at), No=at + 1, x=np.cos(at)), steps=3)
    assert report["notices"] == ["No only counts the rows, and later ones are beyond train's: --ignore No"]
    wind = ["a" if row < 90 else "b" for row in range(100)]
    _, report = cut(table(y=np.sin(at), wind=wind), steps=3)
    assert report["notices"] == ["wind: 10 values are none of train's"]


def test_a_short_table_has_shorter_windows(cut: Any) -> None:
    splits, report = cut(table(y=np.sin(np.arange(100.0))))
    assert report["notices"] == ["--steps 4, since a split has only 10 rows"]
    assert splits["valid"].rules.steps == 4


@pytest.mark.parametrize(
    "settings",
    [
        {"inputs": "a", "ignore": "b"},
        {"inputs": "a,y", "horizon": 0},
        {"cycle": "a=3", "categories": "a"},
        {"time": "y"},
        {"group": "y"},
    ],
)
def test_settings_that_clash_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        WindowSettings(**{"target": "y", **settings}).check()


def test_lists_of_columns_are_read() -> None:
    assert column_names('a, b ,"c,d"') == ("a", "b", "c,d")
    assert column_names(None) == ()
    assert column_periods("hour=24, a=b=0.5") == {"hour": 24, "a=b": 0.5}
    for text in ("", "a,,b", "a,a", ","):
        with pytest.raises(UsageError):
            column_names(text)
    for text in ("hour", "hour=", "hour=0", "=3", "a=1,a=2", "a=inf", "a=nan"):
        with pytest.raises(UsageError):
            column_periods(text)


def test_parts_that_do_not_fit_are_refused(cut: Any, tmp_path: Path) -> None:
    cut(ramp(), steps=4)
    rules = (tmp_path / "series.json").read_bytes()
    changes: dict[str, list[Any]] = {
        "test.inputs.npy": [np.zeros((20, 3), np.float32), np.zeros((20, 5)), np.zeros((19, 5), np.float32)],
        "test.targets.npy": [np.zeros((20, 2), np.float32)],
        "test.windows.npy": [np.array([[-1, 3]]), np.array([[3, 3]]), np.array([[18, 22]]), np.array([[1, 2, 3]])],
        "test.starts.npy": [np.array([1]), np.array([0, 20]), np.array([0, 0]), np.zeros(0, np.int64)],
    }
    for name, arrays in changes.items():
        good = (tmp_path / name).read_bytes()
        for array in arrays:
            np.save(tmp_path / name, array)
            with pytest.raises(ArtifactError):
                open_series(tmp_path, "test")
        (tmp_path / name).write_bytes(good)
    content = json.loads(rules)
    for key, value in (("steps", 0), ("horizon", -1), ("missing", {}), ("input_scale", [0] * 5), ("targets", []),
                       ("cycles", []), ("target_mean", ["x"]), ("inputs", ["y"]), ("columns", 3)):  # fmt: skip
        (tmp_path / "series.json").write_text(json.dumps({**content, key: value}))
        with pytest.raises(ArtifactError):
            open_series(tmp_path, "test")
    (tmp_path / "series.json").write_bytes(rules)
    open_series(tmp_path, "test")


def test_windows_written_out_are_those_that_are_read(cut: Any, tmp_path: Path, monkeypatch: Any) -> None:
    names = np.repeat(np.arange(9), [3, 5, 2, 7, 4, 3, 6, 2, 2])
    splits, _ = cut(table(y=np.arange(34.0), s=names), group="s", fractions="1,0,0", scaling="none")
    monkeypatch.setattr("rnnlm.tables.explicit._PIECE", 50)
    train = splits["train"]
    shape = write_explicit(train, tmp_path / "w.npy")
    windows, targets, lengths = (np.load(tmp_path / f"w.{part}") for part in ("npy", "targets.npy", "lengths.npy"))
    given, _, true_lengths = train.batch(np.arange(len(train)))
    assert shape == windows.shape == (9, 6, 1)
    assert np.array_equal(windows, given.transpose(1, 0, 2))
    assert np.array_equal(lengths, true_lengths)
    assert np.array_equal(targets, train.last_targets(np.arange(9)))
    assert explicit_size([train]) == windows.nbytes + targets.nbytes
