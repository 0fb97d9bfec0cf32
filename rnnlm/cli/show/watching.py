"""The progress of a run, and the signals that stop it."""

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rnnlm.cli.signals import SIGNALS
from rnnlm.cli.terminal import Terminal
from rnnlm.training.progress import Progress as RunProgress


class Watcher:
    """Shows loss, perplexity, speed and time left during a run; records the signal received."""

    def __init__(self, screen: Terminal, console: Console) -> None:
        self._screen = screen
        self._signal: int | None = None
        self._shown: float | None = None
        self._first: tuple[float, int] | None = None
        self._bar: Progress | None = None
        if screen.live:
            self._bar = Progress(
                TextColumn("train"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[words]}"), TimeRemainingColumn(), console=console, transient=True,
            )  # fmt: skip
            self._task: Any = self._bar.add_task("train", total=1.0, words="")

    @contextmanager
    def watching(self) -> Iterator["Watcher"]:
        """Handle signals, and show the bar."""
        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        taken = [number for number in SIGNALS if not (nohup and number == signal.SIGHUP)]
        before = {number: signal.signal(number, self._stop) for number in taken}
        try:
            if self._bar is None:
                yield self
            else:
                with self._bar:
                    yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number
        self._screen.notice("stopping after this step; Ctrl-C stops at once")

    def stop_signal(self) -> int | None:
        """The signal received, if any."""
        return self._signal

    def notice(self, text: str) -> None:
        """Show a notice."""
        self._screen.notice(text)

    def progress(self, progress: RunProgress) -> None:
        """Show the progress of the run."""
        if progress.metric is not None and progress.metric != self._shown:
            self._shown = progress.metric
            self._screen.notice(
                f"{100 * progress.fraction:5.1f} %  epoch {progress.epoch:.2f}  "
                f"best {progress.metric_name.replace('_', ' ')} {progress.metric:.4g}"
            )
        if self._bar is not None:
            self._first = self._first or (progress.seconds, progress.tokens)
            spent, tokens = progress.seconds - self._first[0], progress.tokens - self._first[1]
            speed = f"{tokens / spent:,.0f} tokens/s" if spent > 0 else ""
            perplexity = f"perplexity {math.exp(min(progress.loss, 50)):.1f}  " * ("perplexity" in progress.metric_name)
            self._bar.update(
                self._task, completed=progress.fraction, words=f"loss {progress.loss:.3f}  {perplexity}{speed}"
            )
