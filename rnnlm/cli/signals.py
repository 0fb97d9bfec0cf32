"""Signals outside of training: an exception where cleanup is possible, an immediate exit otherwise."""

import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from rnnlm.errors import SIGNALS, StoppedError

Leave = Callable[[int], Any]


def stop_in_one_line(leave: Leave) -> None:
    """Call `leave` instead of showing a traceback for an uncaught interrupt."""
    usual, unraisable = sys.excepthook, sys.unraisablehook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        number = _signal_of(error)
        if number is not None:
            leave(number)
        usual(kind, error, trace)

    def swallowed(found: Any) -> None:  # an exception in a destructor does not propagate
        number = _signal_of(found.exc_value)
        if number is not None:
            leave(number)
        unraisable(found)

    sys.excepthook, sys.unraisablehook = hook, swallowed


def raise_for_signals(leave: Leave | None = None) -> None:
    """Let signals raise KeyboardInterrupt or StoppedError; ignored signals, as SIGHUP under nohup, stay ignored.

    An exception must not interrupt an import, which may catch it or be left half initialized in C: there `leave`, if
    given, ends the process.
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
    """The signal that raised an exception."""
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    return error.exit_code - 128 if isinstance(error, StoppedError) else None
