"""The rule of a time budget for sequences that are read whole: labels of texts, words and rows, and forecasts.

Short sequences and small networks are bound by the time of a step and not by arithmetic, so that the speed of each size
is measured in a few steps of training. `docs/budget.md` states the rule.
"""

import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from rnnlm.model.network import Network
from rnnlm.training.budget import BudgetChoice
from rnnlm.training.data import Data, architecture_of
from rnnlm.training.defaults import fill_in, usual_dropout, usual_epochs
from rnnlm.training.settings import SettledSettings, TrainSettings
from rnnlm.training.trial import trial_speed

_SIZES = (512, 384, 256, 192, 128, 96, 64, 32)
_LARGER = 1.25  # than the size that follows from the corpus, at most
_EPOCHS = 4.0  # fewer are too few
_MEASURING, _MOST = 0.02, 1.0  # of the budget for the speed of a size, and seconds at most


def choose_for_sequences(
    given: TrainSettings, embedding: int | None, data: Data, device: str, left: Callable[[], float]
) -> BudgetChoice:
    """Decide what is None in `given`: the largest network that reads enough epochs in the seconds that are `left`."""
    size = data.size

    def filled(**decided: Any) -> tuple[SettledSettings, int]:
        settings = replace(given, **{name: value for name, value in decided.items() if getattr(given, name) is None})
        return fill_in(
            settings, task=data.task, kind=size.kind, tokens=size.tokens, lines=size.lines, embedding=embedding
        )

    usual, wanted = filled()[0].hidden, min(_EPOCHS, usual_epochs(size.tokens, size.kind))
    sizes = (given.hidden,) if given.hidden else tuple(each for each in _SIZES if each <= _LARGER * usual)
    most, measuring = float(sizes[0]), min(_MOST, max(0.0, _MEASURING * left()))
    for hidden in sizes:
        if hidden > most and hidden != sizes[-1]:
            continue
        settings, dimensions = filled(hidden=hidden)
        speed = _speed(data, settings, dimensions, device, measuring)
        seconds = max(0.0, left())
        epochs = seconds * speed / size.tokens
        if epochs >= wanted:
            break
        most = hidden * math.sqrt(epochs / wanted)  # a step takes at most as long as H² says
    settings, dimensions = filled(hidden=hidden, dropout=usual_dropout(epochs, hidden))
    enough = f"the largest size that reads {wanted:.0f} epochs" if epochs >= wanted else "the time is short"
    reasons = (
        f"{seconds:.0f} s of training are about {epochs:.1f} epochs",
        f"{hidden} units: {'as given' if given.hidden else enough}",
        f"dropout {settings.dropout:g}: {'as given' if given.dropout is not None else 'follows from the epochs'}",
    )
    return BudgetChoice(settings, dimensions, seconds, speed, epochs, reasons, given, embedding)


def _speed(data: Data, settings: SettledSettings, dimensions: int, device: str, seconds: float) -> float:
    """Time steps per second of a network in training."""
    network = Network(architecture_of(settings, data, dimensions), torch.Generator().manual_seed(settings.seed))
    network.to(device).use_engine(settings.engine)
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        return trial_speed(network, data.objective(settings, None), settings, Path(directory), seconds)
