"""Which label is said: the most probable one, or one that makes up for how rare it was in training."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def prior_offsets(counts: Sequence[int], balance: float) -> NDArray[np.float64]:
    """(labels,) −balance · log P(y), to be added to log p(y | x) before the largest is chosen.

    p(y | x) / P(y) is what x says for a label, however rare it is (Saerens et al. 2002, Menon et al. 2021). `counts`
    (labels,) of training, one added to each.
    """
    frequency = np.array(counts, np.float64) + 1
    return np.asarray(-balance * np.log(frequency / frequency.sum()))
