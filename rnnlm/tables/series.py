"""Windows of a series as batches, from arrays of scaled inputs and targets.

Neither the table nor the network is known here.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats, open_npy
from rnnlm.artifacts import read_json
from rnnlm.errors import ArtifactError
from rnnlm.tables.rules import RowNumbers, SeriesRules

DESCRIPTION = "series.json"
_BLOCK = 2**16  # rows checked at once
_REMEDY = "rebuild it with: rnnlm window --force"


@dataclass(frozen=True)
class Series:
    """`inputs` (rows, F), `targets` (rows, K) of the same row, scaled, NaN where missing; `windows` (N, 2), the first
    row of each and the row after its last; `starts` (sequences,), the row at which each sequence begins. Where the
    rules have a label, `numbers` (rows,) are those of the rows' labels, -1 where missing, -2 where unseen in training.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    windows: NDArray[np.int64]
    rules: SeriesRules
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    numbers: NDArray[np.int32] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels by number."""
        return self.rules.labels

    @property
    def per_token(self) -> bool:
        """Whether each row has its own label."""
        return self.rules.label_each

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.windows)

    def lengths(self) -> RowNumbers:
        """(N,) rows of each window."""
        return np.asarray(self.windows[:, 1] - self.windows[:, 0])

    def batch(self, rows: RowNumbers) -> tuple[NDArray[np.float32], NDArray[Any], RowNumbers]:
        """Inputs (time, n, F), 0 after a window's end, targets (time, n, outputs), lengths (n,) of the windows `rows`.

        The target of step t is that of the row `horizon` after it, NaN where it is missing or the sequence is over; of
        each of several horizons, one after the other. Labels are (time, n), -1 after a window's end, or (n,).
        """
        windows = np.asarray(self.windows[rows])
        lengths = windows[:, 1] - windows[:, 0]
        steps = np.arange(lengths.max(initial=0))[:, None]
        inside = steps < lengths
        positions = np.where(inside, windows[:, 0] + steps, 0)
        inputs = np.where(inside[..., None], self.inputs[positions], np.float32(0))
        if self.numbers is not None:
            each = np.where(inside, self.numbers[positions], -1) if self.per_token else self.numbers[windows[:, 1] - 1]
            return inputs, each.astype(np.int64), lengths
        targets = self._targets(positions, inside, self.sequence_ends(rows))
        if self.rules.relative:
            levels = self._levels(rows)
            columns = [column for column in self.rules.target_inputs if column is not None]
            inputs[..., columns] -= np.where(inside[..., None], levels[:, self._read_targets], np.float32(0))
            targets -= np.tile(levels, len(self.rules.horizons))
        return inputs, targets, lengths

    def last_targets(self, rows: RowNumbers) -> NDArray[np.float32]:
        """(n, outputs) the target of the last step, scaled; NaN where it is missing or the sequence is over."""
        last = np.asarray(self.windows[rows, 1]) - 1
        return self._targets(last, np.ones(len(last), np.bool_), self.sequence_ends(rows))

    def repeated(self) -> RowNumbers:
        """(N,) how many of a window's first rows are in windows before it, of the same sequence."""
        starts, ends = self.windows[:, 0], self.windows[:, 1]
        before = np.maximum.accumulate(np.concatenate([[0], ends[:-1]])) if len(ends) else ends
        return np.clip(before - starts, 0, ends - starts)  # sequences stand one after the other

    def in_units(self, rows: RowNumbers, outputs: Floats) -> Floats:
        """(n, outputs) of the windows `rows` in the data's units, from outputs as `batch` has targets."""
        if self.rules.relative:
            outputs = outputs + np.tile(self._levels(rows), len(self.rules.horizons))
        return self.rules.in_units(outputs)

    @property
    def _read_targets(self) -> list[int]:
        """Which targets are inputs."""
        return [k for k, column in enumerate(self.rules.target_inputs) if column is not None]

    def _levels(self, rows: RowNumbers) -> NDArray[np.float32]:
        """(n, K) the scaled targets in the first row of each window, filled as inputs are; 0 for one that is none."""
        levels = np.zeros((len(rows), len(self.rules.targets)), np.float32)
        first = self.inputs[np.asarray(self.windows[rows, 0])]
        for k in self._read_targets:  # a column has the same scale as an input and as a target
            levels[:, k] = first[:, self.rules.target_inputs[k]]
        return levels

    def truth(self) -> Floats:
        """(N, outputs) the target of every window in the data's units."""
        return self.rules.in_units(self.last_targets(np.arange(len(self))))

    def sequence_starts(self, rows: RowNumbers) -> RowNumbers:
        """(n,) the row at which the sequence of each window begins."""
        return np.asarray(self.starts[self._sequences(rows)])

    def sequence_ends(self, rows: RowNumbers) -> RowNumbers:
        """(n,) the row after the sequence of each window."""
        return np.asarray(np.append(self.starts[1:], len(self.inputs))[self._sequences(rows)])

    def _sequences(self, rows: RowNumbers) -> RowNumbers:
        return np.asarray(np.searchsorted(self.starts, self.windows[rows, 0], "right") - 1)

    def _targets(self, positions: RowNumbers, inside: NDArray[np.bool_], ends: RowNumbers) -> NDArray[np.float32]:
        """Targets of the horizons after `positions` (…, n), NaN where not `inside`, or not before `ends` (n,)."""
        found = []
        for horizon in self.rules.horizons:
            known, rows = inside & (positions + horizon < ends), positions + horizon
            found.append(np.where(known[..., None], self.targets[np.where(known, rows, 0)], np.float32(np.nan)))
        return found[0] if len(found) == 1 else np.concatenate(found, -1)


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
        and all(np.isfinite(inputs[first : first + _BLOCK]).all() for first in range(0, rows, _BLOCK))
    )
    numbers = None
    if rules.label is not None:
        numbers = open_npy(directory / f"{split}.labels.npy", kinds="i", dimensions=1, remedy=_REMEDY)
        fits = fits and numbers.dtype == np.int32 and len(numbers) == rows
        fits = fits and bool(np.all(numbers >= -2) and np.all(numbers < len(rules.labels)))
    series = Series(inputs, targets, windows, rules, starts, numbers)
    if not fits or bool(np.any(windows[:, 1] > series.sequence_ends(np.arange(len(windows))))):
        raise ArtifactError(f"the parts of {split} in {directory} do not fit one another", _REMEDY)
    return series


def _increase_from_zero(starts: RowNumbers, rows: int) -> bool:
    """Whether `starts` are the starts of sequences that `rows` rows are made of."""
    if rows == 0 or len(starts) == 0:
        return rows == len(starts) == 0
    return bool(starts[0] == 0 and np.all(np.diff(starts) > 0) and starts[-1] < rows)
