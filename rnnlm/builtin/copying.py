"""The copy task (Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016): symbols to be repeated later.

    steps    length       lag − 1    1        length
    input    symbols      blanks     `go`     blanks
    asked                                     the symbols, in their order

The lag is the number of steps from the last symbol to `go`; each symbol is due lag + length steps after it was read.
A network that has forgotten them is right once in `symbols` times and loses ln(symbols) nats where a symbol is asked,
2.079 for eight. Arjovsky et al. also ask for the blanks before and so divide these nats by all lag + 2·length steps.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rnnlm.builtin.draws import integers
from rnnlm.errors import UsageError

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
