"""The device and the number of threads; what is done in another way where the host would wait for the device."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.errors import UsageError
from rnnlm.workers import cores

_MPS = "--device mps: its results were never compared with the CPU's, and it has no float64, in which sums are taken"


def choose_device(name: str, *, token_by_token: bool = False) -> str:
    """'auto' is CUDA if available, otherwise the CPU, as for a text that is read `token_by_token`.

    UsageError for an unavailable device, and for MPS.
    """
    if name == "mps":
        raise UsageError(_MPS, "use --device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() and not token_by_token else "cpu"
    if name == "cuda":
        if not torch.cuda.is_available():
            raise UsageError("--device cuda: no such device", "use --device cpu")
        torch.backends.cudnn.allow_tf32 = False  # torch's own default rounds the products of an LSTM
    return name


def set_matmul(form: str, device: str) -> None:
    """Round the factors of matrix products in training to a `form`: 'float32' as they are, 'tf32' or 'bf16'.

    UsageError for a CPU, on which rounding is no faster (`benchmarks/notebook.md`).
    """
    if form != "float32" and device == "cpu":
        raise UsageError(f"--set matmul={form} with --device cpu", "it is for GPUs: omit it")
    torch.set_float32_matmul_precision({"float32": "highest", "tf32": "high", "bf16": "medium"}[form])
    torch.backends.cudnn.allow_tf32 = form != "float32"


def moved(array: NDArray[Any], device: torch.device) -> Tensor:
    """An array as a tensor on a device; the host does not wait for the copy."""
    tensor = torch.from_numpy(array)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def known_true(mask: Tensor) -> bool:
    """Whether a mask is true throughout, where that can be known without waiting for a device."""
    return mask.device.type == "cpu" and bool(mask.all())


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
