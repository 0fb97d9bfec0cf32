"""Where to cut a vocabulary in bands: at the output numbers that make a training step cheapest. NumPy alone.

A step over R rows computes, for each row, the logits of band 0 and, for the share P_k of rows whose target is in band
k, those of the band's N_k words, whose rows are d_k numbers long. A product of few rows with many words waits for
memory: the words are read and their gradients written however few rows there are, which costs as much as so many rows
of arithmetic, here `_IDLE`.

    cost = R (N₀ + K) D + Σ_k (max(R P_k, _IDLE) (N_k + D) d_k + _CALL D)     in products of two numbers
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Supposing 10 GB/s of memory and 100 GFLOPS: a row's four passes cost as much as 25 rows of products with it.
_IDLE = 25
_CALL = 10_000  # of the few kernels that a band takes, supposed to be 0.15 ms at 256 numbers a row
_CANDIDATES = 32
_MOST = 3  # bands after the first, one more where rows may be shorter
_WHOLE = 10_000  # rank from which on rows may be shorter, and again at four times each such rank
_SHRINK = 4


@dataclass(frozen=True)
class Cut:
    """`cuts` are the output numbers at which later bands begin, `widths` the length of their rows."""

    cuts: tuple[int, ...]
    widths: tuple[int, ...]


def row_width(dimensions: int, begin: int, *, shrink: bool) -> int:
    """The length of the rows of a band that begins at a rank: D, or a quarter for each quarter of the words left.

    Rare words have little to say for themselves: from rank 10,000 on they have D/4 numbers, from 40,000 on D/16, but
    at least 8.
    """
    if not shrink or begin < _WHOLE:
        return dimensions
    times, rank = 1, begin / _WHOLE
    while rank >= _SHRINK:
        times, rank = times + 1, rank / _SHRINK
    return min(dimensions, max(8, dimensions // int(_SHRINK**times)))


def with_widths(cuts: Sequence[int], dimensions: int, *, shrink: bool) -> Cut:
    """Given cuts with the widths that go with them."""
    return Cut(tuple(cuts), tuple(row_width(dimensions, cut, shrink=shrink) for cut in cuts))


def step_cost(counts: NDArray[np.int64], cut: Cut, dimensions: int, rows: int) -> float:
    """Products of two numbers in a step over `rows` rows, as the module has them; `counts` (outputs,)."""
    bounds = [*cut.cuts, len(counts)]
    total = max(1, int(counts.sum()))
    cost = float(rows * (bounds[0] + len(cut.cuts)) * dimensions)
    for (begin, end), width in zip(itertools.pairwise(bounds), cut.widths, strict=True):
        share = int(counts[begin:end].sum()) / total
        cost += max(rows * share, _IDLE) * _numbers(begin, end, width, dimensions) + _CALL * dimensions
    return cost


def choose_cut(counts: NDArray[np.int64], dimensions: int, rows: int, *, shrink: bool = False) -> Cut:
    """The cheapest for steps over `rows` rows of D `dimensions`, no cuts where one softmax over all is cheapest.

    `counts` (outputs,) is how often each output occurs; they fall, but for the two special ones at the beginning. Cuts
    are sought among sizes in a geometric row, as Grave et al. 2017 do.
    """
    outputs = len(counts)
    if outputs < 4 * _CANDIDATES:
        return Cut((), ())
    grid = np.unique(np.geomspace(_CANDIDATES, outputs - 1, _CANDIDATES).astype(int)).tolist()
    choices = itertools.chain.from_iterable(itertools.combinations(grid, bands) for bands in range(_MOST + 1 + shrink))
    found = (with_widths(cuts, dimensions, shrink=shrink) for cuts in choices)
    return min(found, key=lambda cut: step_cost(counts, cut, dimensions, rows))


def output_operations(counts: NDArray[np.int64], cut: Cut, dimensions: int) -> float:
    """Floating-point operations of the output layer for one row in the mean, forward."""
    bounds = [*cut.cuts, len(counts)]
    total = max(1, int(counts.sum()))
    later = sum(
        int(counts[begin:end].sum()) / total * _numbers(begin, end, width, dimensions)
        for (begin, end), width in zip(itertools.pairwise(bounds), cut.widths, strict=True)
    )
    return 2 * ((bounds[0] + len(cut.cuts)) * dimensions + later)


def _numbers(begin: int, end: int, width: int, dimensions: int) -> int:
    """In the matrices of a band: its rows, and what makes them as long as D where they are shorter."""
    return (end - begin) * width + (dimensions * width if width < dimensions else 0)
