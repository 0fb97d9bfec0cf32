"""Gradients kept within bounds, by their norm or entry by entry."""

import torch
from torch import nn


def clip_gradients(parameters: list[nn.Parameter], norm: float, value: float) -> tuple[float, bool]:
    """Bound the gradients; their global norm before that, and whether anything was cut.

    With `value` > 0 each entry is brought into [−value, value]; otherwise, with `norm` > 0, all are scaled alike so
    that their global norm is at most `norm` (Pascanu et al. 2013). By norm, infinite and NaN gradients are left as
    they are; the norm tells.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    before = float(torch.nn.utils.get_total_norm(gradients))
    if value:
        clipped = any(float(gradient.abs().max()) > value for gradient in gradients)
        torch.nn.utils.clip_grad_value_(parameters, value)
        return before, clipped
    clipped = 0 < norm < before
    if clipped and before < torch.inf:
        torch._foreach_mul_(gradients, norm / before)
    return before, clipped
