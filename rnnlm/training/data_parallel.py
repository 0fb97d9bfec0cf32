"""A batch in parts, by columns, each computed by one core or one process.

Cores that share a matrix product wait for one another at every step of a recurrence; parts of a batch synchronize once,
when their gradients are added. On two cores with AVX2 that is 1.03 to 1.28 times as fast (`benchmarks/parts.py`).
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Part = TypeVar("Part")

# Minimum columns of a part: with 16 on each of two cores 0.94 to 1.16 times as fast; fewer were not tested.
_COLUMNS = 16


def parts_of(width: int, threads: int) -> list[slice]:
    """The columns of a batch of `width` in parts of nearly equal size, to be divided evenly among `threads`."""
    count = max(n for n in range(1, threads + 1) if threads % n == 0 and n * _COLUMNS <= max(width, _COLUMNS))
    return evenly(width, count)


def evenly(width: int, count: int) -> list[slice]:
    """A batch of `width` columns in `count` parts; some are empty if there are fewer columns."""
    return [slice(width * n // count, width * (n + 1) // count) for n in range(count)]


def tree_sum(parts: Sequence[Part | None], add: Callable[[Part, Part], Part]) -> Part | None:
    """The sum of parts in a fixed order: that of the first half and that of the second, each in the same way.

    None stands for an empty part. A process with an aligned power of two of the parts computes one branch.
    """
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    first, second = tree_sum(parts[:half], add), tree_sum(parts[half:], add)
    return second if first is None else first if second is None else add(first, second)
