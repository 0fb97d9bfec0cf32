"""The size of a run: whether it fits into memory, and `rnnlm train --plan`."""

import tempfile
from pathlib import Path
from typing import Any

from rnnlm.app.request import Request
from rnnlm.app.train.describe import Run, network_of
from rnnlm.available import memory_left, process_memory
from rnnlm.config import seconds
from rnnlm.directories import in_units
from rnnlm.errors import OutOfMemoryError
from rnnlm.model.parameters import parameter_count
from rnnlm.training.trial import trial_speed


def refuse_too_large(run: Run, device: str, request: Request) -> None:
    """OutOfMemoryError, with what to change, for a run that needs more than the available memory, unless forced."""
    limit = memory_left() if device == "cpu" else None
    demand = run.demand
    needed = demand.bytes(request.ranks)
    if limit is None or needed <= limit.left or request.run.force:
        return
    raise OutOfMemoryError(
        f"training needs about {in_units(needed)} more, and {limit.bound} leaves {in_units(limit.left)}",
        f"{demand.smaller(limit.left)}; --force tries anyway",
    )


def plan_of(run: Run, device: str) -> dict[str, Any]:
    """Sizes, memory, measured speed, expected time, and a budget's reasons.

    A run that does not fit into memory is not measured: speed and time are None, and the reasons say what to change.
    """
    settings, data = run.settings, run.data
    needed, limit = run.demand.bytes(), memory_left() if device == "cpu" else None
    fits = limit is None or needed <= limit.left
    speed = _measured(run, device) if fits else None
    steps = settings.steps_back or data.size.tokens // max(1, data.size.lines)
    left: float | None
    if run.choice is not None:
        left = seconds(settings.budget or "")
        tokens = run.choice.seconds * (speed or run.choice.tokens_per_second)
    else:
        taken = settings.steps or (0 if run.record is None else len(run.record))
        tokens = settings.tokens or taken * settings.batch_size * steps or (settings.epochs or 0) * data.size.tokens
        left = None if speed is None else tokens / speed
    report = {
        "cell": run.architecture.cell, "layers": settings.layers, "hidden": settings.hidden,
        "embedding": run.architecture.embedding, "tied": settings.tied, "output_layer": settings.output_layer,
        "cuts": ",".join(map(str, run.architecture.cuts)) or None, "batch_size": settings.batch_size,
        "bptt": settings.bptt, "dropout": settings.dropout, "learning_rate": settings.learning_rate,
        "parameters": parameter_count(run.architecture), "peak_bytes": process_memory() + needed,
        "memory_left_bytes": None if limit is None else limit.left,
        "tokens_per_second": None if speed is None else round(speed, 1), "epochs": round(tokens / data.size.tokens, 2),
        "seconds": None if left is None else round(left, 1),
    }  # fmt: skip
    reasons = run.choice.reasons if run.choice else ()
    if not fits:
        assert limit is not None
        reasons = (*reasons, f"it does not fit into memory: {run.demand.smaller(limit.left)}")
    return {**report, "reasons": list(reasons)}


def _measured(run: Run, device: str) -> float:
    """Tokens per second, by a few steps."""
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        objective = run.data.objective(run.settings, None)
        return trial_speed(network_of(run, device, fresh=False), objective, run.settings, Path(directory))
