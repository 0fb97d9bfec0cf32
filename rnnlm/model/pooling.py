"""A whole sequence as one vector, recurrence ③: the last state, or the mean or maximum over time."""

import torch
from torch import Tensor


def summarised(h: Tensor, lengths: Tensor, how: str) -> Tensor:
    """h (time, batch, width) and true lengths (batch,) → (batch, width); steps beyond a length are ignored.

    `how` is 'last' (h(T)), 'mean' or 'max'.
    """
    if how == "last":
        return h[lengths - 1, torch.arange(h.shape[1], device=h.device)]
    inside = (torch.arange(len(h), device=h.device).unsqueeze(1) < lengths).unsqueeze(2)
    if how == "mean":
        return torch.where(inside, h, 0.0).sum(0) / lengths.unsqueeze(1)
    return torch.where(inside, h, -torch.inf).amax(0)
