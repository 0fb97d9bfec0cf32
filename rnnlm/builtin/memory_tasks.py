"""Tasks of memory: adding two marked numbers, copying after a delay, recalling a key's value."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from rnnlm.errors import UsageError


def fractions(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Numbers of [0, 1), the top 53 bits of a raw integer each; `random` is of 64 bits, such as PCG64."""
    raw: NDArray[np.uint64] = random.bit_generator.random_raw(shape)
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(limit: int, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.int64]:
    """Integers of [0, limit), each with probability 1/limit to within 2⁻⁵³."""
    return np.floor(limit * fractions(shape, random)).astype(np.int64)


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


SYMBOLS, LENGTH = 8, 10
NOTHING_ASKED = -1


def copy(
    lag: int, count: int, random: np.random.Generator, symbols: int = SYMBOLS, length: int = LENGTH
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Inputs and targets, (count, lag + 2·length) each; a target is −1 where nothing is asked.

    Symbols are the ids below `symbols`, the blank is `symbols`, `go` is symbols + 1. Symbols are independent and
    equally likely. Raises UsageError for a lag below 1.
    """
    if lag < 1:
        raise UsageError(f"a lag of {lag}", "`go` comes at least 1 step after the last symbol")
    blank, go = symbols, symbols + 1
    inputs = np.full((count, lag + 2 * length), blank)
    targets = np.full_like(inputs, NOTHING_ASKED)
    inputs[:, :length] = targets[:, -length:] = integers(symbols, (count, length), random)
    inputs[:, length + lag - 1] = go
    return inputs, targets


def copy_lines(lag: int, count: int, random: np.random.Generator) -> Iterator[str]:
    """The same draws as `input<TAB>tag`, a blank line after each sequence.

    Symbols are s0…s7; the tag is `-` where nothing is asked.
    """
    inputs_as = [*(f"s{symbol}" for symbol in range(SYMBOLS)), "blank", "go"]
    for _ in range(count):
        (inputs,), (targets,) = copy(lag, 1, random)
        for symbol, target in zip(inputs, targets, strict=True):
            yield f"{inputs_as[symbol]}\t{'-' if target == NOTHING_ASKED else inputs_as[target]}"
        yield ""


CUES = 8


def recall(
    lag: int, count: int, random: np.random.Generator, symbols: int = CUES
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Inputs (count, lag + 1) of ids and labels (count,): the cue, which is the input at step 0.

    Cues are the ids below `symbols`, distractors the next `symbols` ids, the question is 2·symbols. All are
    independent and equally likely. Raises UsageError for a lag below 1.
    """
    if lag < 1:
        raise UsageError(f"a lag of {lag}", "the question comes at least 1 step after the cue")
    inputs = np.full((count, lag + 1), 2 * symbols)
    inputs[:, :lag] = integers(symbols, (count, lag), random)
    inputs[:, 1:lag] += symbols
    return inputs, inputs[:, 0].copy()


def recall_lines(lag: int, count: int, random: np.random.Generator) -> Iterator[str]:
    """The same draws as a table with header `label<TAB>text`: cues c0…c7, distractors x0…x7, the question `ask`."""
    names = [*(f"c{cue}" for cue in range(CUES)), *(f"x{distractor}" for distractor in range(CUES)), "ask"]
    yield "label\ttext"
    for _ in range(count):
        (inputs,), (label,) = recall(lag, 1, random)
        yield f"{names[label]}\t{' '.join(names[symbol] for symbol in inputs)}"
