"""What a training run reports: its progress to an observer, and its outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True)
class Progress:
    """Where a run stands. `fraction` is done, from 0 to 1; `loss` is the mean cost.

    That is in nats, half squared error, or pinball loss. `metric` is the best value on validation so far, `metric_name`
    its name.
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
    """Receives what the loop reports, and answers whether to stop."""

    def progress(self, progress: Progress) -> None:
        """Called after every step."""

    def notice(self, text: str) -> None:
        """Called with notices for the user."""

    def stop_signal(self) -> int | None:
        """The signal that asks the run to stop, if any."""


class Stopped(Exception):  # noqa: N818
    """The run was asked to stop and has saved a checkpoint."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


@dataclass(frozen=True)
class Outcome:
    """A finished run: its best weights and its counts; `ends_at` is when a run with a budget must end.

    `dropped` of its `steps` had a loss or gradient that was not finite; `returned` times it went back to good weights.
    """

    tensors: Mapping[str, NDArray[Any]]
    steps: int
    tokens_seen: int
    operations: int
    epochs: float
    seconds: float
    metric: float | None
    clipped_fraction: float
    dropped: int = 0
    returned: int = 0
    ends_at: float | None = None
