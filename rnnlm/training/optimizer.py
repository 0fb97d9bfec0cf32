"""The optimizers: which parameters decay, the rate of the embedding, and the state as arrays for a checkpoint."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rnnlm.errors import ArtifactError
from rnnlm.model.network import Network
from rnnlm.training.settings import SettledSettings

_PARTS = ("step", "exp_avg", "exp_avg_sq")


def make_optimizer(model: Network, settings: SettledSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), β₂ 0.99 for short runs, or stochastic gradient descent.

    Matrices decay, biases and peepholes do not. AdamW's steps have the size of the rate whatever the weights are, and
    the embedding's weights are many times as large as a layer's: they have their own rate.
    """
    words: list[nn.Parameter] = []
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if name == "embedding" or name.endswith(".rows"):
            words.append(parameter)
        else:
            (matrices if parameter.dim() > 1 and not name.endswith(".P") else others).append(parameter)
    decay, times = settings.weight_decay, settings.embedding_rate or 1.0
    groups = [
        {"params": words, "weight_decay": decay, "times": times},
        {"params": matrices, "weight_decay": decay, "times": 1.0},
        {"params": others, "weight_decay": 0.0, "times": 1.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "adamw":
        fused = model.bias.device.type in ("cpu", "cuda")
        return torch.optim.AdamW(groups, lr=0.0, betas=(settings.momentum, 0.99), fused=fused)
    return torch.optim.SGD(groups, lr=0.0, momentum=0.0)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of the next step, times the factor of each group."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["times"]


def optimizer_tensors(model: Network, optimizer: torch.optim.Optimizer) -> dict[str, NDArray[Any]]:
    """The optimizer's state by parameter name; on the CPU the arrays share its memory."""
    tensors = {}
    for name, parameter in model.named_parameters():
        state = optimizer.state.get(parameter, {})
        for part in _PARTS:
            if part in state:
                tensors[f"optimizer.{part}.{name}"] = state[part].detach().cpu().numpy()
    return tensors


def load_optimizer(model: Network, optimizer: torch.optim.Optimizer, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Set the optimizer's state; ArtifactError when it does not fit."""
    for name, parameter in model.named_parameters():
        found = {part: tensors.get(f"optimizer.{part}.{name}") for part in _PARTS}
        if all(array is None for array in found.values()):
            continue
        state = {}
        for part, array in found.items():
            shape = () if part == "step" else tuple(parameter.shape)
            if array is None or array.shape != shape:
                raise ArtifactError(
                    "the checkpoint's optimizer state does not fit the network", "train again with --force"
                )
            state[part] = torch.from_numpy(np.array(array)).to(parameter.device)
        optimizer.state[parameter] = state
