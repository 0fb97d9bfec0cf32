"""A picture of calibration: accuracy of the top prediction against its confidence."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnlm.views.picture import picture


def reliability_plot(path: Path, bins: Sequence[Mapping[str, float]]) -> None:
    """Draw accuracy and the number of predictions of each bin (`from`, `to`, `confidence`, `accuracy`, `predictions`).

    PNG, SVG or PDF by the file's ending. Raises InputError for another, or without the `plots` extra.
    """
    with picture(path, 5, 5.5) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        above.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfectly calibrated")
        above.plot([row["confidence"] for row in bins], [row["accuracy"] for row in bins], marker="o", label="model")
        above.set_ylabel("accuracy of the top prediction")
        above.set_xlim(0, 1)
        above.set_ylim(0, 1)
        above.legend()
        width = [row["to"] - row["from"] for row in bins]
        below.bar([row["from"] for row in bins], [row["predictions"] for row in bins], width, align="edge")
        below.set_yscale("log")
        below.set_xlabel("confidence: probability of the top prediction")
        below.set_ylabel("predictions")
