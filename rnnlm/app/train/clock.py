"""When this process began, on the monotonic clock: what a time budget counts from."""

import os
import time
from pathlib import Path

_IMPORTED_AT = time.monotonic()


def started_at() -> float:
    """The kernel's own record where it has one (Linux, to 10 ms), otherwise when this file was imported."""
    try:
        after_name = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()
        since_boot = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
        return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot)
    except (OSError, ValueError, IndexError, AttributeError):
        return _IMPORTED_AT
