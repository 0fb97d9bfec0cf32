"""Panics of a library in Rust: they are no `Exception`, and say much on standard error before they are one at all."""

import contextlib
import os
from collections.abc import Iterator

_STANDARD_ERROR = 2


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """What is written to the process's standard error, past Python, is written nowhere for a while."""
    try:
        kept = os.dup(_STANDARD_ERROR)
    except OSError:  # it is closed, and so silent
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STANDARD_ERROR)
        yield
    finally:
        os.dup2(kept, _STANDARD_ERROR)
        os.close(nowhere)
        os.close(kept)
