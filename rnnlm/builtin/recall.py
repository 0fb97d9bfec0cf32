"""The recall task: one symbol to be remembered across a known number of steps.

    step     0      1 … lag − 1              lag
    input    cue    lag − 1 distractors      the question
    asked                                    which cue was it?

The lag is the number of steps from the cue to the question, at which the answer is due. The distractors come from
another alphabet and say nothing about the cue: a network that has forgotten it is right once in `symbols` times and
loses ln(symbols) nats, 2.079 for eight.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rnnlm.builtin.draws import integers
from rnnlm.errors import UsageError

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
