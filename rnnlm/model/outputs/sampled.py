"""Sampled softmax: a training loss that looks at a few of the outputs, for vocabularies where all are too many.

Each row is asked to tell its target from K outputs drawn for the whole batch from q, the log of how often they are
drawn taken off, so that the softmax of the whole vocabulary is what fits best (Jean et al. 2015):

    L = −log softmax over {y} ∪ S of (V h + c − log K q)[y]

q is the unigram to the power ¾ (Mikolov et al. 2013), drawn without replacement in effect: repeated draws count once.
It is no likelihood: what is reported is always exact, and the last part of training is on the exact loss.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

_POWER = 0.75


class Sampler:
    """Draws outputs in proportion to their counts (outputs,) to the power ¾, one added to each."""

    def __init__(self, counts: NDArray[np.int64], samples: int) -> None:
        weights = (counts + 1.0) ** _POWER
        q = torch.from_numpy(weights / weights.sum())
        self._below = q.cumsum(0)
        # The log of the chance that an output is among the draws, which may draw it more than once.
        self._log_chance = torch.log(-torch.expm1(samples * torch.log1p(-q))).float()
        self._samples = samples

    def draw(self, generator: torch.Generator) -> Tensor:
        """Some different outputs, in order."""
        self._below = self._below.to(generator.device)
        at = torch.rand(self._samples, dtype=self._below.dtype, device=generator.device, generator=generator)
        drawn: Tensor = torch.unique(torch.searchsorted(self._below, at).clamp(max=len(self._below) - 1))
        return drawn

    def loss(self, h: Tensor, V: Tensor, c: Tensor, targets: Tensor, drawn: Tensor) -> Tensor:
        """`sampled_cross_entropy` with the chances of these draws."""
        self._log_chance = self._log_chance.to(h.device)
        return sampled_cross_entropy(h, V, c, targets, drawn, self._log_chance)


def sampled_cross_entropy(
    h: Tensor, V: Tensor, c: Tensor, targets: Tensor, drawn: Tensor, log_chance: Tensor
) -> Tensor:
    """Σ of the loss above: h (rows, width), V (outputs, width), c (outputs,), targets (rows,), negative for none.

    The batch's targets join `drawn` (K,) as choices of their own rows alone: elsewhere they count only if drawn.
    """
    wanted = targets >= 0
    h, targets = h[wanted], targets[wanted]
    own = (h * functional.embedding(targets, V)).sum(1) + c[targets] - log_chance[targets]
    others = functional.linear(h, functional.embedding(drawn, V), c[drawn] - log_chance[drawn])
    others = others.masked_fill(targets.unsqueeze(1) == drawn, -torch.inf)
    return (torch.logaddexp(own, others.logsumexp(1)) - own).sum()
