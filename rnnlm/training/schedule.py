"""The learning rate as a function of the fraction of training done, or of the epochs."""

import math

from rnnlm.training.settings import SettledSettings


def rate_at(settings: SettledSettings, fraction: float, epoch: float) -> float:
    """The rate after `fraction` (0 to 1) of training and `epoch` epochs.

    Linear up to the peak over `warmup`, then, by `--schedule`: half a cosine or a line down to 0; constant; or
    constant for `decay_after` epochs, and multiplied by `decay` at the beginning of each later one.
    """
    peak = settings.learning_rate
    if fraction < settings.warmup:
        return peak * fraction / settings.warmup
    left = min(1.0, (fraction - settings.warmup) / max(1e-12, 1 - settings.warmup))
    if settings.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * left))
    if settings.schedule == "linear":
        return peak * (1 - left)
    if settings.schedule == "epochs":
        return peak * settings.decay ** max(0, math.floor(epoch) + 1 - settings.decay_after)
    return peak
