"""Whether a run fits into memory, before it starts, and what to change if it does not."""

from dataclasses import replace

import torch

from rnnlm.app.train.describe import Run
from rnnlm.directories import in_units
from rnnlm.errors import OutOfMemoryError
from rnnlm.training.available import memory_left
from rnnlm.training.data import LanguageData
from rnnlm.training.memory import demand_bytes
from rnnlm.training.settings import SettledSettings


def demand(run: Run, settings: SettledSettings | None = None) -> int:
    """Bytes that a run takes besides the program, or would take with other settings."""
    settings = settings or run.settings
    longest = run.data.longest or run.data.tokens // settings.batch_size
    # For labels and forecasts all segments are kept for the backward pass.
    back = settings.steps_back if isinstance(run.data, LanguageData) else None
    steps = longest if back is None else min(back, longest)
    return demand_bytes(run.architecture, settings, steps, torch.get_num_threads())


def refuse_too_large(run: Run, device: str, *, force: bool) -> None:
    """OutOfMemoryError, with what to change, for a run that needs more than the available memory, unless `force`."""
    limit = memory_left() if device == "cpu" else None
    needed = demand(run)
    if limit is None or needed <= limit.left or force:
        return
    raise OutOfMemoryError(
        f"training needs about {in_units(needed)} more, and {limit.bound} leaves {in_units(limit.left)}",
        f"{smaller(run, limit.left)}; --force tries anyway",
    )


def smaller(run: Run, left: int | None = None) -> str:
    """What to change so that a run takes less memory: the largest batch size that fits into `left`, if any."""
    batch, shorter = run.settings.batch_size, "" if run.data.longest else ", --bptt"
    while batch > 1:
        batch //= 2
        needed = demand(run, replace(run.settings, batch_size=batch))
        if left is None or needed <= left:
            return f"use --batch-size {batch} (about {in_units(needed)}), or a smaller --hidden{shorter} or --layers"
    return f"use a smaller --hidden{shorter}, --layers or --embedding, or fewer words (--max-size)"
