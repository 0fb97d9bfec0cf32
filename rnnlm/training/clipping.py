"""Gradient clipping, by the norm or entry by entry."""

import torch
from torch import nn


def clip_gradients(parameters: list[nn.Parameter], norm: float, value: float) -> tuple[float, bool]:
    """Clip the gradients; returns their global norm before that, and whether anything was clipped.

    With `value` > 0 each entry is clipped to [−value, value]; otherwise, with `norm` > 0, all are scaled so that
    their global norm is at most `norm` (Pascanu et al. 2013). By norm, infinite and NaN gradients stay as is; the norm
    shows them.
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
