"""The training loss of an output layer over many outputs, computed a block of rows at a time.

The logits of a whole batch (rows × outputs) never exist together: a block's logits become its gradient while they are
still in the cache, and the two products that need this gradient follow at once. This bounds memory and saves the
memory traffic of softmax and its backward pass.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rnnlm.model.device import known_true
from rnnlm.model.outputs.product import add_product, product, zeros


@dataclass(frozen=True)
class SoftmaxFactor:
    """A softmax that is a factor of the probability of some rows.

    h (rows, width), V (choices, width), c (choices,); `targets` (rows,) are numbers of choices, negative where there
    is nothing to predict; `rows` are their indices in the whole, None for all of it.
    """

    h: Tensor
    V: Tensor
    c: Tensor
    targets: Tensor
    rows: Tensor | None = None

    @property
    def loss(self) -> Tensor:
        """Σ −log softmax(V h + c)[target], a scalar."""
        return linear_cross_entropy(self.h, self.V, self.c, self.targets)


# Logits at once: 16 MB. Steps of 1 × 512 with 10,000 outputs, half of the batch on each of two cores with AVX2, in
# GFLOPS, twice: 97 and 106, 113 and 110, 122 and 115, 108 and 106 with blocks of 4, 8, 16 and 32 MB. AVX-512 and a
# single core were not timed.
_BLOCK = 2**22
_BLOCK_OF_A_DEVICE = 2**26  # which has no such cache, and is the slower the more kernels it is asked to run
# Rows are padded to a multiple of this. Clusters have other row counts in each batch, and oneDNN compiles and keeps a
# kernel for every shape: with 128 units and clusters a step took 50 ms, and 250 took 965 MB; now 45 ms and 525 MB.
_ROWS = 16


class LinearCrossEntropy(torch.autograd.Function):
    """Σ over rows of −log softmax(h Vᵀ + c)[target], rows with a negative target left out.

        o = h Vᵀ + c,   p = softmax(o)
        L = −Σ log p[target]
        ∂L/∂o = p − onehot(target),   ∂L/∂h = ∂L/∂o V,   ∂L/∂V = (∂L/∂o)ᵀ h,   ∂L/∂c = Σ ∂L/∂o

    h (rows, width), V (outputs, width), c (outputs,), targets (rows,) of output numbers; the result is a scalar.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, V: Tensor, c: Tensor, targets: Tensor) -> Tensor:
        """The loss; computes its gradients too, since the logits are not kept."""
        rows = max(2, (_BLOCK if h.is_cpu else _BLOCK_OF_A_DEVICE) // len(V) // _ROWS) * _ROWS
        count = len(h)
        h = functional.pad(h, (0, 0, 0, -count % _ROWS))
        targets = functional.pad(targets, (0, -count % _ROWS), value=-1)
        dh, dV, dc = torch.empty_like(h), zeros(V), torch.zeros_like(c)
        total = h.new_zeros((), dtype=torch.float64)
        logits, softmax = h.new_empty(2, min(rows, len(h)), len(V))
        for start in range(0, len(h), rows):
            block, wanted = h[start : start + rows], targets[start : start + rows]
            inside = wanted >= 0
            chosen = wanted.clamp(min=0).unsqueeze(1)
            o = product(block, V, c, logits[: len(block)])
            target_o, largest = o.gather(1, chosen).squeeze(1), o.amax(1)
            p = torch.softmax(o, 1, out=softmax[: len(o)])
            # Σ exp(o − max o) is 1 over the largest p, which saves a pass.
            total += ((largest - p.amax(1).log() - target_o) * inside).sum(dtype=torch.float64)
            if not known_true(inside):
                p *= inside.unsqueeze(1)
            do = p.scatter_add_(1, chosen, -inside.unsqueeze(1).to(p.dtype))
            dh[start : start + rows] = product(do, V.T)
            add_product(dV, do, block)
            dc += do.sum(0)
        ctx.save_for_backward(dh[:count], dV.contiguous(), dc)
        return total.to(h.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """The gradients from `forward`, times that of the loss."""
        (scale,) = grads
        dh, dV, dc = ctx.saved_tensors
        return dh * scale, dV * scale, dc * scale, None


def linear_cross_entropy(h: Tensor, V: Tensor, c: Tensor, targets: Tensor) -> Tensor:
    """`LinearCrossEntropy` as a function."""
    loss: Tensor = LinearCrossEntropy.apply(h, V, c, targets)  # type: ignore[no-untyped-call]
    return loss


def linear_pinball(h: Tensor, V: Tensor, c: Tensor, targets: Tensor, quantiles: tuple[float, ...]) -> Tensor:
    """Σ max(q e, (q − 1) e), e = y − (h Vᵀ + c), over h (rows, width), targets y (rows, K) and quantiles q.

    The outputs are K for each quantile, one quantile after the other; targets that are NaN are left out. The minimum in
    expectation is the q-quantile of y (Koenker & Bassett 1978).
    """
    known = ~targets.isnan()
    values = torch.addmm(c, h, V.T).view(len(h), len(quantiles), -1)
    over = torch.where(known, targets.nan_to_num(), 0.0).unsqueeze(-2) - values
    q = torch.tensor(quantiles, device=h.device).unsqueeze(-1)
    return torch.where(known.unsqueeze(-2), torch.maximum(q * over, (q - 1) * over), 0.0).sum()


def linear_squared_error(h: Tensor, V: Tensor, c: Tensor, targets: Tensor) -> Tensor:
    """Σ ½ (h Vᵀ + c − y)² over h (rows, width) and targets y (rows, outputs), those that are NaN left out."""
    known = ~targets.isnan()
    difference = torch.where(known, torch.addmm(c, h, V.T) - targets.nan_to_num(), 0.0)
    return 0.5 * difference.square().sum()
