"""Calibration: the probability of the most likely token against how often it is right.

Predictions are put into bins of equal width by the confidence p = max_w p(w). With n_b predictions in bin b, accuracy
acc_b and mean confidence conf_b, the expected calibration error is Σ_b n_b / n |acc_b − conf_b| (Naeini, Cooper &
Hauskrecht 2015; Guo et al. 2017, with 15 bins as there).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


class Reliability:
    """Counts, correct predictions and sums of confidence in each bin."""

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.right = np.zeros(BINS, np.int64)
        self.confidence = np.zeros(BINS)

    def add(self, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> None:
        """confidence (rows,) in [0, 1], right (rows,)."""
        bins = (confidence * BINS).astype(np.int64).clip(0, BINS - 1)
        self.counts += np.bincount(bins, minlength=BINS)
        self.right += np.bincount(bins, right, BINS).astype(np.int64)
        self.confidence += np.bincount(bins, confidence, BINS)

    def error(self) -> float:
        """The expected calibration error."""
        return float(np.abs(self.right - self.confidence).sum() / self.counts.sum())

    def rows(self) -> list[dict[str, Any]]:
        """The bins that have predictions."""
        return [
            {
                "from": b / BINS,
                "to": (b + 1) / BINS,
                "predictions": int(self.counts[b]),
                "confidence": float(self.confidence[b] / self.counts[b]),
                "accuracy": float(self.right[b] / self.counts[b]),
            }
            for b in range(BINS)
            if self.counts[b]
        ]
