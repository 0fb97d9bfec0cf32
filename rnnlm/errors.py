"""The error family: what went wrong, how to fix it, and the exit code for scripts.

The library raises these and never prints; the command line renders them in one place.
"""

import errno
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that ask a program to stop


class RnnlmError(Exception):
    """An error whose text is meant for the user: `message` says what and where, `hint` how to fix it."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The one line that the user sees; line ends inside a message become spaces."""
        text = f"{self.message}: {self.hint}" if self.hint else self.message
        return " ".join(text.split())


class UsageError(RnnlmError):
    """A flag, a setting or a combination of them that is not valid."""

    exit_code = 2


class InputError(RnnlmError):
    """Text or data from outside that is missing or cannot be used."""

    exit_code = 3


class ArtifactError(RnnlmError):
    """Something this tool wrote, or should have written, that is damaged, changed or does not match."""

    exit_code = 4


class StorageError(RnnlmError):
    """A disk that is full, read-only or gone."""

    exit_code = 5


class DivergenceError(RnnlmError):
    """Training whose loss or gradients stopped being finite."""

    exit_code = 6


class OutOfMemoryError(RnnlmError):
    """A run that needs more memory than there is."""

    exit_code = 7


class StoppedError(RnnlmError):
    """Stopped by a signal after saving; the hint is the command that continues."""

    def __init__(self, message: str, hint: str, signal_number: int) -> None:
        super().__init__(message, hint)
        self.exit_code = 128 + signal_number


def exit_code_of(error: BaseException) -> int:
    """The exit code of a program that ends with an error."""
    if isinstance(error, RnnlmError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return 130
    return 7 if is_out_of_memory(error) else 5 if isinstance(error, OSError) else 1


# How Python, torch, its kernels and CUDA say that memory has run out.
_NO_MEMORY = ("out of memory", "allocate memory", "not enough memory", "could not create a primitive", "bad_alloc",
              "could not execute a primitive", "could not create a memory", "failed to allocate",
              "failed to map segment", "error return without exception set")  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of any library says that there is no memory left."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    told = isinstance(error, RuntimeError | SystemError | ImportError)
    return isinstance(error, MemoryError) or (told and any(words in str(error).lower() for words in _NO_MEMORY))
