"""What the workers of `test_workers.py` do with a block."""

import os
import signal
import sys
import time


class Shout:
    """Upper case, and whether torch was imported for it."""

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()

    def __call__(self, block: bytes) -> tuple[bytes, bool]:
        """The block in upper case, with the mark."""
        return block.upper() + self._mark, "torch" in sys.modules


class Killed:
    """The process is gone, as if the system had ended it."""

    def __call__(self, block: bytes) -> bytes:
        """Never returns."""
        os.kill(os.getpid(), signal.SIGKILL)
        return block


class Refusing:
    """Finds a block that it does not like."""

    def __call__(self, block: bytes) -> bytes:
        """Raises ValueError for the block b'3'."""
        if block == b"3":
            raise ValueError("three")
        return block


class Slow:
    """Works for a minute."""

    def __call__(self, block: bytes) -> bytes:
        """Takes its time."""
        time.sleep(60)
        return block
