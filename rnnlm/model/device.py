"""Which device, and how many threads."""

import contextlib
import os
from collections.abc import Iterator

import torch

from rnnlm.errors import UsageError


def choose_device(name: str) -> str:
    """'auto' is CUDA where there is one, otherwise the CPU; UsageError for a device that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: there is none here", "use --device cpu")
    if name == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: there is none here", "use --device cpu")
    return name


def set_threads(threads: int | None) -> int:
    """Use so many threads, all that this process may use by default; the number."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = threads or available
    torch.set_num_threads(count)
    return count


@contextlib.contextmanager
def using_threads(count: int) -> Iterator[None]:
    """So many threads in here, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
