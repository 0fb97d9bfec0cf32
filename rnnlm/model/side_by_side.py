"""Pieces of work side by side, each with its share of the processor's threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from rnnlm.model.device import using_threads

Result = TypeVar("Result")


class SideBySide:
    """Threads that run pieces of work in parallel; they are made when there is a second piece."""

    def __init__(self) -> None:
        self._others: ThreadPoolExecutor | None = None

    def run(self, parts: Sequence[Callable[[], Result]]) -> list[Result]:
        """The results of the parts, in order. The first runs in the calling thread; all have ended when this returns.

        Exceptions of the parts are raised.
        """
        first, *rest = parts
        if not rest or torch.get_num_threads() == 1:
            return [part() for part in parts]
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
