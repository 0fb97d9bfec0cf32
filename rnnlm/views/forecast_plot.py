"""A picture of a forecast beside the measured values."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rnnlm.views.picture import picture


def draw_forecast(
    path: Path, truth: NDArray[Any], forecast: NDArray[Any], baseline: NDArray[Any] | None = None, title: str = ""
) -> None:
    """Write `truth`, `forecast` and a `baseline`, (rows,) each, over time as PNG, SVG or PDF, by the file's ending.

    NaN leaves a gap. Raises InputError for another ending, or where the `plots` extra is not installed.
    """
    with picture(path, 10, 4) as figure:
        axes = figure.subplots()
        axes.plot(truth, color="black", linewidth=1, label="measured")
        if baseline is not None:
            axes.plot(baseline, color="0.6", linewidth=1, linestyle="--", label="baseline")
        axes.plot(forecast, color="tab:blue", linewidth=1, label="forecast")
        axes.set_xlabel("row")
        axes.set_title(title, parse_math=False)
        axes.legend()
