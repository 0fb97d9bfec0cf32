"""Matrix products of large float32 matrices, by the library that is the faster one on this processor."""

import torch
from torch import Tensor
from torch.nn import functional

# torch multiplies by MKL, which leaves half of an AVX-512 processor idle where it is not Intel's: on an EPYC of the
# fifth generation 220 GFLOPS on two cores, where oneDNN, which torch has for layers and compiled code, reaches 480.
_ONEDNN = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and torch.backends.cpu.get_cpu_capability() == "AVX512"
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)


def product(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: (n, k), (m, k), (m,) → (n, m), in any layout; not to be differentiated."""
    if _ONEDNN and x.dtype == torch.float32 and x.device.type == "cpu" and len(x):
        found: Tensor = torch.ops.mkldnn._linear_pointwise(x, W, b, "none", [], "")
        return found
    return functional.linear(x, W, b)
