"""The machine of a run, recorded with its checkpoints: whether another one repeats its bytes."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlm.version import __version__


def this_machine(device: str, processes: int) -> dict[str, Any]:
    """What rounding depends on: versions, threads, `processes` if there are several, device and processor."""
    several = {"processes": processes} if processes > 1 else {}
    return several | {
        "rnnlm": __version__, "torch": torch.__version__, "numpy": np.__version__, "threads": torch.get_num_threads(),
        "device": device, "processor": f"{_processor()} ({torch.backends.cpu.get_cpu_capability()})",
    }  # fmt: skip


def _processor() -> str:
    """The processor's name, or only its architecture if the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def no_promise(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Why a run begun on `then` may end in other bytes on `now`, in words; None if nothing changed."""
    then, now = ({"processes": 1, **machine} for machine in (then, now))
    if now.get("device") == "cuda" and not torch.are_deterministic_algorithms_enabled():
        return "cuDNN may add in another order each time: the bytes may differ from those of an undisturbed run"
    changed = [f"{name} {then.get(name)} is {value} now" for name, value in now.items() if then.get(name) != value]
    if not changed:
        return None
    return f"{', '.join(changed)}: the bytes may differ from those of an undisturbed run"
