"""Whether torchrun started this process, and as which of how many; read from the variables that it sets."""

import os
from dataclasses import dataclass


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
