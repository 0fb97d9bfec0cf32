"""Predictions for whole sequences, batch by batch: log probabilities of labels, or real values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.sequences import Sequences
from rnnlm.model.likelihood import log_probabilities, numbers
from rnnlm.model.network import ForcedInput, Network
from rnnlm.model.pooling import summarised


@dataclass(frozen=True)
class Predicted:
    """Sequences `rows` (n,) of true `lengths` (n,), their `targets` as `Sequences.batch` gives them, and `outputs`.

    `outputs` is (time, n, outputs), or (n, outputs) after the whole sequence: log p in float64, or real values.
    """

    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]
    targets: NDArray[Any]
    outputs: NDArray[np.float64]

    def last(self) -> NDArray[np.float64]:
        """(n, outputs): the output after the last step of each sequence."""
        if self.outputs.ndim == 2:
            return self.outputs
        return np.asarray(self.outputs[self.lengths - 1, np.arange(len(self.lengths))])

    def last_targets(self) -> NDArray[Any]:
        """The targets of the last step of each sequence, for targets at every step."""
        return np.asarray(self.targets[self.lengths - 1, np.arange(len(self.lengths))])


def previous_of(targets: Tensor) -> Tensor:
    """y(t−1) of targets (time, n) or (time, n, K): none at the first step, 0 for an unknown value."""
    if targets.is_floating_point():
        return torch.cat([torch.zeros_like(targets[:1]), targets[:-1].nan_to_num()])
    return torch.cat([torch.full_like(targets[:1], -1), targets[:-1]])


@torch.inference_mode()
def predictions(
    network: Network, data: Sequences, batch_size: int, *, forced: bool = False, limit: int | None = None
) -> Iterator[Predicted]:
    """The outputs for every sequence (the first `limit`), similar lengths side by side, in no particular order.

    `forced` gives a network that feeds its output back the true y(t−1) instead; other networks ignore it.
    """
    network.eval()
    device = network.bias.device
    for rows in _by_length(data, batch_size, limit):
        inputs, targets, long = data.batch(rows)
        given = ForcedInput(previous_of(torch.from_numpy(targets).to(device))) if forced else None
        segment = network.read(torch.from_numpy(inputs).to(device), network.initial_state(len(rows)), forced=given)
        output = segment.output
        if network.architecture.summary != "steps":
            output = summarised(output, torch.from_numpy(long).to(device), network.architecture.summary)
        if network.architecture.task == "forecast":
            found = numbers(network.logits(output).double())
        else:
            found = log_probabilities(network, output)
        yield Predicted(rows, long, targets, found.cpu().numpy())


@torch.inference_mode()
def last_states(
    network: Network, data: Sequences, batch_size: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """h(T) of the last layer for every sequence: its rows (n,) and (n, hidden), in no particular order."""
    network.eval()
    device = network.bias.device
    for rows in _by_length(data, batch_size, None):
        inputs, _, long = data.batch(rows)
        segment = network.read(torch.from_numpy(inputs).to(device), network.initial_state(len(rows)))
        yield rows, summarised(segment.h, torch.from_numpy(long).to(device), "last").cpu().numpy()


def _by_length(data: Sequences, batch_size: int, limit: int | None) -> Iterator[NDArray[np.int64]]:
    """The indices of the (first `limit`) sequences, similar lengths together."""
    order = np.argsort(data.lengths()[:limit], kind="stable")
    return (order[start : start + batch_size] for start in range(0, len(order), batch_size))


def label_nats(log_p: NDArray[np.float64], targets: NDArray[Any]) -> NDArray[np.float64]:
    """−log p of every known target, (targets,); `log_p` (…, labels) has one dimension more than `targets`."""
    known = targets >= 0
    chosen = np.take_along_axis(log_p, targets.clip(min=0)[..., None], -1)[..., 0]
    return np.asarray(-chosen[known], np.float64)
