"""Settled settings for the tests of training, without a corpus to decide them."""

from typing import Any

from rnnlm.training.settings import SettledSettings, TrainSettings, settled

_DECIDED = {"hidden": 8, "batch_size": 2, "bptt": "5", "learning_rate": 0.01}


def settled_with(**given: Any) -> SettledSettings:
    """What is `given`, with defaults for what the corpus would decide."""
    return settled(TrainSettings(**given), **{name: each for name, each in _DECIDED.items() if name not in given})
