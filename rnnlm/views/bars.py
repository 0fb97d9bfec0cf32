"""A course of numbers as bars of text."""

import math

import numpy as np
from numpy.typing import NDArray

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 16  # characters of a course
_FLOOR = 1e-6  # of its largest number: smaller numbers have the lowest bar


def course(values: NDArray[np.float64]) -> str:
    """Positive numbers as bars on a logarithmic scale over six decades; a space for 0."""
    some = values[np.linspace(0, len(values) - 1, min(_WIDTH, len(values))).round().astype(int)]
    top = float(some.max())
    if top <= 0:
        return " " * len(some)
    heights = np.log(np.maximum(some / top, _FLOOR)) / -math.log(_FLOOR) + 1
    bars = (_BARS[min(int(height * len(_BARS)), len(_BARS) - 1)] for height in heights)
    return "".join(bar if value > 0 else " " for bar, value in zip(bars, some, strict=True))
