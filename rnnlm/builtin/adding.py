"""The adding problem (Hochreiter & Schmidhuber 1997): the sum of two marked numbers out of many.

    x(t) = (value, marker);   value uniform in [0, 1);   marker 1 at one step of each half, 0 elsewhere
    y = the sum of the two marked values

The form is that of Arjovsky, Shah & Bengio (2016): values from 0 to 1 and a mark in each half. The sum has mean 1
and variance 2/12, so the best constant guess, 1, has a mean squared error of 1/6 = 0.1667.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from rnnlm.builtin.draws import fractions
from rnnlm.errors import UsageError


def adding(steps: int, count: int, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Inputs (count, steps, 2) of value and marker, targets (count, 1): the sum of the marked values.

    The first half is the steps below steps // 2. Raises UsageError for fewer than 2 steps.
    """
    _enough(steps)
    drawn = fractions((count, steps + 2), random)
    half, rows = steps // 2, np.arange(count)
    inputs = np.zeros((count, steps, 2), np.float32)
    inputs[:, :, 0] = np.floor(drawn[:, :steps] * 2**24) * 2.0**-24  # 24 bits, which float32 holds: none rounds to 1
    first = np.floor(half * drawn[:, steps]).astype(np.int64)
    second = half + np.floor((steps - half) * drawn[:, steps + 1]).astype(np.int64)
    inputs[rows, first, 1] = inputs[rows, second, 1] = 1
    return inputs, inputs[rows, first, :1] + inputs[rows, second, :1]


def adding_lines(steps: int, count: int, random: np.random.Generator) -> Iterator[str]:
    """The same draws as a table with header `sequence,value,marker,sum`; the sum is in a sequence's last row.

    Raises UsageError, before any line, for fewer than 2 steps.
    """
    _enough(steps)
    rows = (row for sequence in range(count) for row in _rows(sequence, *adding(steps, 1, random)))
    return chain(["sequence,value,marker,sum"], rows)


def _rows(sequence: int, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> Iterator[str]:
    last = inputs.shape[1] - 1
    for step, (value, marker) in enumerate(inputs[0]):
        # !s writes a float32 with the fewest digits that read back as the same number.
        yield f"{sequence},{value!s},{int(marker)},{targets[0, 0] if step == last else ''!s}"


def _enough(steps: int) -> None:
    if steps < 2:
        raise UsageError(f"adding over {steps} step", "two marked numbers need at least 2")
