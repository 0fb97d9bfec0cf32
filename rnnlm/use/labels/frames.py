"""Labels for the sequences or rows of a table, and a linear classifier to compare with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.model.network import Network
from rnnlm.model.prediction import predictions
from rnnlm.tables.apply import apply_rules, sequence_names, sequence_rows
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series
from rnnlm.tables.table import Table
from rnnlm.use.labels.metrics import Confusion
from rnnlm.use.labels.predict import LabelChoice, best_choices

_AT_ONCE = 256  # windows
_RIDGE = 1e-3  # of the variance


@dataclass(frozen=True)
class LabelledRow:
    """The most likely labels, best first, of a row, counted from 1 in its sequence, or of the sequence up to it.

    `group` is the name of the sequence, if it has one; `row` is None where the whole sequence was read.
    """

    group: str | None
    row: int | None
    choices: tuple[LabelChoice, ...]


def label_table(
    network: Network, rules: SeriesRules, table: Table, k: int, offsets: NDArray[np.float64], batch_size: int
) -> Iterator[LabelledRow]:
    """The `k` labels with the largest log p + `offsets` (labels,) of each window, or of each row of the table.

    A row that is in several windows has the labels of the first that holds it. InputError for a table without the
    columns, or too short.
    """
    series = apply_rules(table, rules, future=True)
    _, starts = sequence_rows(table, rules.group)
    names, again, ends = sequence_names(table, series), series.repeated(), np.asarray(series.windows[:, 1])
    begins = starts[np.searchsorted(starts, series.windows[:, 0], "right") - 1]
    found: dict[int, list[tuple[int | None, tuple[LabelChoice, ...]]]] = {}
    for piece in predictions(network, series, batch_size):
        for column, window in enumerate(piece.rows.tolist()):
            first, end = int(series.windows[window, 0] - begins[window]), int(ends[window] - begins[window])
            if rules.label_each:
                found[window] = [
                    (first + row + 1, best_choices(piece.outputs[row, column], offsets, rules.labels, k))
                    for row in range(int(again[window]), end - first)
                ]
            else:
                number = None if rules.steps is None else end
                found[window] = [(number, best_choices(piece.outputs[column], offsets, rules.labels, k))]
    for window in range(len(series)):
        for number, choices in found[window]:
            yield LabelledRow(names[window] if names else None, number, choices)


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
    again = data.repeated()
    for start in range(0, len(data), _AT_ONCE):
        inputs, targets, lengths = data.batch(np.arange(start, min(start + _AT_ONCE, len(data))))
        if data.per_token:
            steps = np.arange(len(inputs))[:, None]
            inside = (steps < lengths) & (steps >= again[start : start + len(lengths)])
            frames, truth = inputs[inside], targets[inside]
        else:
            frames, truth = inputs.sum(0) / lengths[:, None], targets
        known = truth != -1 if unseen else truth >= 0
        yield frames[known].astype(np.float64), truth[known]
