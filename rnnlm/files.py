"""Opening files that a user names: no endless wait for a named pipe, no endless file or device in memory.

What a file holds, and which error to raise for it, is known where it is read.
"""

import os
import select
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

Advance = Callable[[int], None]  # is told how many bytes, tokens or rows were read
_PATIENCE = 5.0  # seconds to wait until a named pipe is opened for writing
_MOST = 256 * 2**20
_BLOCK = 2**20  # a read allocates all that it asks for


def is_regular(path: Path) -> bool:
    """Whether a path, links followed, is a regular file; OSError where there is none."""
    return stat.S_ISREG(path.stat().st_mode)


def own(path: Path) -> Path:
    """The same path; OSError where something else than a file stands in the place of one of ours: it could block."""
    if path.exists() and not is_regular(path):
        raise OSError(0, "it is a device or a pipe")
    return path


def open_input(path: Path) -> BinaryIO:
    """A file, device or pipe opened for reading; OSError, also for a named pipe that nobody opens for writing."""
    if not stat.S_ISFIFO(path.stat().st_mode):
        return path.open("rb")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(1000 * _PATIENCE) and _nobody_writes(descriptor):
            raise TimeoutError(0, "it is a named pipe into which nobody writes")
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _nobody_writes(descriptor: int) -> bool:
    """Whether an empty pipe has no writer: a read then reports its end, not that it would block."""
    try:
        return not os.read(descriptor, 1)
    except BlockingIOError:
        return False


def read_input(path: Path, most: int = _MOST) -> bytes:
    """All of a file, device or pipe; OSError, also for one of more than `most` bytes."""
    blocks, size = [], 0
    with open_input(path) as file:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > most:
                raise OSError(0, f"it has more than {most:,} bytes")
            blocks.append(block)
    return b"".join(blocks)
