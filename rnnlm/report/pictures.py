"""Pictures as SVG for a page: text stays text, identifiers have a prefix of their own."""

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.views.charts import check_plots, picture

_DROPPED = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.DOTALL)
_IDS = re.compile(r'(\bid="|xlink:href="#|url\(#)')
_SIZE = re.compile(r'<svg [^>]*?viewBox="0 0 ([0-9.]+) ([0-9.]+)"[^>]*>')


def svg(draw: Callable[[Path], None], prefix: str) -> str:
    """What `draw` writes to a path, as an element; InputError without the `plots` extra."""
    check_plots()
    import matplotlib as mpl  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory, mpl.rc_context({"svg.fonttype": "none"}):
        path = Path(directory, "picture.svg")
        draw(path)
        text = path.read_text("utf-8")
    text = _DROPPED.sub("", text[text.index("<svg") :])
    text = _IDS.sub(rf"\g<1>{prefix}-", text)
    return _SIZE.sub(
        r'<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 \1 \2" style="max-width: calc(\1px * 1.3)" '
        'aria-hidden="true">',
        text, count=1,
    )  # fmt: skip


def draw_metrics(path: Path, rows: Sequence[tuple[str, float, tuple[float, float] | None]], unit: str) -> None:
    """A metric of each model as a point with its interval, one below the other."""
    with picture(path, 8, 0.9 + 0.4 * len(rows)) as figure:
        axes = figure.subplots()
        for number, (_, value, interval) in enumerate(rows):
            color = "tab:blue" if number == 0 else "0.35"
            if interval is not None:
                axes.plot(interval, [number, number], color=color, linewidth=2.5, alpha=0.5, solid_capstyle="butt")
            axes.plot(value, number, "o", color=color, markersize=6)
            axes.annotate(f"{value:,.4g}", (value, number), (0, 7), textcoords="offset points", ha="center", fontsize=8)
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], parse_math=False)
        axes.set(xlabel=f"{unit}, lower is better", ylim=(len(rows) - 0.5, -0.8))
        if len(rows) > 1 and max(row[1] for row in rows) > 5 * min(row[1] for row in rows):
            axes.set_xscale("log")
        axes.grid(axis="x", alpha=0.3)


def draw_confusion(path: Path, labels: Sequence[str], matrix: Any) -> None:
    """How often the label of the row was true and that of the column predicted; the darker, the larger its share."""
    share = matrix / np.maximum(1, matrix.sum(1, keepdims=True))
    size, places = 2.2 + 0.34 * len(labels), np.arange(len(labels)) + 0.5
    with picture(path, size, size) as figure:
        axes = figure.subplots()
        axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="0.85", linewidth=0.4)
        for row, column in np.argwhere(matrix > 0):
            color = "white" if share[row, column] > 0.6 else "black"
            number = f"{matrix[row, column]:,}"
            axes.text(column + 0.5, row + 0.5, number, ha="center", va="center", fontsize=7, color=color)
        axes.set_xticks(places, labels, rotation=90, fontsize=8, parse_math=False)
        axes.set_yticks(places, labels, fontsize=8, parse_math=False)
        axes.set(xlabel="predicted", ylabel="true", aspect="equal")
        axes.invert_yaxis()
