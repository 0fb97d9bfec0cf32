"""Where to cut a vocabulary in bands: at the output numbers that make a training step cheapest. NumPy alone.

A step over R rows computes, for each row, the logits of band 0 and, for the share P_k of rows whose target is in band
k, those of the band's N_k words, whose rows are d_k numbers long. A product of few rows with many words waits for
memory: the words are read and their gradients written however few rows there are, which costs as much as so many rows
of arithmetic, here `_IDLE`.

A logit costs as much as `_LOGIT` products besides, for its exponential and the passes over it.

    cost = R (N₀ + K) (D + _LOGIT) + Σ_k (max(R P_k, _IDLE) (N_k + D) d_k + R P_k N_k _LOGIT + _CALL D)

in products of two numbers.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Supposing 10 GB/s of memory and 100 GFLOPS: a row's four passes cost as much as 25 rows of products with it.
_IDLE = 25
_LOGIT = 40  # 1.2 ns each over 100 × 60,000 logits, beside products at 220 GFLOPS on one core
_CALL = 10_000  # of the few kernels that a band takes, supposed to be 0.15 ms at 256 numbers a row
_SMALLEST = 32  # outputs in band 0
_CANDIDATES = 64
_MOST = 3  # bands after the first
_MOST_SHRINKING = 6  # the same where rows may be shorter, in vocabularies that are large
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
    shares = _Shares(counts)
    bounds = [*cut.cuts, len(counts)]
    cost = float(rows * bounds[0] * (dimensions + _LOGIT))
    for (begin, end), width in zip(itertools.pairwise(bounds), cut.widths, strict=True):
        cost += _band_cost(begin, end, width, dimensions, rows * shares.of(begin, end), rows)
    return cost


class _Shares:
    """How much of the text falls into the outputs from one number to another."""

    def __init__(self, counts: NDArray[np.int64]) -> None:
        self._before = np.concatenate([[0], np.cumsum(counts)])

    def of(self, begin: int, end: int) -> float:
        return float((self._before[end] - self._before[begin]) / max(1, self._before[-1]))


def _band_cost(begin: int, end: int, width: int, dimensions: int, inside: float, rows: int) -> float:
    """Of one later band that `inside` of the rows have their target in, its logit in band 0 included."""
    within = max(inside, _IDLE) * _numbers(begin, end, width, dimensions) + inside * (end - begin) * _LOGIT
    return rows * (dimensions + _LOGIT) + within + _CALL * dimensions


def choose_cut(counts: NDArray[np.int64], dimensions: int, rows: int, *, shrink: bool = False) -> Cut:
    """The cheapest for steps over `rows` rows of D `dimensions`, no cuts where one softmax over all is cheapest.

    `counts` (outputs,) is how often each output occurs; they fall, but for the two special ones at the beginning. Cuts
    are sought among sizes in a geometric row, as Grave et al. 2017 do. A band's cost is its own, so that the cheapest
    bands from a cut on are the cheapest first of them and the cheapest after it (Bellman 1957).
    """
    outputs, most = len(counts), _MOST_SHRINKING if shrink else _MOST
    if outputs < 4 * _SMALLEST:
        return Cut((), ())
    starts: list[int] = np.unique(np.geomspace(_SMALLEST, outputs - 1, _CANDIDATES).astype(int)).tolist()
    shares = _Shares(counts)
    best: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {(outputs, 0): (0.0, ())}
    for begin in reversed(starts):
        width = row_width(dimensions, begin, shrink=shrink)
        ends = [end for end in (*starts, outputs) if end > begin]
        costs = [_band_cost(begin, end, width, dimensions, rows * shares.of(begin, end), rows) for end in ends]
        for bands in range(1, most + 1):
            found = [
                (cost + best[end, bands - 1][0], (begin, *best[end, bands - 1][1]))
                for end, cost in zip(ends, costs, strict=True)
                if (end, bands - 1) in best
            ]
            if found:
                best[begin, bands] = min(found)
    whole = rows * outputs * (dimensions + _LOGIT)
    plans = [(float(whole), ())] + [
        (rows * cuts[0] * (dimensions + _LOGIT) + cost, cuts) for cost, cuts in best.values() if cuts
    ]
    return with_widths(min(plans)[1], dimensions, shrink=shrink)


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
