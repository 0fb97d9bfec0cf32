"""The machine's matrix-product peak, measured when it is asked for: what speeds are set against."""

import time

import torch

_SIZE = 1024


def matrix_peak(device: str, budget_seconds: float = 0.3) -> float:
    """Floating-point operations per second of the best of several float32 products of 1024 × 1024 matrices."""
    a = torch.ones(_SIZE, _SIZE, device=device)
    best = 0.0
    started_at = time.perf_counter()
    while time.perf_counter() - started_at < budget_seconds:
        before = time.perf_counter()
        product = a @ a
        float(product[0, 0])  # waits for a device that works in the background
        best = max(best, 2 * _SIZE**3 / (time.perf_counter() - before))
    return best
