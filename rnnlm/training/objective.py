"""What a run minimises: the batches, the cost of each, and the figure that chooses the best weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from rnnlm.model.network import Network, Reading, States
from rnnlm.model.noise import Noise
from rnnlm.training.settings import TrainSettings


class Batches(Protocol):
    """An endless source of batches that can go on where it stood."""

    @property
    def tokens_per_epoch(self) -> int:
        """Steps in a pass."""

    def __iter__(self) -> Iterator[Any]: ...

    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved `state`."""


@dataclass(frozen=True)
class Cost:
    """A batch's cost: `total` over `count` things predicted, `tokens` steps read, and what the layers made of them.

    `operations` are those of its matrix products, forward and backward; `inside` (time, batch) is false where a
    sequence is over.
    """

    total: Tensor
    count: int
    tokens: int
    operations: int
    reading: Reading
    inside: Tensor


class Objective(Protocol):
    """One task over one corpus. `figure_name` is the key of the validation figure in `metrics.jsonl`."""

    states: States
    figure_name: str

    @property
    def batches(self) -> Batches:
        """Where the batches come from."""

    def cost(self, model: Network, batch: Any, noise: Noise, share: float) -> Cost:
        """The cost of a batch after `share` of training; `states` are carried where the task does."""

    def validate(self, model: Network) -> float | None:
        """The mean cost on the validation split, lower being better; None where there is none."""

    def figure(self, mean_cost: float) -> float:
        """A mean cost as the figure that people know, perplexity for one."""


def penalties(settings: TrainSettings, reading: Reading, inside: Tensor) -> Tensor | None:
    """What large and quickly changing h(t) cost (Merity et al. 2017): α mean h² + β mean (h(t) − h(t−1))².

    As in awd-lstm-lm the first is of h(t) after dropout, the second of h(t) before it, over the steps `inside` their
    sequences (time, batch). None where both are off.
    """
    cost = None
    if settings.activation_penalty:
        cost = settings.activation_penalty * _mean_square(reading.dropped, inside)
    if settings.temporal_penalty and bool(inside[1:].any()):
        temporal = settings.temporal_penalty * _mean_square(reading.h[1:] - reading.h[:-1], inside[1:])
        cost = temporal if cost is None else cost + temporal
    return cost


def _mean_square(x: Tensor, inside: Tensor) -> Tensor:
    """Of x (time, batch, width) where `inside` (time, batch) is true, without a selection where it is so throughout.

    Both penalties of 35 × 64 × 640 numbers, backward included, on one core: 13 to 24 ms, and 33 to 43 with selections.
    """
    flat = x.flatten() if bool(inside.all()) else x[inside].flatten()
    return torch.dot(flat, flat) / flat.numel()
