"""A picture of how far back networks remember."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnlm.views.picture import picture

Curves = Mapping[str, Sequence[float]]

_MARKERS = "osD^v"


@contextlib.contextmanager
def lag_plot(path: Path) -> Iterator[Callable[[str, str, Sequence[int], Curves, float], None]]:
    """A function that draws, once: (task, measure, lags, its value at each lag by network, its value for a guess).

    PNG, SVG or PDF by the file's ending. Raises InputError for another ending, or where the `plots` extra is not
    installed, on entering, before hours of training. NaN leaves a gap.
    """
    with picture(path, 7, 4.5) as figure:
        yield lambda *drawn: _draw(figure.subplots(), *drawn)


def _draw(axes: Any, task: str, measure: str, lags: Sequence[int], curves: Curves, guess: float) -> None:
    order = sorted(range(len(lags)), key=lambda index: lags[index])
    for number, (name, values) in enumerate(curves.items()):
        # The lines of networks that remember everything coincide: later ones are drawn smaller.
        axes.plot(
            [lags[index] for index in order], [values[index] for index in order], label=name,
            marker=_MARKERS[number % len(_MARKERS)], markersize=max(4, 11 - 2 * number), linewidth=max(1, 4.5 - number),
        )  # fmt: skip
    axes.axhline(guess, color="0.6", linestyle=":", label="a guess")
    axes.set_xscale("log")
    axes.set_xticks(sorted(lags), [f"{lag:,}" for lag in sorted(lags)])
    axes.minorticks_off()
    axes.set_title(task)
    axes.set_xlabel("lag, steps")
    axes.set_ylabel(measure)
    if measure == "accuracy":
        axes.set_ylim(0, 1.03)
    else:
        axes.set_yscale("log")
    axes.legend()
