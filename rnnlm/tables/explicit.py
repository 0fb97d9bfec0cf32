"""Windows written out as one array (N, T, F), for other programs; this one reads them from the rows themselves."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rnnlm.arrays import npy_writer, write_npy
from rnnlm.tables.series import Series

_PIECE = 64 * 2**20


def explicit_size(splits: Iterable[Series]) -> int:
    """The bytes of all inputs and targets that `write_explicit` would write."""
    return sum(4 * len(series) * (_width(series) + len(series.rules.outputs)) for series in splits)


def write_explicit(series: Series, path: Path) -> tuple[int, int, int]:
    """Write scaled inputs (N, T, F) to `path`, 0 after the end of a short window; the shape.

    Beside it are the targets of the last steps (N, outputs), scaled, and the lengths (N,), as `.targets.npy` and
    `.lengths.npy`.
    """
    longest, features = int(series.lengths().max(initial=0)), series.rules.features
    piece = max(1, _PIECE // (4 * max(1, _width(series))))
    with (
        npy_writer(path, np.float32, (longest, features)) as windows,
        npy_writer(path.with_suffix(".targets.npy"), np.float32, (len(series.rules.outputs),)) as targets,
    ):
        for first in range(0, len(series), piece):
            rows = np.arange(first, min(first + piece, len(series)))
            inputs, each, lengths = series.batch(rows)
            block = np.zeros((len(rows), longest, features), np.float32)
            block[:, : len(inputs)] = inputs.transpose(1, 0, 2)
            windows.append(block)
            targets.append(each[lengths - 1, np.arange(len(rows))])
    write_npy(path.with_suffix(".lengths.npy"), series.lengths())
    return len(series), longest, features


def _width(series: Series) -> int:
    """T × F, the numbers of a window."""
    return int(series.lengths().max(initial=0)) * series.rules.features
