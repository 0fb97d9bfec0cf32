"""A network in training: the weights and everything else that an update changes, to update, save and restore."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.arrays import Tensors
from rnnlm.model.network import Network, States
from rnnlm.training.average import Average
from rnnlm.training.gradients import Computed, Gradients
from rnnlm.training.objective import Batch, Objective
from rnnlm.training.optimizer import clip_gradients, load_optimizer, make_optimizer, optimizer_tensors, set_rate
from rnnlm.training.ranks import Ranks
from rnnlm.training.settings import SettledSettings


@dataclass(frozen=True)
class Update:
    """The result of an update: cost, the gradient's norm before clipping, and whether it was clipped."""

    computed: Computed
    norm: float
    clipped: bool

    @property
    def lost(self) -> str | None:
        """'loss' or 'gradient' if that is not finite and the update was left out; None for a good one."""
        if not math.isfinite(self.computed.loss):
            return "loss"
        return None if math.isfinite(self.norm) else "gradient"


class Learner:
    """A network with its optimizer, its averaged weights if any, and the generator of its dropout.

    With `ranks` it is one of several that take the same steps, each with a part of every batch.
    """

    def __init__(self, model: Network, settings: SettledSettings, ranks: Ranks | None = None) -> None:
        self.model, self._settings = model, settings
        self._gradients = Gradients(model, settings, ranks)
        self._optimizer = make_optimizer(model, settings)
        self._average: Average | None = None

    def update(self, objective: Objective, batch: Batch, rate: float, fraction: float) -> Update:
        """One update at `rate` after `fraction` of training.

        If the loss or gradient is not finite, the weights do not change.
        """
        settings = self._settings
        found = self._gradients.compute(objective, batch, fraction)
        norm, clipped = clip_gradients(list(self.model.parameters()), settings.clip, settings.clip_value)
        update = Update(found, norm, clipped)
        if update.lost is None:
            set_rate(self._optimizer, rate * self._scale(len(batch.inputs)))
            self._optimizer.step()
            if self._average is not None:
                self._average.update(self.model)
            elif settings.average and fraction >= settings.average_from:
                self._average = Average(self.model, settings.average)
        return update

    def _scale(self, steps: int) -> float:
        """Plain gradient descent scales its step by the length of the segment."""
        back = self._settings.steps_back
        return 1.0 if self._settings.optimizer == "adamw" or back is None else steps / back

    @property
    def stop_signal(self) -> int | None:
        """The signal that asked another process to stop, if any."""
        return None

    @property
    def averages(self) -> bool:
        """Whether weights are averaged now."""
        return self._average is not None

    def begin_average(self) -> None:
        """From now on the weights for use are the mean over all later steps."""
        self._average = Average(self.model, None)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Network]:
        """The network with the weights of a finished model: the averaged ones if any."""
        if self._average is None:
            yield self.model
        else:
            with self._average.in_place_of(self.model):
                yield self.model

    def weights(self) -> Tensors:
        """The weights of a finished model, as copies."""
        return self._average.tensors() if self._average else self.model.tensors()

    def finite(self) -> bool:
        """Whether all weights are finite."""
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.model.parameters())

    def go_back(self, weights: Tensors) -> None:
        """Load other weights, and reset optimizer and average."""
        self.model.load(weights, "the last good weights")
        self._optimizer, self._average = make_optimizer(self.model, self._settings), None

    def gathered(self, states: States) -> dict[str, NDArray[Any]]:
        """Everything that a step changes, and the carried `states`; without a copy on the CPU."""
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

    def restore(self, tensors: Tensors, batches: Mapping[str, Any]) -> States:
        """Restore the result of `gathered`, with the batches at this position; returns the carried states.

        Raises ArtifactError, KeyError, TypeError, ValueError or RuntimeError if it does not fit.
        """
        tensors = self.model.present(tensors)
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
    """The tensors of one group, such as 'model', by the rest of their names."""
    return {name.removeprefix(f"{group}."): each for name, each in tensors.items() if name.startswith(f"{group}.")}
