"""What a run minimizes: the batches, the cost of each, and the metric that selects the best weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.model.device import known_true
from rnnlm.model.dropout import Dropout
from rnnlm.model.network import Network, SegmentOutput, States
from rnnlm.training.settings import SettledSettings


class Batch(Protocol):
    """Sequences side by side: `inputs` (time, batch) or (time, batch, features)."""

    @property
    def inputs(self) -> NDArray[Any]:
        """What is read."""

    def part(self, columns: slice) -> Any:
        """Some of the sequences, as a batch."""


class Batches(Protocol):
    """An endless source of batches that can be saved and continued."""

    @property
    def tokens_per_epoch(self) -> int:
        """Steps of an epoch."""

    def __iter__(self) -> Iterator[Any]: ...

    def state(self) -> dict[str, Any]:
        """Its position, as JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved `state`."""


@dataclass(frozen=True)
class BatchCounts:
    """Counts of a whole batch: predictions, steps inside their sequences, and changes between steps."""

    predictions: int
    steps: int
    changes: int


@dataclass(frozen=True)
class Cost:
    """The cost of a batch or a part of one: `total`, over `tokens` steps, and the outputs of the layers.

    `operations` are those of its matrix products, forward and backward; `inside` (time, batch) is false where a
    sequence has ended; the next batch starts with `states`, if the task carries them.
    """

    total: Tensor
    tokens: int
    operations: int
    segment: SegmentOutput
    inside: Tensor
    states: States = ()


class Objective(Protocol):
    """One task over one corpus. `metric_name` is the key of the validation metric in `metrics.jsonl`.

    A batch may be read in parts, by columns; reading does not change the objective. The trainer sets `states` to those
    that the next batch starts with. A quick validation may be `bounded`.
    """

    states: States
    metric_name: str

    @property
    def bounded(self) -> bool:
        """Whether a quick validation reads a bounded part of the split."""

    @property
    def batches(self) -> Batches:
        """The source of batches."""

    def counts(self, model: Network, batch: Any) -> BatchCounts:
        """The counts of a batch."""

    def carried(self, model: Network, batch: Any) -> States:
        """The states with which a batch starts; empty if they are all zero."""

    def cost(self, model: Network, batch: Any, states: States, dropout: Dropout, fraction: float) -> Cost:
        """The cost of a batch, or of a part of one with its part of `carried`, after `fraction` of training."""

    def validate(self, model: Network) -> float | None:
        """The mean cost on the validation split, lower is better; None if it is empty."""

    def metric(self, mean_cost: float) -> float:
        """A mean cost as a familiar metric, such as perplexity."""


def penalties(settings: SettledSettings, segment: SegmentOutput, inside: Tensor, counts: BatchCounts) -> Tensor | None:
    """The cost of large and quickly changing h(t) (Merity et al. 2017): α mean h² + β mean (h(t) − h(t−1))².

    As in awd-lstm-lm the first is of h(t) after dropout, the second of h(t) before it, over the steps `inside` their
    sequences (time, batch). The means are over the whole batch's `counts`; this may be a part of it. None if both are
    off.
    """
    cost = None
    if settings.activation_penalty:
        cost = settings.activation_penalty * _mean_square(segment.dropped, inside, counts.steps)
    if settings.temporal_penalty and counts.changes:
        changes = segment.h[1:] - segment.h[:-1]
        temporal = settings.temporal_penalty * _mean_square(changes, inside[1:], counts.changes)
        cost = temporal if cost is None else cost + temporal
    return cost


def _mean_square(x: Tensor, inside: Tensor, steps: int) -> Tensor:
    """Σ x² where `inside` (time, batch) is true, over `steps` times the width of x (time, batch, width).

    No selection if it is true throughout: both penalties of 35 × 64 × 640 numbers, backward included, on one
    core take 13 to 24 ms, and 33 to 43 with selection.
    """
    if known_true(inside):
        flat = x.flatten()
    else:  # a selection's size would have to be waited for
        flat = x[inside].flatten() if inside.device.type == "cpu" else (x * inside.unsqueeze(-1)).flatten()
    return torch.dot(flat, flat) / (steps * x.shape[-1])
