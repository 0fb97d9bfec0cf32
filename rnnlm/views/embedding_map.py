"""A picture of tokens in two dimensions."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rnnlm.views.picture import picture


def draw_map(path: Path, points: NDArray[Any], names: list[str]) -> None:
    """Write `names` at `points` (n, 2) as PNG, SVG or PDF, by the file's ending.

    Raises InputError for another ending, or where the `plots` extra is not installed.
    """
    with picture(path, 10, 8) as figure:
        axes = figure.subplots()
        axes.scatter(points[:, 0], points[:, 1], s=4, color="0.7")
        for (x, y), name in zip(points, names, strict=True):
            axes.text(x, y, name, fontsize=7, parse_math=False)
        axes.set_xlabel("first principal component")
        axes.set_ylabel("second principal component")
