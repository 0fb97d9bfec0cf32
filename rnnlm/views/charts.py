"""Pictures of one chart: a map of tokens, a forecast, the reliability of probabilities."""

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.artifacts import write_bytes
from rnnlm.errors import InputError

# Without these, and a salt, a file would hold the time of its creation, and an SVG random identifiers.
_METADATA: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def check_plots() -> None:
    """InputError where the `plots` extra is not installed."""
    try:
        import matplotlib  # noqa: F401, PLC0415
    except ImportError:
        raise InputError("a picture needs matplotlib", "pip install 'rnnlm[plots]'") from None


@contextlib.contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Any]:
    """A matplotlib figure of a size in inches to draw on, written as PNG, SVG or PDF when the block succeeds.

    Raises InputError for another ending, or where the `plots` extra is not installed.
    """
    ending = path.suffix.lower()
    if ending not in _METADATA:
        raise InputError(f"{path} has no ending of a picture", "end its name in .png, .svg or .pdf")
    check_plots()
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": "rnnlm"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        content = io.BytesIO()
        figure.savefig(content, format=ending[1:], dpi=150, metadata=_METADATA[ending])
    write_bytes(path, content.getvalue())


def draw_map(path: Path, points: NDArray[Any], names: list[str], title: str = "") -> None:
    """Write `names` at `points` (n, 2), most important first, as PNG, SVG or PDF, by the file's ending.

    A name that would cover one before it is left out; the title says how many are. Raises InputError for another
    ending, or where the `plots` extra is not installed.
    """
    with picture(path, 10, 8) as figure:
        axes = figure.subplots()
        axes.scatter(points[:, 0], points[:, 1], s=4, color="0.7")
        axes.set_xlabel("first principal component")
        axes.set_ylabel("second principal component")
        figure.draw_without_rendering()  # which lays out the axes
        kept = _apart(axes.transData.transform(points) * 72 / figure.dpi, names)
        for number, offset, side in kept:
            axes.annotate(names[number], points[number], offset, textcoords="offset points", ha=side, va="center",
                          fontsize=_SMALL, parse_math=False)  # fmt: skip
        left_out = f"{len(names) - len(kept)} of {len(names)} names left out" if len(kept) < len(names) else ""
        axes.set_title("; ".join(filter(None, (title, left_out))), fontsize=10, parse_math=False)


_SMALL = 7  # points


def _apart(places: NDArray[Any], names: list[str]) -> list[tuple[int, tuple[float, float], str]]:
    """Of names at places in points those that cover none before them: number, offset and alignment, right or left."""
    boxes: list[tuple[float, float, float, float]] = []
    kept = []
    for number, ((x, y), name) in enumerate(zip(places.tolist(), names, strict=True)):
        width, half = 0.62 * _SMALL * len(name), 0.6 * _SMALL
        for offset, side, left in ((3.0, "left", x + 3), (-3.0, "right", x - 3 - width)):
            box = left, y - half, left + width, y + half
            if all(a[2] < box[0] or box[2] < a[0] or a[3] < box[1] or box[3] < a[1] for a in boxes):
                boxes.append(box)
                kept.append((number, (offset, 0.0), side))
                break
    return kept


def draw_forecast(
    path: Path, targets: Sequence[str], truth: NDArray[Any], forecast: NDArray[Any],
    baseline: NDArray[Any] | None = None, *, title: str, times: NDArray[Any] | None = None,
    ends: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> None:  # fmt: skip
    """Write `truth`, `forecast` and a `baseline`, (rows, targets) each, a panel for each target, as PNG, SVG or PDF.

    `times` (rows,) are dates or numbers, by default the numbers of rows; `ends` (rows, targets) are those of an
    interval around the forecast. NaN and a gap in time leave a gap; after the last known value a line marks the end of
    the data. Raises InputError for another ending, or where the `plots` extra is not installed.
    """
    x = np.arange(len(truth)) if times is None else times
    steps = np.diff(x)
    apart = np.flatnonzero(steps > 2 * np.median(steps)) + 1 if len(steps) else np.zeros(0, np.int64)
    x, lines = np.insert(x, apart, x[apart]), [truth, forecast, *([] if baseline is None else [baseline])]
    truth, forecast, *others = (np.insert(np.asarray(each, float), apart, np.nan, axis=0) for each in lines)
    sides = [np.insert(np.asarray(each, float), apart, np.nan, axis=0) for each in ends or ()]
    with picture(path, 10, 1 + 3 * len(targets)) as figure:
        figure.suptitle(title, fontsize=11, parse_math=False)
        panels = figure.subplots(len(targets), 1, sharex=True, squeeze=False)[:, 0]
        for number, (axes, target) in enumerate(zip(panels, targets, strict=True)):
            axes.plot(x, truth[:, number], color="black", linewidth=1, label="measured")
            for other in others:
                axes.plot(x, other[:, number], color="0.6", linewidth=1, linestyle="--", label="baseline")
            axes.plot(x, forecast[:, number], color="tab:blue", linewidth=1, label="forecast")
            if sides:
                low, high = (each[:, number] for each in sides)
                axes.fill_between(x, low, high, color="tab:blue", alpha=0.2, linewidth=0, label="interval")
            known = np.flatnonzero(~np.isnan(truth[:, number]))
            if len(known) and known[-1] + 1 < len(x):
                axes.axvline(x[known[-1]], color="0.4", linestyle=":", label="end of the data")
            axes.set_ylabel(target, parse_math=False)
            axes.legend(fontsize=8)
        panels[-1].set_xlabel("row" if times is None else "time")
        if times is None:
            panels[-1].xaxis.get_major_locator().set_params(integer=True)
        elif times.dtype.kind == "M":  # the usual ticks begin anew at each month, and overlap there
            from matplotlib.dates import AutoDateFormatter, AutoDateLocator  # noqa: PLC0415

            ticks = AutoDateLocator(interval_multiples=False)  # type: ignore[no-untyped-call]
            panels[-1].xaxis.set_major_locator(ticks)
            panels[-1].xaxis.set_major_formatter(AutoDateFormatter(ticks))  # type: ignore[no-untyped-call]


def reliability_plot(path: Path, bins: Sequence[Mapping[str, float]], title: str) -> None:
    """Draw accuracy and the number of predictions of each bin (`from`, `to`, `confidence`, `accuracy`, `predictions`).

    PNG, SVG or PDF by the file's ending. Raises InputError for another, or without the `plots` extra.
    """
    with picture(path, 5, 5.5) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        above.set_title(title, fontsize=10, parse_math=False)
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
