"""Where to cut a vocabulary in bands: at the output numbers that make a training step cheapest. NumPy alone.

A step over R rows computes, for each row, the logits of band 0 and, for the share P_k of rows whose target is in band
k, those of the band's N_k words. A product of few rows with many words waits for memory: the words are read and their
gradients written however few rows there are, which costs as much as so many rows of arithmetic, here `_IDLE`.

    cost = R (N₀ + K) + Σ_k (max(R P_k, _IDLE) N_k + _CALL)     in dot products
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# 10 GB/s of memory and 100 GFLOPS of arithmetic: a row's four passes cost as much as 25 rows of products with it.
_IDLE = 25
_CALL = 10_000  # of the few kernels that a band takes: 0.15 ms at 256 numbers a row
_CANDIDATES = 32
_MOST = 3  # bands after the first


def step_cost(counts: NDArray[np.int64], cuts: Sequence[int], rows: int, shrink: int = 1) -> float:
    """Dot products with rows of full width, as the module has them; `counts` (outputs,) is how often each occurs."""
    bounds = [*cuts, len(counts)]
    total = max(1, int(counts.sum()))
    cost = float(rows * (bounds[0] + len(cuts)))
    for number, (begin, end) in enumerate(itertools.pairwise(bounds), 1):
        share = int(counts[begin:end].sum()) / total
        cost += max(rows * share, _IDLE) * (end - begin) / shrink**number + _CALL
    return cost


def choose_cuts(counts: NDArray[np.int64], rows: int, shrink: int = 1) -> tuple[int, ...]:
    """The cuts of the cheapest step over `rows` rows, none where one softmax over all is cheapest.

    `counts` (outputs,) fall, but for the two special outputs at the beginning. Cuts are sought among sizes in a
    geometric row, band by band from the last, as Grave et al. 2017 do.
    """
    outputs = len(counts)
    if outputs < 4 * _CANDIDATES:
        return ()
    grid = np.unique(np.geomspace(_CANDIDATES, outputs - 1, _CANDIDATES).astype(int)).tolist()
    choices = itertools.chain.from_iterable(itertools.combinations(grid, bands) for bands in range(_MOST + 1))
    return min(choices, key=lambda cuts: step_cost(counts, cuts, rows, shrink))


def expected_choices(counts: NDArray[np.int64], cuts: Sequence[int]) -> float:
    """Outputs whose logits a row needs in the mean, with these cuts."""
    bounds = [*cuts, len(counts)]
    total = max(1, int(counts.sum()))
    later = sum(int(counts[begin:end].sum()) / total * (end - begin) for begin, end in itertools.pairwise(bounds))
    return bounds[0] + len(cuts) + later
