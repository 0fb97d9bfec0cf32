"""Series for a model: the rules that turn a table into inputs and targets, and windows of them as batches.

The rules are learned from training rows in `windows.py`, written as JSON, and applied here to any table. Neither the
workspace nor the network is known here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import open_npy
from rnnlm.artifacts import read_json
from rnnlm.corpus.series_settings import Missing, Scaling
from rnnlm.corpus.table import Table
from rnnlm.errors import ArtifactError, InputError

DESCRIPTION = "series.json"
_REMEDY = "rebuild it with: rnnlm window --force"
_UNKNOWN = -2
Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class SeriesRules:
    """Everything that turns a table into inputs (rows, F) and targets (rows, K).

    An input is a column of `columns`, or a category of it (`categories`: 1 where the row has it, else 0), or its sine
    and cosine (`cycles`: column → period). A missing one is filled (`missing`), the first of a sequence by
    `input_fill` (F,), then x → (x - input_mean) / input_scale (F,). Targets are never filled: (y - target_mean) /
    target_scale (K,). A window has `steps` rows, or is a whole sequence (None); its target lies `horizon` rows after
    its last. Sequences are told apart by `group`, rows ordered by `time`.
    """

    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    cycles: Mapping[str, float]
    targets: tuple[str, ...]
    group: str | None
    time: str | None
    steps: int | None
    horizon: int
    stride: int
    missing: Missing
    scaling: Scaling
    input_fill: tuple[float, ...] = ()
    input_mean: tuple[float, ...] = ()
    input_scale: tuple[float, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_scale: tuple[float, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the F inputs."""
        names: list[str] = []
        for column in self.columns:
            if column in self.categories:
                names += [f"{column}={label}" for label in self.categories[column]]
            elif column in self.cycles:
                names += [f"sin {column}", f"cos {column}"]
            else:
                names.append(column)
        return tuple(names)

    @property
    def features(self) -> int:
        """F, the number of inputs at a step."""
        return len(self.inputs)

    @property
    def target_inputs(self) -> tuple[int | None, ...]:
        """(K,) for each target the place of its own column among the inputs, or None."""
        places: dict[str, int] = {}
        for place, name in enumerate(self.inputs):
            if name in self.columns and name not in self.categories and name not in self.cycles:
                places[name] = place
        return tuple(places.get(target) for target in self.targets)

    def in_units(self, targets: NDArray[Any]) -> Floats:
        """Scaled targets (…, K) in the data's own units, float64."""
        scale, mean = np.array(self.target_scale), np.array(self.target_mean)
        return np.asarray(np.asarray(targets, np.float64) * scale + mean)

    def to_json(self) -> dict[str, Any]:
        """The rules as JSON, the names of inputs and the places of targets among them included."""
        content = asdict(self)
        content["categories"] = {name: list(labels) for name, labels in self.categories.items()}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in content.items()}
        return plain | {"inputs": list(self.inputs), "target_inputs": list(self.target_inputs)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], *, remedy: str = "copy the model anew") -> "SeriesRules":
        """The rules that `to_json` gave; ArtifactError for anything else."""
        try:
            values = {each.name: content[each.name] for each in fields(cls)}
            for name in ("columns", "targets"):
                values[name] = tuple(map(str, values[name]))
            for name in ("input_fill", "input_mean", "input_scale", "target_mean", "target_scale"):
                values[name] = tuple(map(float, values[name]))
            values["categories"] = {str(k): tuple(map(str, labels)) for k, labels in values["categories"].items()}
            values["cycles"] = {str(name): float(period) for name, period in values["cycles"].items()}
            for name, least in (("steps", 1), ("horizon", 0), ("stride", 1)):
                value = values[name]
                if (value is not None or name != "steps") and (type(value) is not int or value < least):
                    raise ValueError(name)
            rules = cls(**values)
            good = (
                {len(rules.input_fill), len(rules.input_mean), len(rules.input_scale)} == {rules.features}
                and {len(rules.target_mean), len(rules.target_scale)} == {len(rules.targets)}
                and np.isfinite([*rules.input_fill, *rules.input_mean, *rules.target_mean]).all()
                and all(0 < scale < np.inf for scale in (*rules.input_scale, *rules.target_scale))
                and rules.missing in get_args(Missing)
                and rules.scaling in get_args(Scaling)
                and all(name is None or isinstance(name, str) for name in (rules.group, rules.time))
                and list(rules.inputs) == content["inputs"]
                and list(rules.target_inputs) == content["target_inputs"]
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            good = False
        if not good:
            raise ArtifactError("the rules of a series are damaged", remedy)
        return rules


@dataclass(frozen=True)
class Series:
    """`inputs` (rows, F), `targets` (rows, K) of the same row, scaled, NaN where missing; `windows` (N, 2), the first
    row of each and the row after its last; `starts` (sequences,), the row at which each sequence begins.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    windows: NDArray[np.int64]
    rules: SeriesRules
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.windows)

    def lengths(self) -> Rows:
        """(N,) rows of each window."""
        return np.asarray(self.windows[:, 1] - self.windows[:, 0])

    def batch(self, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32], Rows]:
        """Inputs (time, n, F), 0 after a window's end, targets (time, n, K) and lengths (n,) of the windows `rows`.

        The target of step t is that of the row `horizon` after it, NaN where it is missing or the sequence is over.
        """
        windows = np.asarray(self.windows[rows])
        lengths = windows[:, 1] - windows[:, 0]
        steps = np.arange(lengths.max(initial=0))[:, None]
        inside = steps < lengths
        places = np.where(inside, windows[:, 0] + steps, 0)
        inputs = np.where(inside[..., None], self.inputs[places], np.float32(0))
        return inputs, self._targets(places, inside, self.sequence_ends(rows)), lengths

    def last_targets(self, rows: Rows) -> NDArray[np.float32]:
        """(n, K) the target of the last step, scaled; NaN where it is missing or the sequence is over."""
        last = np.asarray(self.windows[rows, 1]) - 1
        return self._targets(last, np.ones(len(last), np.bool_), self.sequence_ends(rows))

    def truth(self) -> Floats:
        """(N, K) the target of every window in the data's own units."""
        return self.rules.in_units(self.last_targets(np.arange(len(self))))

    def sequence_starts(self, rows: Rows) -> Rows:
        """(n,) the row at which the sequence of each window begins."""
        return np.asarray(self.starts[self._sequences(rows)])

    def sequence_ends(self, rows: Rows) -> Rows:
        """(n,) the row after the sequence of each window."""
        return np.asarray(np.append(self.starts[1:], len(self.inputs))[self._sequences(rows)])

    def _sequences(self, rows: Rows) -> Rows:
        return np.asarray(np.searchsorted(self.starts, self.windows[rows, 0], "right") - 1)

    def _targets(self, places: Rows, inside: NDArray[np.bool_], ends: Rows) -> NDArray[np.float32]:
        """Targets `horizon` rows after `places` (…, n), NaN where not `inside`, or not before `ends` (n,)."""
        places = places + self.rules.horizon
        inside = inside & (places < ends)
        return np.where(inside[..., None], self.targets[np.where(inside, places, 0)], np.float32(np.nan))


def open_series(directory: Path, split: str) -> Series:
    """A split of the `window` stage, memory-mapped; ArtifactError when its parts are damaged or do not fit."""
    rules = SeriesRules.from_json(read_json(directory / DESCRIPTION, remedy=_REMEDY), remedy=_REMEDY)
    inputs, targets = (
        open_npy(directory / f"{split}.{name}.npy", kinds="f", dimensions=2, remedy=_REMEDY)
        for name in ("inputs", "targets")
    )
    windows = open_npy(directory / f"{split}.windows.npy", kinds="i", dimensions=2, remedy=_REMEDY)
    starts = open_npy(directory / f"{split}.starts.npy", kinds="i", dimensions=1, remedy=_REMEDY)
    rows = len(inputs)
    fits = (
        inputs.dtype == targets.dtype == np.float32
        and windows.dtype == starts.dtype == np.int64
        and inputs.shape == (rows, rules.features)
        and targets.shape == (rows, len(rules.targets))
        and windows.shape[1] == 2
        and _increase_from_zero(starts, rows)
        and bool(np.all(windows[:, 0] >= 0) and np.all(windows[:, 0] < windows[:, 1]))
    )
    series = Series(inputs, targets, windows, rules, starts)
    if not fits or bool(np.any(windows[:, 1] > series.sequence_ends(np.arange(len(windows))))):
        raise ArtifactError(f"the parts of {split} in {directory} do not fit one another", _REMEDY)
    return series


def _increase_from_zero(starts: Rows, rows: int) -> bool:
    """Whether `starts` are the starts of sequences that `rows` rows are made of."""
    if rows == 0 or len(starts) == 0:
        return rows == len(starts) == 0
    return bool(starts[0] == 0 and np.all(np.diff(starts) > 0) and starts[-1] < rows)


def apply_rules(table: Table, rules: SeriesRules, *, future: bool = False) -> Series:
    """A table that training has not seen, by the rules that were learned there.

    With `future` every window of known inputs is there, its target known or not, so that the last of a sequence
    forecasts what the table does not hold. Raises InputError for a table without the columns, or too short.
    """
    order, starts = sequence_rows(table, rules.group)
    check_time(table, rules.time, order, starts)
    inputs, incomplete = scaled_inputs(table, rules, order, starts)
    if future and not all(table.has(target) for target in rules.targets):
        targets = np.full((table.rows, len(rules.targets)), np.nan, np.float32)
    else:
        targets = scaled_targets(table, rules, order)
    found = find_windows(rules, starts, targets, incomplete, future=future)
    if not len(found.windows):
        raise InputError(f"{table.source}: {found.reason(rules, table.rows)}", "give a longer table")
    return Series(inputs, targets, found.windows, rules, starts)


def sequence_rows(table: Table, group: str | None) -> tuple[Rows, Rows]:
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


def check_time(table: Table, time: str | None, order: Rows, starts: Rows) -> None:
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


def category_codes(table: Table, column: str, labels: tuple[str, ...]) -> Rows:
    """(rows,) the place of each value among `labels`, -1 where missing, -2 for a value that is none of them.

    A label that is a number is met in any form of that number: '01' in a column of texts, 1 in one of numbers.
    """
    codes, texts = table.labels(column)
    places: dict[str | float, int] = {}
    for place, label in enumerate(labels):
        places.setdefault(_as_number(label), place)
    places |= {label: place for place, label in enumerate(labels)}
    met = [places.get(text, places.get(_as_number(text), _UNKNOWN)) for text in texts]
    return np.array([*met, -1], np.int64)[codes]


def _as_number(label: str) -> str | float:
    try:
        return float(label)
    except ValueError:
        return label


def scaled_inputs(
    table: Table, rules: SeriesRules, order: Rows, starts: Rows
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(rows, F) inputs, filled and scaled, and (rows,) whether an input of the row was missing."""
    inputs = np.empty((table.rows, rules.features), np.float32)
    incomplete = np.zeros(table.rows, np.bool_)
    for place, values in enumerate(encoded(table, rules)):
        values = values[order]
        missing = np.isnan(values)
        incomplete |= missing
        if rules.missing == "forward" and missing.any():
            values = fill_forward(values, starts)
        values = np.where(np.isnan(values), rules.input_fill[place], values)
        inputs[:, place] = _single((values - rules.input_mean[place]) / rules.input_scale[place], rules.inputs[place])
    return inputs, incomplete


def scaled_targets(table: Table, rules: SeriesRules, order: Rows) -> NDArray[np.float32]:
    """(rows, K) targets, scaled, NaN where missing."""
    targets = np.empty((table.rows, len(rules.targets)), np.float32)
    for place, name in enumerate(rules.targets):
        values = table.number(name)[order]
        targets[:, place] = _single((values - rules.target_mean[place]) / rules.target_scale[place], name)
    return targets


def _single(values: Floats, name: str) -> NDArray[np.float32]:
    if np.any(np.abs(values) > np.finfo(np.float32).max):
        raise InputError(f"{name} has values beyond the range of float32", "use --scaling standard")
    return values.astype(np.float32)


def fill_forward(values: Floats, starts: Rows) -> Floats:
    """(rows,) with each NaN replaced by the last value before it in its sequence, where there is one."""
    rows = np.arange(len(values))
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows))
    begins = np.repeat(starts, np.diff(starts, append=len(values)))
    return np.where(last >= begins, values[last], np.nan)


@dataclass(frozen=True)
class Found:
    """`windows` (N, 2), how many `fit` into the sequences, and how many of those were left out, and why."""

    windows: Rows
    fit: int
    without_target: int
    with_missing_inputs: int

    def reason(self, rules: SeriesRules, rows: int) -> str:
        """Why there is no window among `rows` rows, for a message."""
        if self.fit == 0:
            wanted = f"{rules.steps or 1:,} rows and a target {rules.horizon:,} after the last"
            return f"none of its sequences, of {rows:,} rows in all, has {wanted}"
        return (
            f"of {self.fit:,} windows {self.without_target:,} have no known target and "
            f"{self.with_missing_inputs:,} miss an input"
        )


def find_windows(
    rules: SeriesRules,
    starts: Rows,
    targets: NDArray[np.float32],
    incomplete: NDArray[np.bool_],
    *,
    future: bool = False,
) -> Found:
    """The windows of sequences that begin at `starts` (sequences,), from `targets` (rows, K) and `incomplete` (rows,).

    A window and its target lie in one sequence, and the target is known; with `future` neither is asked for, and a
    window begins at every row.
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
    untold = np.zeros(len(windows), np.bool_)
    if not future:
        untold = np.isnan(targets[windows[:, 1] - 1 + horizon]).any(1)
    kept = ~missing & ~untold
    return Found(windows[kept], len(windows), int(untold.sum()), int((missing & ~untold).sum()))
