"""Windows written out as one array (N, T, F), for other programs; this one reads them from the rows themselves."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rnnlm.arrays import npy_writer, write_npy
from rnnlm.tables.series import Series

_PIECE = 64 * 2**20


def explicit_size(splits: Iterable[Series]) -> int:
    """The bytes of all inputs and answers that `write_explicit` would write."""
    return sum(4 * len(series) * (_width(series) + int(np.prod(_answer_shape(series)))) for series in splits)


def write_explicit(series: Series, path: Path) -> tuple[int, int, int]:
    """Write scaled inputs (N, T, F) to `path`, 0 after the end of a short window; the shape.

    Beside it, as `.targets.npy`, are the scaled targets of the last steps (N, outputs), relative to the windows' first
    rows where the inputs are; or as `.labels.npy` the numbers of the labels, (N,), or (N, T) for each row, -1 where
    there is none. `.lengths.npy` has the lengths (N,).
    """
    longest, features = int(series.lengths().max(initial=0)), series.rules.features
    piece = max(1, _PIECE // (4 * max(1, _width(series))))
    labelled = series.numbers is not None
    beside = path.with_suffix(".labels.npy" if labelled else ".targets.npy")
    with (
        npy_writer(path, np.float32, (longest, features)) as windows,
        npy_writer(beside, np.int32 if labelled else np.float32, _answer_shape(series)) as answers,
    ):
        for first in range(0, len(series), piece):
            rows = np.arange(first, min(first + piece, len(series)))
            inputs, each, lengths = series.batch(rows)
            block = np.zeros((len(rows), longest, features), np.float32)
            block[:, : len(inputs)] = inputs.transpose(1, 0, 2)
            windows.append(block)
            if not labelled:
                answers.append(each[lengths - 1, np.arange(len(rows))])
            elif series.per_token:
                numbers = np.full((len(rows), longest), -1, np.int32)
                numbers[:, : len(each)] = each.T
                answers.append(numbers)
            else:
                answers.append(each.astype(np.int32))
    write_npy(path.with_suffix(".lengths.npy"), series.lengths())
    return len(series), longest, features


def _answer_shape(series: Series) -> tuple[int, ...]:
    """The numbers of one window's answer."""
    if series.numbers is None:
        return (len(series.rules.outputs),)
    return (int(series.lengths().max(initial=0)),) if series.per_token else ()


def _width(series: Series) -> int:
    """T × F, the numbers of a window."""
    return int(series.lengths().max(initial=0)) * series.rules.features
