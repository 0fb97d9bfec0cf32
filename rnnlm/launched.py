"""Whether torchrun started this process, and as which of how many; read from the variables that it sets."""

import os
import signal
import time
from dataclasses import dataclass

_LATE = 10.0  # seconds after which rank 0 has long said it


@dataclass(frozen=True)
class Launch:
    """This process has number `rank` of `size`, `local` of which are on this machine."""

    rank: int
    size: int
    local: int


def launched() -> Launch | None:
    """What torchrun says; None without it. A scheduler sets WORLD_SIZE too, which alone means nothing."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    return Launch(rank, size, local)


def follows() -> bool:
    """Whether another process, rank 0, speaks for this one."""
    launch = launched()
    return launch is not None and launch.rank > 0


def left_to_rank_0() -> bool:
    """Whether rank 0 shows what is wrong with a command, which every process finds.

    The first to leave has torchrun end the others, so that this one waits to be ended.
    """
    if follows():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(_LATE)
    return follows()
