"""s(t) = a(t) s(t-1) + b(t), number by number, over a segment."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Scan(torch.autograd.Function):
    """a, b (time, batch, n) and s(0) (batch, n) → s (time, batch, n)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, first: Tensor) -> Tensor:
        """One multiplication and addition a step, into memory allocated once."""
        s = torch.empty_like(b)
        before = first
        for a_t, b_t, s_t in zip(a.unbind(), b.unbind(), s.unbind(), strict=True):
            torch.addcmul(b_t, a_t, before, out=s_t)
            before = s_t
        ctx.save_for_backward(a, s, first)
        return s

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """db(t) = ds(t) + a(t+1) db(t+1), da(t) = db(t) s(t-1): the same from the last step to the first."""
        a, s, first = ctx.saved_tensors
        db = torch.empty_like(s)
        grad, steps, through = grads[0].unbind(), db.unbind(), a.unbind()
        steps[-1].copy_(grad[-1])
        for t in range(len(s) - 1, 0, -1):
            torch.addcmul(grad[t - 1], through[t], steps[t], out=steps[t - 1])
        da = torch.empty_like(s)
        torch.mul(db[1:], s[:-1], out=da[1:])
        torch.mul(db[0], first, out=da[0])
        return da, db, a[0] * db[0]
