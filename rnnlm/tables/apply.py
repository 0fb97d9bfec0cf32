"""A table by the rules of a series: rows in order, filled and scaled inputs, targets, and the windows among them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.errors import InputError
from rnnlm.tables.calendar import PLACES
from rnnlm.tables.gaps import with_gaps
from rnnlm.tables.rules import RowNumbers, SeriesRules
from rnnlm.tables.series import Series
from rnnlm.tables.table import Table

_UNKNOWN = -2


def apply_rules(table: Table, rules: SeriesRules, *, future: bool = False) -> Series:
    """A table that training has not seen, by the rules learned in training.

    With `future` every window of known inputs is kept, its target known or not, so that the last of a sequence
    forecasts beyond the table. Raises InputError for a table without the columns, or too short.
    """
    order, starts = sequence_rows(table, rules.group)
    check_time(table, rules.time, order, starts)
    numbers = None
    if rules.label is not None:
        numbers = np.full(table.rows, -1, np.int32) if future else label_numbers(table, rules, order, starts)
    if rules.gap is not None and rules.time is not None and table.has(rules.time):
        starts = with_gaps(table.moment(rules.time)[order], starts, rules.gap)
    inputs, incomplete = scaled_inputs(table, rules, order, starts)
    if future and not all(table.has(target) for target in rules.targets):
        targets = np.full((table.rows, len(rules.targets)), np.nan, np.float32)
    else:
        targets = scaled_targets(table, rules, order)
    found = find_windows(rules, starts, answers_of(targets, numbers), incomplete, future=future)
    if not len(found.windows):
        raise InputError(f"{table.source}: {found.reason(rules, table.rows)}", "give a longer table")
    return Series(inputs, targets, found.windows, rules, starts, numbers)


def label_numbers(table: Table, rules: SeriesRules, order: RowNumbers, starts: RowNumbers) -> NDArray[np.int32]:
    """(rows,) the number of each row's label, -1 where missing, -2 for one that is none of the rules' labels.

    Of a label for each sequence all its rows have the one that some of them name; InputError where they name two.
    """
    assert rules.label is not None
    codes = category_codes(table, rules.label, rules.labels)[order].astype(np.int32)
    if rules.label_each:
        return codes
    for first, last in pairwise([*starts.tolist(), table.rows]):
        own = np.unique(codes[first:last])
        own = own[own != -1]
        if len(own) > 1:
            names = " and ".join("one unseen in training" if code < 0 else rules.labels[code] for code in own[:2])
            raise InputError(
                f"{table.source}, row {int(order[first]) + 1:,}: the sequence that begins here has the labels {names}",
                "name the column of sequences with --group, or add --label-each",
            )
        codes[first:last] = own[0] if len(own) else -1
    return codes


def unseen_labels(numbers: NDArray[np.int32] | None, label: str | None, where: str) -> list[str]:
    """A line where labels are none of train's, which no network can give."""
    count = 0 if numbers is None else int((numbers < -1).sum())
    return [f"{label}: {count:,} rows of {where} have labels that train has not; mix the sequences"] if count else []


def answers_of(targets: NDArray[np.float32], numbers: NDArray[np.int32] | None) -> NDArray[np.float32]:
    """(rows, K) NaN where a row has no answer: the targets, or one column for the labels."""
    return targets if numbers is None else np.where(numbers == -1, np.nan, 0.0)[:, None].astype(np.float32)


def sequence_rows(table: Table, group: str | None) -> tuple[RowNumbers, RowNumbers]:
    """The rows (rows,) in the order in which sequences first appear, and where each begins in it (sequences,).

    Raises InputError for a row without a value of `group`.
    """
    if group is None:
        return np.arange(table.rows), np.zeros(min(table.rows, 1), np.int64)
    codes, _ = table.labels(group)
    if np.any(codes < 0):
        raise InputError(
            f"{table.source}, row {int(np.argmin(codes)) + 1:,}: {group} is missing", "every row needs its group"
        )
    _, first, sequence = np.unique(codes, return_index=True, return_inverse=True)
    appearance = np.argsort(np.argsort(first))[sequence]
    order = np.argsort(appearance, kind="stable")
    return order, np.flatnonzero(np.diff(appearance[order], prepend=-1))


def sequence_names(table: Table, series: Series) -> tuple[str, ...]:
    """The name of the sequence of each window; none where the table is one sequence."""
    if series.rules.group is None:
        return ()
    order, _ = sequence_rows(table, series.rules.group)
    codes, names = table.labels(series.rules.group)
    return tuple(names[code] for code in codes[order[np.asarray(series.windows[:, 0])]])


def check_time(table: Table, time: str | None, order: RowNumbers, starts: RowNumbers) -> None:
    """InputError where the column `time`, if the table has it, does not increase within a sequence."""
    if time is None or not table.has(time):
        return
    moments = table.moment(time)[order]
    later = np.append(True, moments[1:] > moments[:-1])
    later[starts] = True
    wrong = np.flatnonzero(np.isnan(moments) | ~later)
    if len(wrong):
        row = int(order[wrong[0]]) + 1
        missing = np.isnan(moments[wrong[0]])
        raise InputError(
            f"{table.source}, row {row:,}: {time} is {'missing' if missing else 'not after that of the row before'}",
            "sort the rows by it; several sequences in one table need --group",
        )


def encoded(table: Table, rules: SeriesRules) -> Iterator[Floats]:
    """(rows,) each of the F inputs before filling and scaling, NaN where missing."""
    for column in rules.columns:
        if column in rules.categories:
            codes = category_codes(table, column, rules.categories[column])
            for code in range(len(rules.categories[column])):
                yield np.where(codes == -1, np.nan, codes == code)
        elif column in rules.cycles:
            # x → sin(2π x / period), cos(2π x / period)
            angle = table.number(column) * (2 * np.pi / rules.cycles[column])
            yield np.sin(angle)
            yield np.cos(angle)
        else:
            yield table.number(column)
    for part in rules.calendar:
        assert rules.time is not None
        angle = 2 * np.pi * PLACES[part](table.moment(rules.time))
        yield np.sin(angle)
        yield np.cos(angle)


def category_codes(table: Table, column: str, labels: tuple[str, ...]) -> RowNumbers:
    """(rows,) the index of each value in `labels`, -1 where missing, -2 for a value that is none of them.

    A label that is a number matches any form of that number: '01' in a column of texts, 1 in one of numbers.
    """
    codes, texts = table.labels(column)
    indices: dict[str | float, int] = {}
    for index, label in enumerate(labels):
        indices.setdefault(_as_number(label), index)
    indices |= {label: index for index, label in enumerate(labels)}
    met = [indices.get(text, indices.get(_as_number(text), _UNKNOWN)) for text in texts]
    return np.array([*met, -1], np.int64)[codes]


def unknown_categories(table: Table, rules: SeriesRules) -> dict[str, int]:
    """How many values of each column of categories are none of train's."""
    return {name: int((category_codes(table, name, labels) < -1).sum()) for name, labels in rules.categories.items()}


def unseen(table: Table, rules: SeriesRules) -> list[str]:
    """A line for each column with such values."""
    return [f"{name}: {n:,} values are none of train's" for name, n in unknown_categories(table, rules).items() if n]


def _as_number(label: str) -> str | float:
    try:
        return float(label)
    except ValueError:
        return label


def scaled_inputs(
    table: Table, rules: SeriesRules, order: RowNumbers, starts: RowNumbers
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(rows, F) inputs, filled and scaled, and (rows,) whether an input of the row was missing."""
    inputs = np.empty((table.rows, rules.features), np.float32)
    incomplete = np.zeros(table.rows, np.bool_)
    for index, values in enumerate(encoded(table, rules)):
        values = values[order]
        missing = np.isnan(values)
        incomplete |= missing
        if rules.missing == "forward" and missing.any():
            values = fill_forward(values, starts)
        values = np.where(np.isnan(values), rules.input_fill[index], values)
        inputs[:, index] = _single((values - rules.input_mean[index]) / rules.input_scale[index], rules.inputs[index])
    return inputs, incomplete


def scaled_targets(table: Table, rules: SeriesRules, order: RowNumbers) -> NDArray[np.float32]:
    """(rows, K) targets, scaled, NaN where missing."""
    targets = np.empty((table.rows, len(rules.targets)), np.float32)
    for index, name in enumerate(rules.targets):
        values = table.number(name)[order]
        targets[:, index] = _single((values - rules.target_mean[index]) / rules.target_scale[index], name)
    return targets


def _single(values: Floats, name: str) -> NDArray[np.float32]:
    if np.any(np.abs(values) > np.finfo(np.float32).max):
        raise InputError(f"{name} has values beyond the range of float32", "use --scaling standard")
    return values.astype(np.float32)


def fill_forward(values: Floats, starts: RowNumbers) -> Floats:
    """(rows,) with each NaN replaced by the last value before it in its sequence, where there is one."""
    rows = np.arange(len(values))
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows))
    begins = np.repeat(starts, np.diff(starts, append=len(values)))
    return np.where(last >= begins, values[last], np.nan)


@dataclass(frozen=True)
class FoundWindows:
    """`windows` (N, 2), how many `fit` into the sequences, and how many of those were omitted, and why."""

    windows: RowNumbers
    fit: int
    without_target: int
    with_missing_inputs: int

    def reason(self, rules: SeriesRules, rows: int) -> str:
        """Why there is no window among `rows` rows, for a message."""
        if self.fit == 0:
            after = "" if rules.label is not None else f" and a target {rules.horizon:,} after the last"
            return f"none of its sequences, of {rows:,} rows in all, has {rules.steps or 1:,} rows{after}"
        what = "target" if rules.label is None else "label"
        return (
            f"of {self.fit:,} windows {self.without_target:,} have no known {what} and "
            f"{self.with_missing_inputs:,} miss an input"
        )


def find_windows(
    rules: SeriesRules,
    starts: RowNumbers,
    targets: NDArray[np.float32],
    incomplete: NDArray[np.bool_],
    *,
    future: bool = False,
) -> FoundWindows:
    """The windows of sequences that begin at `starts` (sequences,), from `targets` (rows, K) and `incomplete` (rows,).

    A window and its target lie in one sequence, and the target is known, or the label of some row; with `future`
    neither is required, and a window begins at every row. Windows relative to their first row have a target there.
    """
    ends = np.append(starts[1:], len(targets))[: len(starts)]
    horizon = 0 if future else rules.horizon
    if rules.steps is None:
        windows = np.stack([starts, ends - horizon], 1)
        windows = windows[windows[:, 0] < windows[:, 1]]
    else:
        stride = 1 if future else rules.stride
        count = np.maximum((ends - starts - rules.steps - horizon) // stride + 1, 0)
        number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        begins = np.repeat(starts, count) + stride * number
        windows = np.stack([begins, begins + rules.steps], 1)
    missing = np.zeros(len(windows), np.bool_)
    if rules.missing == "drop":
        before = np.concatenate([[0], np.cumsum(incomplete)])
        missing = before[windows[:, 1]] > before[windows[:, 0]]
    if rules.relative:  # without the value that the others are relative to there is no input
        missing |= np.isnan(targets[windows[:, 0]]).any(1)
    unknown = np.zeros(len(windows), np.bool_)
    if rules.label_each and not future:
        answered = np.concatenate([[0], np.cumsum(~np.isnan(targets).all(1))])
        unknown = answered[windows[:, 1]] == answered[windows[:, 0]]
    elif not future:
        for each in rules.horizons:
            unknown |= np.isnan(targets[windows[:, 1] - 1 + each]).any(1)
    kept = ~missing & ~unknown
    return FoundWindows(windows[kept], len(windows), int(unknown.sum()), int((missing & ~unknown).sum()))
