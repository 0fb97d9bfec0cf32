"""Where to cut a vocabulary into clusters: at the output numbers that make a training step cheapest. NumPy only.

A step over R rows computes, for each row, the logits of cluster 0 and, for the fraction P_k of rows with a target in
cluster k, those of the cluster's N_k words, whose rows have d_k numbers. A product of few rows with many words is bound
by memory: the words are read and their gradients written however few rows there are, which costs as much as `_IDLE`
rows of arithmetic.

A logit also costs as much as `_LOGIT` products, for its exponential and the passes over it.

    cost = R (N₀ + K) (D + _LOGIT) + Σ_k (max(R P_k, _IDLE) (N_k + D) d_k + R P_k N_k _LOGIT + _CALL D)

in products of two numbers.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Assumes 10 GB/s of memory and 100 GFLOPS: a row's four passes cost as much as 25 rows of products with it.
_IDLE = 25
_LOGIT = 40  # 1.2 ns each over 100 × 60,000 logits, beside products at 220 GFLOPS on one core
_CALL = 10_000  # the few kernels that a cluster takes, assumed to be 0.15 ms at 256 numbers per row
_SMALLEST = 32  # outputs in cluster 0
_CANDIDATES = 64
_MOST = 3  # later clusters
_MOST_SHRINKING = 6  # the same where rows may be shorter, in large vocabularies
_WHOLE = 10_000  # rank from which on rows may be shorter, and again at four times each such rank
_SHRINK = 4


@dataclass(frozen=True)
class Cut:
    """`cuts` are the output numbers at which later clusters begin, `widths` the length of their rows."""

    cuts: tuple[int, ...]
    widths: tuple[int, ...]


def row_width(dimensions: int, begin: int, *, shrink: bool) -> int:
    """The row length of a cluster that begins at a rank: D, or with `shrink` a quarter for each fourfold rank.

    Rare words are seen too seldom to fill long rows: they have D/4 numbers from rank 10,000 on, D/16 from 40,000 on,
    but at least 8.
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
    """Products of two numbers in a step over `rows` rows, by the formula above; `counts` (outputs,)."""
    fractions = _Fractions(counts)
    bounds = [*cut.cuts, len(counts)]
    cost = float(rows * bounds[0] * (dimensions + _LOGIT))
    for (begin, end), width in zip(itertools.pairwise(bounds), cut.widths, strict=True):
        cost += _cluster_cost(begin, end, width, dimensions, rows * fractions.of(begin, end), rows)
    return cost


class _Fractions:
    """Fractions of the text that fall into ranges of outputs."""

    def __init__(self, counts: NDArray[np.int64]) -> None:
        self._before = np.concatenate([[0], np.cumsum(counts)])

    def of(self, begin: int, end: int) -> float:
        return float((self._before[end] - self._before[begin]) / max(1, self._before[-1]))


def _cluster_cost(begin: int, end: int, width: int, dimensions: int, inside: float, rows: int) -> float:
    """The cost of a later cluster with the targets of `inside` rows, its logit in cluster 0 included."""
    within = max(inside, _IDLE) * _numbers(begin, end, width, dimensions) + inside * (end - begin) * _LOGIT
    return rows * (dimensions + _LOGIT) + within + _CALL * dimensions


def choose_cut(counts: NDArray[np.int64], dimensions: int, rows: int, *, shrink: bool = False) -> Cut:
    """The cheapest cuts for steps over `rows` rows of D `dimensions`; none where one softmax over all is cheapest.

    `counts` (outputs,) is how often each output occurs, descending except for the two special ones at the beginning.
    Cuts are sought on a geometric grid, as in Grave et al. 2017. Costs of clusters add up, so the cheapest clusters
    from a cut on are the best first one with the cheapest after it (Bellman 1957).
    """
    outputs, most = len(counts), _MOST_SHRINKING if shrink else _MOST
    if outputs < 4 * _SMALLEST:
        return Cut((), ())
    starts: list[int] = np.unique(np.geomspace(_SMALLEST, outputs - 1, _CANDIDATES).astype(int)).tolist()
    fractions = _Fractions(counts)
    best: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {(outputs, 0): (0.0, ())}
    for begin in reversed(starts):
        width = row_width(dimensions, begin, shrink=shrink)
        ends = [end for end in (*starts, outputs) if end > begin]
        costs = [_cluster_cost(begin, end, width, dimensions, rows * fractions.of(begin, end), rows) for end in ends]
        for clusters in range(1, most + 1):
            found = [
                (cost + best[end, clusters - 1][0], (begin, *best[end, clusters - 1][1]))
                for end, cost in zip(ends, costs, strict=True)
                if (end, clusters - 1) in best
            ]
            if found:
                best[begin, clusters] = min(found)
    whole = rows * outputs * (dimensions + _LOGIT)
    plans = [(float(whole), ())] + [
        (rows * cuts[0] * (dimensions + _LOGIT) + cost, cuts) for cost, cuts in best.values() if cuts
    ]
    return with_widths(min(plans)[1], dimensions, shrink=shrink)


def output_operations(counts: NDArray[np.int64], cut: Cut, dimensions: int) -> float:
    """Mean floating-point operations of the output layer per row, forward."""
    bounds = [*cut.cuts, len(counts)]
    total = max(1, int(counts.sum()))
    later = sum(
        int(counts[begin:end].sum()) / total * _numbers(begin, end, width, dimensions)
        for (begin, end), width in zip(itertools.pairwise(bounds), cut.widths, strict=True)
    )
    return 2 * ((bounds[0] + len(cut.cuts)) * dimensions + later)


def _numbers(begin: int, end: int, width: int, dimensions: int) -> int:
    """Size of a cluster's matrices: its rows, and the projection to D where they are shorter."""
    return (end - begin) * width + (dimensions * width if width < dimensions else 0)
