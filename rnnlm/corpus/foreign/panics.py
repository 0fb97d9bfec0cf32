"""Panics of a library in Rust: they are no `Exception`, and write to standard error before they are raised."""

import contextlib
import os
from collections.abc import Iterator

_STANDARD_ERROR = 2


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Discard what is written to the process's standard error, also past Python, in the block."""
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
