"""Accuracy, precision, recall and F1 of predicted labels, from the confusion counts.

Pairs are added piece by piece; nothing but the counts is kept.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.labels.labelled import NO_LABEL, UNSEEN


@dataclass(frozen=True)
class LabelScore:
    """A label's metrics; `support` counts how often it is true, `predicted` how often it is predicted."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


class Confusion:
    """Counts of pairs (true label, predicted label), by their numbers in `labels`."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        # The last row is for true labels outside the set, which cannot be predicted.
        self._counts = np.zeros((len(self.labels) + 1, len(self.labels)), np.int64)

    def add(self, truth: NDArray[Any], predicted: NDArray[Any]) -> None:
        """Count pairs of label numbers, arrays of one shape; where `truth` is −1 there is nothing to predict.

        A truth of −2 is a label outside the set: whatever was predicted is wrong.
        """
        assert truth.shape == predicted.shape
        rows, columns = truth[truth != NO_LABEL], predicted[truth != NO_LABEL]
        assert np.all((columns >= 0) & (columns < len(self.labels)))
        rows = np.where(rows == UNSEEN, len(self.labels), rows)
        self._counts += np.bincount(
            rows * len(self.labels) + columns, minlength=self._counts.size
        ).reshape(self._counts.shape)  # fmt: skip

    @property
    def matrix(self) -> NDArray[np.int64]:
        """(labels, labels): how often the label of the row was true and that of the column predicted."""
        return self._counts[:-1]

    def worst(self, most: int) -> list[tuple[str, str, int]]:
        """The most frequent confusions, as true label, predicted label and how often."""
        wrong = self.matrix - np.diag(np.diag(self.matrix))
        pairs = [divmod(int(each), len(self.labels)) for each in np.argsort(-wrong, axis=None, kind="stable")[:most]]
        return [
            (self.labels[row], self.labels[column], int(wrong[row, column]))
            for row, column in pairs
            if wrong[row, column]
        ]

    @property
    def unseen(self) -> int:
        """Predictions whose true label is outside the set."""
        return int(self._counts[-1].sum())

    @property
    def predictions(self) -> int:
        """Pairs counted."""
        return int(self._counts.sum())

    @property
    def accuracy(self) -> float:
        """The fraction of predictions that are right; 0 without any."""
        return float(np.trace(self.matrix) / max(1, self.predictions))

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the labels that were true or predicted at least once, each counting alike; 0 without any.

        Truths outside the label set are one more label, whose F1 is 0. This is scikit-learn's
        `f1_score(average="macro", zero_division=0)`.
        """
        met = [score.f1 for score in self.per_label() if score.support or score.predicted]
        return sum(met) / max(1, len(met) + (self.unseen > 0))

    def per_label(self) -> list[LabelScore]:
        """The metrics of every label, in the order of the set; 0 where one is not defined.

        precision = right / predicted,   recall = right / support,   F1 = 2 right / (predicted + support)
        """
        right, support, predicted = np.diag(self.matrix), self.matrix.sum(1), self._counts.sum(0)
        return [
            LabelScore(label, _ratio(r, p), _ratio(r, s), _ratio(2 * r, p + s), s, p)
            for label, r, s, p in zip(
                self.labels, right.tolist(), support.tolist(), predicted.tolist(), strict=True
            )
        ]  # fmt: skip

    def report(self) -> dict[str, Any]:
        """The metrics as JSON; `matrix` has one row per true label."""
        return {
            "accuracy": self.accuracy, "macro_f1": self.macro_f1, "predictions": self.predictions,
            "unseen": self.unseen, "labels": [asdict(score) for score in self.per_label()],
            "matrix": self.matrix.tolist(),
        }  # fmt: skip


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
