"""What a training run tells of itself: its progress to an observer, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True)
class Progress:
    """Where a run stands. `fraction` is done, from 0 to 1; `loss` is the mean cost, in nats or half squared error.

    `metric` is the best value on validation so far, `metric_name` what it is.
    """

    step: int
    fraction: float
    epoch: float
    loss: float
    tokens: int
    seconds: float
    metric_name: str
    metric: float | None


class Observer(Protocol):
    """What the loop tells of itself, and asks: whether to stop."""

    def progress(self, progress: Progress) -> None:
        """Called after every step."""

    def notice(self, text: str) -> None:
        """Called for what a person should know."""

    def stop_signal(self) -> int | None:
        """The signal that asks the run to stop, if one has come."""


class Stopped(Exception):  # noqa: N818
    """The run was asked to stop and has saved a checkpoint."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


@dataclass(frozen=True)
class Outcome:
    """A finished run: its best weights and what was counted; `ends_at` is when a run with a budget is to end.

    Of its `steps`, `dropped` had a loss or gradient that was not finite; `returned` times it went back to good weights.
    """

    tensors: Mapping[str, NDArray[Any]]
    steps: int
    tokens_seen: int
    operations: int
    epochs: float
    seconds: float
    figure: float | None
    clipped_fraction: float
    dropped: int = 0
    returned: int = 0
    ends_at: float | None = None
