"""One update: the learning rate over a run, the bound on the gradient, and the optimizer."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rnnlm.errors import ArtifactError
from rnnlm.model.network import Network
from rnnlm.training.settings import SettledSettings


def rate_at(settings: SettledSettings, fraction: float, epoch: float) -> float:
    """The rate after `fraction` (0 to 1) of training and `epoch` epochs.

    Linear up to the peak over `warmup`, then, by `--schedule`: half a cosine or a line down to 0; constant; or
    constant for `decay_after` epochs, and multiplied by `decay` at the beginning of each later one.
    """
    peak = settings.learning_rate
    if fraction < settings.warmup:
        return peak * fraction / settings.warmup
    left = min(1.0, (fraction - settings.warmup) / max(1e-12, 1 - settings.warmup))
    if settings.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * left))
    if settings.schedule == "linear":
        return peak * (1 - left)
    if settings.schedule == "epochs":
        return peak * settings.decay ** max(0, math.floor(epoch) + 1 - settings.decay_after)
    return peak


def clip_gradients(parameters: list[nn.Parameter], norm: float, value: float) -> tuple[float, bool]:
    """Clip the gradients; returns their global norm before that, and whether anything was clipped.

    With `value` > 0 each entry is clipped to [−value, value]; otherwise, with `norm` > 0, all are scaled so that
    their global norm is at most `norm` (Pascanu et al. 2013). By norm, infinite and NaN gradients stay as is; the norm
    shows them.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = torch.nn.utils.get_total_norm(gradients)
    if value:
        largest = torch.stack(torch._foreach_norm(gradients, torch.inf)).max()
        before, most = torch.stack([total, largest]).tolist()
        clipped = most > value
        torch.nn.utils.clip_grad_value_(parameters, value)
        return before, clipped
    before = float(total)
    clipped = 0 < norm < before
    if clipped and before < torch.inf:
        torch._foreach_mul_(gradients, norm / before)
    return before, clipped


_PARTS = ("step", "exp_avg", "exp_avg_sq")


def make_optimizer(model: Network, settings: SettledSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), β₂ 0.99 for short runs, or stochastic gradient descent.

    Matrices decay, vectors do not. AdamW's steps have the size of the rate whatever the weights are, and
    the embedding's weights are many times as large as a layer's: they have their own rate.
    """
    words: list[nn.Parameter] = []
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if name == "embedding" or name.endswith(".rows"):
            words.append(parameter)
        else:
            (matrices if parameter.dim() > 1 else others).append(parameter)
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
