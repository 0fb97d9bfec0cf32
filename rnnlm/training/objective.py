"""What a run minimises: the batches, the cost of each, and the figure that chooses the best weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.model.dropout import Dropout
from rnnlm.model.network import Network, SegmentOutput, States
from rnnlm.training.settings import TrainSettings


class Batch(Protocol):
    """Sequences side by side: `inputs` (time, batch) or (time, batch, features)."""

    @property
    def inputs(self) -> NDArray[Any]:
        """What is read."""

    def part(self, columns: slice) -> Any:
        """Some of the sequences, as a batch."""


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
class BatchCounts:
    """How much there is in a whole batch: things predicted, steps inside their sequences, and changes between them."""

    predictions: int
    steps: int
    changes: int


@dataclass(frozen=True)
class Cost:
    """The cost of a batch or of a part of one: `total`, over `tokens` steps, and what the layers made of them.

    `operations` are those of its matrix products, forward and backward; `inside` (time, batch) is false where a
    sequence is over; `states` are those that the next batch begins with, where the task carries them.
    """

    total: Tensor
    tokens: int
    operations: int
    reading: SegmentOutput
    inside: Tensor
    states: States = ()


class Objective(Protocol):
    """One task over one corpus. `figure_name` is the key of the validation figure in `metrics.jsonl`.

    A batch may be read in parts, by columns; the objective itself does not change meanwhile, but for `states`, which
    whoever trains sets to those that the next batch begins with.
    """

    states: States
    figure_name: str

    @property
    def batches(self) -> Batches:
        """Where the batches come from."""

    def extent(self, model: Network, batch: Any) -> BatchCounts:
        """How much there is in a batch."""

    def carried(self, model: Network, batch: Any) -> States:
        """The states with which a batch begins; none where they are all zero."""

    def cost(self, model: Network, batch: Any, states: States, noise: Dropout, share: float) -> Cost:
        """The cost of a batch, or of a part of one with its part of `carried`, after `share` of training."""

    def validate(self, model: Network) -> float | None:
        """The mean cost on the validation split, lower being better; None where there is none."""

    def figure(self, mean_cost: float) -> float:
        """A mean cost as the figure that people know, perplexity for one."""


def penalties(settings: TrainSettings, reading: SegmentOutput, inside: Tensor, extent: BatchCounts) -> Tensor | None:
    """What large and quickly changing h(t) cost (Merity et al. 2017): α mean h² + β mean (h(t) − h(t−1))².

    As in awd-lstm-lm the first is of h(t) after dropout, the second of h(t) before it, over the steps `inside` their
    sequences (time, batch). The means are over the whole batch's `extent`, of which this may be a part. None where
    both are off.
    """
    cost = None
    if settings.activation_penalty:
        cost = settings.activation_penalty * _mean_square(reading.dropped, inside, extent.steps)
    if settings.temporal_penalty and extent.changes:
        changes = reading.h[1:] - reading.h[:-1]
        temporal = settings.temporal_penalty * _mean_square(changes, inside[1:], extent.changes)
        cost = temporal if cost is None else cost + temporal
    return cost


def _mean_square(x: Tensor, inside: Tensor, steps: int) -> Tensor:
    """Σ x² where `inside` (time, batch) is true, over `steps` times the width of x (time, batch, width).

    Without a selection where it is true throughout: both penalties of 35 × 64 × 640 numbers, backward included, on one
    core take 13 to 24 ms, and 33 to 43 with selections.
    """
    flat = x.flatten() if bool(inside.all()) else x[inside].flatten()
    return torch.dot(flat, flat) / (steps * x.shape[-1])
