"""The learning rate as a function of what is done: the share of training, or the passes over the text."""

import math

from rnnlm.training.settings import TrainSettings


def rate_at(settings: TrainSettings, share: float, epoch: float) -> float:
    """The rate after `share` (0 to 1) of training and `epoch` passes.

    Up in a line to the peak over `--warmup`, then, by `--schedule`: down half a cosine or a line to 0; the same to the
    end; or the same for `--decay-after` passes, and times `--decay` at the beginning of each later one.
    """
    peak = float(settings.learning_rate or 0)
    if share < settings.warmup:
        return peak * share / settings.warmup
    left = min(1.0, (share - settings.warmup) / max(1e-12, 1 - settings.warmup))
    if settings.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * left))
    if settings.schedule == "linear":
        return peak * (1 - left)
    if settings.schedule == "passes":
        return peak * settings.decay ** max(0, math.floor(epoch) + 1 - settings.decay_after)
    return peak
