"""Labels for the sequences or rows of a table, and a linear classifier to compare with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.model.network import Network
from rnnlm.model.prediction import predictions
from rnnlm.tables.apply import apply_rules, sequence_rows
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series
from rnnlm.tables.table import Table
from rnnlm.use.labels.metrics import Confusion
from rnnlm.use.labels.predict import LabelChoice, best_choices

_AT_ONCE = 256  # windows
_RIDGE = 1e-3  # of the variance


@dataclass(frozen=True)
class LabelledRow:
    """The most likely labels of a sequence, of `group` if it has a name, best first, or of its row from 1."""

    group: str | None
    row: int | None
    choices: tuple[LabelChoice, ...]


def label_table(
    network: Network, rules: SeriesRules, table: Table, k: int, offsets: NDArray[np.float64], batch_size: int
) -> Iterator[LabelledRow]:
    """The `k` labels with the largest log p + `offsets` (labels,) of each window, or of each row of the table.

    A row that is in several windows has the labels of the one that it ends, with the most rows before it. InputError
    for a table without the columns, or too short.
    """
    series = apply_rules(table, rules, future=True)
    names, first = _names(table, series), series.sequence_starts(np.arange(len(series)))
    found: dict[int, list[tuple[int | None, tuple[LabelChoice, ...]]]] = {}
    for piece in predictions(network, series, batch_size):
        for column, window in enumerate(piece.rows.tolist()):
            rows, each = range(1), piece.outputs[None]
            if rules.label_each:
                whole = window == 0 or first[window] != first[window - 1]
                length, each = int(piece.lengths[column]), piece.outputs
                rows = range(0 if whole else length - 1, length)
            start = int(series.windows[window, 0] - first[window])
            found[window] = [
                (
                    start + row + 1 if rules.label_each else None,
                    best_choices(each[row, column], offsets, rules.labels, k),
                )
                for row in rows
            ]
    for window in range(len(series)):
        for number, choices in found[window]:
            yield LabelledRow(names[window] if names else None, number, choices)


def _names(table: Table, series: Series) -> list[str]:
    """The name of the sequence of each window; none where the table is one sequence."""
    group = series.rules.group
    if group is None:
        return []
    order, _ = sequence_rows(table, group)
    codes, names = table.labels(group)
    return [names[code] for code in codes[order[np.asarray(series.windows[:, 0])]]]


@dataclass(frozen=True)
class LinearLabels:
    """argmax of x W + b over the labels, x being a frame (F,), or the mean of a sequence's frames."""

    weights: Floats
    bias: Floats

    @staticmethod
    def fit(train: Series) -> "LinearLabels":
        """Least squares to one column for each label, 1 where it is true (ridge regression on scaled inputs)."""
        width, labels = train.rules.features + 1, len(train.labels)
        square, cross = np.zeros((width, width)), np.zeros((width, labels))
        for frames, truth in _frames(train):
            x = np.concatenate([frames, np.ones((len(frames), 1))], 1)
            square += x.T @ x
            cross += x.T @ np.eye(labels)[truth]
        square[np.arange(width - 1), np.arange(width - 1)] += _RIDGE * max(1.0, square[-1, -1])
        found = np.linalg.solve(square, cross)
        return LinearLabels(np.asarray(found[:-1], np.float64), np.asarray(found[-1], np.float64))

    def confusion(self, data: Series) -> Confusion:
        """Its labels against the true ones."""
        counts = Confusion(data.labels)
        for frames, truth in _frames(data, unseen=True):
            counts.add(truth, (frames @ self.weights + self.bias).argmax(1))
        return counts


def _frames(data: Series, *, unseen: bool = False) -> Iterator[tuple[Floats, NDArray[np.int64]]]:
    """(n, F) frames with a label, or means of sequences, and its number (n,); `unseen` ones only on request."""
    for start in range(0, len(data), _AT_ONCE):
        inputs, targets, lengths = data.batch(np.arange(start, min(start + _AT_ONCE, len(data))))
        if data.per_token:
            inside = np.arange(len(inputs))[:, None] < lengths
            frames, truth = inputs[inside], targets[inside]
        else:
            frames, truth = inputs.sum(0) / lengths[:, None], targets
        known = truth != -1 if unseen else truth >= 0
        yield frames[known].astype(np.float64), truth[known]
