"""The speed of a run, measured on a few of its steps, which are discarded."""

import contextlib
from dataclasses import replace
from pathlib import Path

from rnnlm.model.network import Network
from rnnlm.training.loop import Trainer
from rnnlm.training.objective import Objective
from rnnlm.training.progress import Progress
from rnnlm.training.settings import SettledSettings

_SECONDS = 2.0
_FIRST = 2  # steps that prepare the kernels
_LEAST = 4  # steps that are timed


class _EnoughError(Exception):
    """Enough steps are timed."""


class _Timed:
    """Ends the run once enough steps are timed, for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.first: Progress | None = None
        self.last: Progress | None = None

    def progress(self, progress: Progress) -> None:
        if progress.step == _FIRST:
            self.first = progress
        self.last = progress
        timed = 0.0 if self.first is None else progress.seconds - self.first.seconds
        if progress.step >= _FIRST + _LEAST and timed >= self._seconds:
            raise _EnoughError

    def notice(self, text: str) -> None:
        pass

    def stop_signal(self) -> int | None:
        return None


def trial_speed(
    network: Network, objective: Objective, settings: SettledSettings, directory: Path, seconds: float = _SECONDS
) -> float:
    """Tokens per second in training, measured for some `seconds` in an empty `directory`; this trains the network a
    little.
    """
    timed = _Timed(seconds)
    settings = replace(settings, steps=10**6, tokens=None, epochs=None, budget=None, replay=None)
    with contextlib.suppress(_EnoughError):
        Trainer(network, objective, settings, directory, timed).run(resume=False)
    assert timed.first is not None and timed.last is not None
    return (timed.last.tokens - timed.first.tokens) / (timed.last.seconds - timed.first.seconds)
