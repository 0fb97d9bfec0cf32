"""The speed of the machine, measured on request: the reference for reported speeds and the basis of plans."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from rnnlm.model.outputs.product import product

_SIZE = 1024
_STEPS, _BATCH, _UNITS = 16, 64, 512


def matrix_peak(device: str, budget_seconds: float = 0.3) -> float:
    """Floating-point operations per second: the best of several float32 products of 1024 × 1024 matrices."""
    a = torch.ones(_SIZE, _SIZE, device=device)
    return _best(lambda: product(a, a), 2 * _SIZE**3, budget_seconds)


def recurrent_speed(device: str, budget_seconds: float) -> float:
    """The same for an LSTM layer of 512 units and a batch of 64, forward and backward: a bound for training."""
    layer = torch.nn.LSTM(_UNITS, _UNITS).to(device)
    x = torch.randn(_STEPS, _BATCH, _UNITS, device=device, requires_grad=True)

    def both() -> Tensor:
        layer(x)[0].sum().backward()
        assert x.grad is not None
        return x.grad[0]

    operations = 3 * 2 * 4 * _UNITS * 2 * _UNITS * _STEPS * _BATCH
    return _best(both, operations, budget_seconds)


def _best(work: Callable[[], Tensor], operations: int, budget_seconds: float) -> float:
    """Operations per second of the fastest run; the first run, which prepares the kernels, is not timed."""
    float(work().flatten()[0])
    best, started_at = 0.0, time.perf_counter()
    while best == 0.0 or time.perf_counter() - started_at < budget_seconds:
        before = time.perf_counter()
        float(work().flatten()[0])  # waits for an asynchronous device
        best = max(best, operations / (time.perf_counter() - before))
    return best
