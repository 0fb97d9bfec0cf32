"""Products of float32 matrices by the library that is faster on this processor.

A product with few rows is bound by memory: it takes as long as reading the matrix once.
"""

import torch
from torch import Tensor
from torch.nn import functional

from rnnlm.model.int8 import Int8Rows

_HAS_ONEDNN = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)
# torch uses MKL, which leaves half of an AVX-512 processor idle where it is not Intel's: on an EPYC of the fifth
# generation it reaches 220 GFLOPS on two cores and oneDNN, which torch uses for layers and compiled code, 480.
_ONEDNN = _HAS_ONEDNN and torch.backends.cpu.get_cpu_capability() == "AVX512"
# With few rows oneDNN reads a matrix at 34 of the available 40 GB/s, MKL at 20; with AVX2 too.
_FEW = 8


def product(x: Tensor, W: Tensor, b: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: (n, k), (m, k), (m,) → (n, m), in any layout; not differentiable.

    The result may be written to `out` (n, m): some products took up to 1.4 times as long into fresh memory.
    """
    if _goes_to_onednn(x):
        return _by_onednn(x, W, b)
    if out is None:
        return functional.linear(x, W, b)
    return torch.mm(x, W.T, out=out) if b is None else torch.addmm(b, x, W.T, out=out)


def zeros(like: Tensor) -> Tensor:
    """Zeros of the shape of a matrix, in the layout in which `add_product` is fastest."""
    return like.new_zeros(like.shape[::-1]).T if _goes_to_onednn(like) else torch.zeros_like(like)


def add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """total += aᵀ b: (m, k), (n, m), (n, k); not differentiable."""
    if _goes_to_onednn(a):
        total += _by_onednn(b.T, a.T, None).T
    else:
        total.addmm_(a.T, b)


def _goes_to_onednn(x: Tensor) -> bool:
    """Whether oneDNN computes products with `x`."""
    return _ONEDNN and x.dtype == torch.float32 and x.device.type == "cpu" and len(x) > 0


def linear(x: Tensor, W: Tensor, b: Tensor | None = None, int8: Int8Rows | None = None) -> Tensor:
    """x Wᵀ + b: (…, k), (m, k), (m,) → (…, m), differentiable where gradients are enabled.

    `int8` holds W in a quarter of the bytes and is used for a single row.
    """
    if torch.is_grad_enabled() or x.dtype != torch.float32 or x.device.type != "cpu":
        return functional.linear(x, W, b)
    rows = x.numel() // x.shape[-1]
    if rows == 1 and int8 is not None and int8.stand_for(W):
        return int8.product(x.reshape(1, -1), b).view(*x.shape[:-1], -1)
    if rows and (_ONEDNN or (_HAS_ONEDNN and rows <= _FEW)):
        return _by_onednn(x, W, b)
    return functional.linear(x, W, b)


def _by_onednn(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, W, b, "none", [], "")
    return found
