"""Whether a run fits into memory, asked before it starts, and what to change where it does not."""

from dataclasses import replace

from rnnlm.cli.train_describe import Run
from rnnlm.errors import OutOfMemoryError
from rnnlm.training.available import memory_left
from rnnlm.training.memory import Demand, demand_of
from rnnlm.training.settings import TrainSettings

_MEGABYTE = 10**6


def demand(run: Run, settings: TrainSettings | None = None) -> Demand:
    """What a run takes, or would take with other settings."""
    settings = settings or run.settings
    whole = settings.bptt in (None, "full") or run.data.task != "language"
    steps = run.data.longest if whole else int(settings.bptt or 1)
    if run.data.longest and not whole:
        steps = min(steps, run.data.longest)
    return demand_of(run.architecture, settings, steps)


def refuse_too_large(run: Run, device: str, *, force: bool) -> None:
    """OutOfMemoryError, with what to change, for a run that would take more memory than there is; `force` tries."""
    room = memory_left() if device == "cpu" else None
    needed = demand(run).bytes
    if room is None or needed <= room.left or force:
        return
    raise OutOfMemoryError(
        f"training would take about {_shown(needed)} more, and {room.bound} leaves {_shown(room.left)}",
        f"{smaller(run, room.left)}; --force tries all the same",
    )


def smaller(run: Run, left: int | None = None) -> str:
    """What to change so that a run takes less memory: the batch size that fits into `left`, where one does."""
    batch, shorter = run.settings.batch_size or 1, "" if run.data.longest else ", --bptt"
    while batch > 1:
        batch //= 2
        needed = demand(run, replace(run.settings, batch_size=batch)).bytes
        if left is None or needed <= left:
            return f"use --batch-size {batch} (about {_shown(needed)}), or a smaller --hidden{shorter} or --layers"
    return f"use a smaller --hidden{shorter}, --layers or --embedding, or fewer words (--max-size)"


def _shown(size: int) -> str:
    return f"{size / _MEGABYTE:,.0f} MB"
