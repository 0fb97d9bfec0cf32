"""The fraction of a run that is done: by steps, by tokens, or by the time of the whole process."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from rnnlm.errors import ArtifactError, UsageError
from rnnlm.training.journal import Record

_IMPORTED_AT = time.monotonic()


@dataclass(frozen=True)
class Budget:
    """`seconds` from `started_at`, when the process began (monotonic); `reserved` of them are for after training."""

    seconds: float
    started_at: float
    reserved: float


class BudgetClock:
    """The fraction of a run that is done, from 0 to 1. One of `steps`, `tokens` and `budget` bounds it.

    With a budget it is the fraction of the time between the first step and the reserve at the end, including the time
    of earlier processes of the run; so the rate reaches 0 in time, however fast the steps are.
    """

    def __init__(self, steps: int | None, tokens: int | None, budget: Budget | None) -> None:
        assert steps or tokens or budget
        self._steps, self._tokens, self._budget = steps, tokens, budget
        self._before = 0.0
        self._first: float | None = None

    def spent(self) -> float:
        """Seconds of the run's processes so far; 0 without a budget."""
        return self._before + time.monotonic() - self._budget.started_at if self._budget else 0.0

    def ends_at(self) -> float | None:
        """When this process must end, on the monotonic clock; None without a budget."""
        return time.monotonic() + self._budget.seconds - self.spent() if self._budget else None

    @property
    def seconds(self) -> float:
        """A budget's time between the first step and the reserve."""
        assert self._budget is not None and self._first is not None
        return self._budget.seconds - self._budget.reserved - self._first

    def begin(self) -> None:
        """Begin or continue training; UsageError if the budget is already spent."""
        if self._budget is None:
            return
        if self._first is None:
            self._first = self.spent()
        if self._budget.seconds - self._budget.reserved <= self._first:
            raise UsageError(
                f"--budget {self._budget.seconds:g}s: {self._first:.1f} s are spent before training and "
                f"{self._budget.reserved:.1f} s needed after it",
                "give a longer one",
            )

    def fraction(self, steps: int, tokens: int) -> float:
        """The fraction done after so many steps and tokens."""
        if self._budget is not None:
            assert self._first is not None
            done = (self.spent() - self._first) / self.seconds
        elif self._steps:
            done = steps / self._steps
        else:
            assert self._tokens
            done = tokens / self._tokens
        return min(1.0, done)

    def rate(self, step: int) -> float | None:
        """The rate of a step, None if it follows from the schedule."""
        return None

    def check(self, step: int, length: int) -> None:
        """ArtifactError if a step of `length` is not the recorded one."""

    def reached(self, fraction: float) -> None:
        """Count the time of an earlier process of the run, which reached `fraction` before it stopped."""
        if self._budget is not None and self._first is not None:
            spent = self._first + fraction * self.seconds
            self._before = max(self._before, spent)

    def state(self) -> dict[str, float | None]:
        """What a checkpoint keeps, as JSON."""
        return {"spent": self.spent(), "first": self._first}

    def restore(self, state: dict[str, float | None]) -> None:
        """Continue from a saved `state`."""
        self._before, self._first = float(state["spent"] or 0), state["first"]


class ReplayedClock(BudgetClock):
    """The fractions and rates of a run from its journal."""

    def __init__(self, record: Record) -> None:
        super().__init__(len(record), None, None)
        self._record = record

    def fraction(self, steps: int, tokens: int) -> float:
        """The recorded fraction after so many steps."""
        return float(self._record.fractions[steps]) if steps < len(self._record) else 1.0

    def rate(self, step: int) -> float | None:
        """The recorded rate of a step."""
        return float(self._record.rates[step])

    def check(self, step: int, length: int) -> None:
        """ArtifactError if the step had another length: then the text is read differently."""
        if length != self._record.lengths[step]:
            raise ArtifactError(
                f"step {step:,} has {length} steps of text, and {self._record.lengths[step]} in the journal",
                "replay it with the settings in replay.toml",
            )


def started_at() -> float:
    """The kernel's record if there is one (Linux, to 10 ms), otherwise the import of this file."""
    try:
        after_name = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()
        since_boot = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
        return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot)
    except (OSError, ValueError, IndexError, AttributeError):
        return _IMPORTED_AT
