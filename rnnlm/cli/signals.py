"""Signals outside of training: an exception where it can be cleaned up after, an end at once where it cannot."""

import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from rnnlm.errors import StoppedError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Leave = Callable[[int], Any]


def stop_in_one_line(leave: Leave) -> None:
    """Where an interrupt reaches nobody who would catch it, `leave` says so in place of a traceback."""
    usual, unraisable = sys.excepthook, sys.unraisablehook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        number = _signal_of(error)
        if number is not None:
            leave(number)
        usual(kind, error, trace)

    def swallowed(found: Any) -> None:  # what is raised while an object is destroyed goes no further
        number = _signal_of(found.exc_value)
        if number is not None:
            leave(number)
        unraisable(found)

    sys.excepthook, sys.unraisablehook = hook, swallowed


def raise_for_signals(leave: Leave | None = None) -> None:
    """Let signals raise KeyboardInterrupt or StoppedError; those that are ignored, as nohup has SIGHUP, stay so.

    An import cannot be interrupted by an exception: what it runs may catch it, or be left half done in C. There
    `leave`, where it is given, ends the process.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if leave is not None and _imports(frame):
            leave(number)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise StoppedError(
            f"stopped by {signal.Signals(number).name}", "run the same command again to continue", number
        )

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _imports(frame: FrameType | None) -> bool:
    """Whether a frame runs on behalf of an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _signal_of(error: BaseException | None) -> int | None:
    """The signal that an exception stands for."""
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    return error.exit_code - 128 if isinstance(error, StoppedError) else None
