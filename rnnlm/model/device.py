"""The device and the number of threads."""

import contextlib
from collections.abc import Iterator

import torch

from rnnlm.errors import UsageError
from rnnlm.workers import cores


def choose_device(name: str) -> str:
    """'auto' is CUDA if available, otherwise the CPU; UsageError for an unavailable device."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: no such device", "use --device cpu")
    if name == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: no such device", "use --device cpu")
    return name


def set_threads(threads: int | None, processes: int = 1) -> int:
    """Use that many threads, by default the share of one of `processes` in all that it may use; returns the number."""
    count = threads or max(1, cores() // processes)
    torch.set_num_threads(count)
    return count


@contextlib.contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Use `count` threads inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
