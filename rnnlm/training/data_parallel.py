"""A batch in parts, by columns, each computed by one core.

Cores that share a matrix product wait for one another at every step of a recurrence; parts of a batch synchronize once,
when their gradients are added. On two cores with AVX2 that is 1.03 to 1.28 times as fast (`benchmarks/parts.py`).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from rnnlm.model.device import using_threads

# Minimum columns of a part: with 16 on each of two cores 0.94 to 1.16 times as fast; fewer were not tested.
_COLUMNS = 16

Result = TypeVar("Result")


def parts_of(width: int, threads: int) -> list[slice]:
    """The columns of a batch of `width` in parts of nearly equal size, to be divided evenly among `threads`."""
    count = max(n for n in range(1, threads + 1) if threads % n == 0 and n * _COLUMNS <= max(width, _COLUMNS))
    if count == 1:
        return [slice(None)]
    return [slice(width * n // count, width * (n + 1) // count) for n in range(count)]


class DataParallel:
    """Threads that run the parts of a step in parallel and divide the processor's threads among them."""

    def __init__(self) -> None:
        self._others: ThreadPoolExecutor | None = None

    def run(self, parts: Sequence[Callable[[], Result]]) -> list[Result]:
        """The results of the parts, in order. The first runs in the calling thread; all have ended when this returns.

        Exceptions of the parts are raised.
        """
        first, *rest = parts
        if not rest:
            return [first()]
        if self._others is None:
            self._others = ThreadPoolExecutor(torch.get_num_threads())
        threads = max(1, torch.get_num_threads() // len(parts))

        def limited(part: Callable[[], Result]) -> Result:
            torch.set_num_threads(threads)
            return part()

        with using_threads(threads):
            others = [self._others.submit(limited, part) for part in rest]
            try:
                done = first()
            finally:
                wait(others)
        return [done, *(other.result() for other in others)]
