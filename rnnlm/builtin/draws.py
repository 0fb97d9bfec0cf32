"""Uniform numbers as arrays, the same on every platform and with every version of numpy.

As in `sampling.py` only the raw 64-bit integers of the generator are used. An array is filled in the order of its
rows from as many integers as it has elements, so that drawing n rows and then m gives what drawing n + m gives.
"""

import numpy as np
from numpy.typing import NDArray


def fractions(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Numbers of [0, 1), the top 53 bits of a raw integer each; `random` is of 64 bits, such as PCG64."""
    raw: NDArray[np.uint64] = random.bit_generator.random_raw(shape)
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(limit: int, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.int64]:
    """Integers of [0, limit), each with probability 1/limit to within 2⁻⁵³."""
    return np.floor(limit * fractions(shape, random)).astype(np.int64)
