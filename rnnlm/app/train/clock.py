"""The start of this process on the monotonic clock, from which a time budget counts."""

import os
import time
from pathlib import Path

_IMPORTED_AT = time.monotonic()


def started_at() -> float:
    """The kernel's record if there is one (Linux, to 10 ms), otherwise the import of this file."""
    try:
        after_name = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()
        since_boot = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
        return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot)
    except (OSError, ValueError, IndexError, AttributeError):
        return _IMPORTED_AT
