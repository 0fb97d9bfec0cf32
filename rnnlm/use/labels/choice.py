"""Which label is predicted: the most probable one, with an optional correction for its training frequency."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def prior_offsets(counts: Sequence[int], balance: float) -> NDArray[np.float64]:
    """(labels,) −balance · log P(y), to be added to log p(y | x) before the largest is chosen.

    p(y | x) / P(y) is the evidence of x for a label, independent of its frequency (Saerens et al. 2002, Menon et al.
    2021). One is added to each of the training `counts` (labels,).
    """
    frequency = np.array(counts, np.float64) + 1
    return np.asarray(-balance * np.log(frequency / frequency.sum()))
