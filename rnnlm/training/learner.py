"""A network in training: the weights and all else that an update changes, as one thing to update, keep and put back.

Knows nothing of how long a run is, of logs or of checkpoints.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.arrays import Tensors
from rnnlm.model.network import Network, States
from rnnlm.training.average import Average
from rnnlm.training.clipping import clip_gradients
from rnnlm.training.gradients import Computed, Gradients
from rnnlm.training.objective import Batch, Objective
from rnnlm.training.optimizer import load_optimizer, make_optimizer, optimizer_tensors, set_rate
from rnnlm.training.settings import TrainSettings


@dataclass(frozen=True)
class Update:
    """What became of a batch: what was computed, the gradient's norm before clipping, and whether it was clipped."""

    computed: Computed
    norm: float
    clipped: bool

    @property
    def lost(self) -> str | None:
        """What of it is not finite, 'loss' or 'gradient', so that the update was left out; None for a good one."""
        if not math.isfinite(self.computed.loss):
            return "loss"
        return None if math.isfinite(self.norm) else "gradient"


class Learner:
    """A network with its optimizer, its averaged weights once there are any, and the noise of training."""

    def __init__(self, model: Network, settings: TrainSettings) -> None:
        self.model, self._settings = model, settings
        self._gradients = Gradients(model, settings)
        self._optimizer = make_optimizer(model, settings)
        self._average: Average | None = None

    def update(self, objective: Objective, batch: Batch, rate: float, share: float) -> Update:
        """One update at `rate` after `share` of training.

        A loss or gradient that is not finite never reaches the weights: then nothing changes.
        """
        settings = self._settings
        found = self._gradients.compute(objective, batch, share)
        norm, clipped = clip_gradients(list(self.model.parameters()), settings.clip, settings.clip_value)
        update = Update(found, norm, clipped)
        if update.lost is None:
            set_rate(self._optimizer, rate * self._scale(len(batch.inputs)))
            self._optimizer.step()
            if self._average is not None:
                self._average.update(self.model)
            elif settings.average and share >= settings.average_from:
                self._average = Average(self.model, settings.average)
        return update

    def _scale(self, steps: int) -> float:
        """Plain gradient descent takes a step in proportion to the segment's length, as each step sums its gradient."""
        if self._settings.optimizer == "adamw" or self._settings.bptt in (None, "full"):
            return 1.0
        return steps / int(self._settings.bptt or 1)

    @property
    def averages(self) -> bool:
        """Whether weights are averaged by now."""
        return self._average is not None

    def begin_average(self) -> None:
        """From now on the weights for use are the mean of all those to come."""
        self._average = Average(self.model, None)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Network]:
        """The network with the weights that a finished model has: the averaged ones where there are any."""
        if self._average is None:
            yield self.model
        else:
            with self._average.in_place_of(self.model):
                yield self.model

    def weights(self) -> Tensors:
        """The weights that a finished model has, as arrays of their own."""
        return self._average.tensors() if self._average else self.model.tensors()

    def finite(self) -> bool:
        """Whether the weights can be gone on with."""
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.model.parameters())

    def go_back(self, weights: Tensors) -> None:
        """Take other weights, and forget what led to the present ones."""
        self.model.load(weights, "the last good weights")
        self._optimizer, self._average = make_optimizer(self.model, self._settings), None

    def gathered(self, states: States) -> dict[str, NDArray[Any]]:
        """All that changes in a step, with the carried `states`; on the CPU without a copy."""
        tensors = {f"model.{name}": _array(tensor) for name, tensor in self.model.state_dict().items()}
        tensors |= optimizer_tensors(self.model, self._optimizer)
        if self._average is not None:
            tensors |= {f"average.{name}": _array(tensor) for name, tensor in self._average.weights.items()}
            tensors["average_updates"] = np.array(self._average.updates, np.int64)
        for layer, parts in enumerate(states):
            for part, tensor in enumerate(parts):
                tensors[f"state.{layer}.{part}"] = _array(tensor)
        tensors["noise"] = _array(self._gradients.generator.get_state())
        return tensors

    def restore(self, tensors: Tensors) -> States:
        """Take over what `gathered` gave; the carried states.

        Raises ArtifactError, KeyError, TypeError, ValueError or RuntimeError where it does not fit.
        """
        self.model.load(_group(tensors, "model"), "the checkpoint")
        load_optimizer(self.model, self._optimizer, tensors)
        if "average_updates" in tensors:
            self._average = Average(self.model, self._settings.average or None)
            self._average.load(_group(tensors, "average"), int(tensors["average_updates"]))
        self._gradients.generator.set_state(torch.from_numpy(np.array(tensors["noise"])))
        found = _group(tensors, "state")
        layers = len({name.split(".")[0] for name in found})
        parts, device = len(found) // max(1, layers), self.model.bias.device
        return tuple(
            tuple(torch.from_numpy(np.array(found[f"{layer}.{part}"])).to(device) for part in range(parts))
            for layer in range(layers)
        )


def _array(tensor: Tensor) -> NDArray[Any]:
    """A tensor as an array, which on the CPU shares its memory."""
    return tensor.detach().cpu().numpy()


def _group(tensors: Tensors, group: str) -> Tensors:
    """Those of one group, as 'model', by the rest of their names."""
    return {name.removeprefix(f"{group}."): each for name, each in tensors.items() if name.startswith(f"{group}.")}
