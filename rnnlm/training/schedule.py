"""The learning rate as a function of the share of training done."""

import math


def rate_at(share: float, peak: float, warmup: float) -> float:
    """The rate after `share` (0 to 1) of training: up in a line to `peak`, then down half a cosine to 0."""
    if share < warmup:
        return peak * share / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, (share - warmup) / max(1e-12, 1 - warmup))))
