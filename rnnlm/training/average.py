"""Averaged weights instead of the last ones: an exponential moving average over steps, or their mean.

Sources: Polyak & Juditsky 1992; Merity et al. 2018 on when to begin a mean.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.errors import ArtifactError
from rnnlm.model.network import Network


def may_begin(costs: Sequence[float], patience: int) -> bool:
    """Whether the last validation is worse than the best one more than `patience` validations before it."""
    earlier = costs[: -patience - 1]
    return bool(earlier) and costs[-1] > min(earlier)


class Average:
    """w̄ ← d w̄ + (1 − d) w after every step.

    d grows to `decay` as min(decay, (1 + n) / (10 + n)) after n steps, so that the first weights are soon forgotten;
    without a decay it is n / (n + 1), and w̄ the mean of all weights since the average began.
    """

    def __init__(self, model: Network, decay: float | None) -> None:
        self._decay, self._updates = decay, 0
        self._weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: Network) -> None:
        """Add the weights after a step to the average."""
        self._updates += 1
        if self._decay is None:
            fraction = 1 / (self._updates + 1)  # w̄ starts as the weights of the first step
        else:
            fraction = 1 - min(self._decay, (1 + self._updates) / (10 + self._updates))
        own = model.state_dict()
        torch._foreach_lerp_(list(self._weights.values()), [own[name] for name in self._weights], fraction)

    @contextlib.contextmanager
    def in_place_of(self, model: Network) -> Iterator[None]:
        """The model has the averaged weights inside the context."""
        kept = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self._copy(model, self._weights)
        try:
            yield
        finally:
            self._copy(model, kept)

    @staticmethod
    @torch.no_grad()
    def _copy(model: Network, weights: Mapping[str, torch.Tensor]) -> None:
        for name, tensor in model.state_dict().items():
            tensor.copy_(weights[name])

    @property
    def weights(self) -> Mapping[str, torch.Tensor]:
        """The averaged weights by name, which change with the next step."""
        return self._weights

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The averaged weights by name, as copies."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in self._weights.items()}

    @property
    def updates(self) -> int:
        """Number of averaged steps."""
        return self._updates

    def load(self, tensors: Mapping[str, NDArray[Any]], updates: int) -> None:
        """Continue from saved averages; ArtifactError when they do not fit."""
        if set(tensors) != set(self._weights):
            raise ArtifactError("the checkpoint's averaged weights do not fit the network", "train again with --force")
        self._updates = updates
        for name, tensor in self._weights.items():
            tensor.copy_(torch.from_numpy(np.array(tensors[name])))
