"""AdamW for a network: which parameters decay, and its state as arrays for a checkpoint."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.errors import ArtifactError
from rnnlm.model.network import Network

_PARTS = ("step", "exp_avg", "exp_avg_sq")


def make_optimizer(model: Network, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019), β₂ 0.99 for short runs; matrices decay, biases and peepholes do not."""
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (matrices if parameter.dim() > 1 and not name.endswith(".P") else others).append(parameter)
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.99), fused=model.bias.device.type in ("cpu", "cuda"))


def optimizer_tensors(model: Network, optimizer: torch.optim.AdamW) -> dict[str, NDArray[Any]]:
    """The optimizer's state by parameter name."""
    tensors = {}
    for name, parameter in model.named_parameters():
        state = optimizer.state.get(parameter, {})
        for part in _PARTS:
            if part in state:
                tensors[f"optimizer.{part}.{name}"] = state[part].detach().cpu().numpy().copy()
    return tensors


def load_optimizer(model: Network, optimizer: torch.optim.AdamW, tensors: Mapping[str, NDArray[Any]]) -> None:
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
