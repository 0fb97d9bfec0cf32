"""Blocks through several processes or threads, in order: an artifact has the same bytes with any number of them.

The processes are those of the standard library's pool. They are spawned, import no torch, and end with their parent,
however that ends.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Generic, TypeVar
from uuid import uuid4

from rnnlm.errors import SIGNALS, OutOfMemoryError

LEAST = 2**24  # bytes; a worker takes as long to start as reading a few megabytes
_AHEAD = 4  # blocks for each worker that are read before they are needed

Item = TypeVar("Item")
Rest = TypeVar("Rest")
Result = TypeVar("Result")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """Worker processes, which start when there is enough to do, for one stage after the other.

    Close it, or use it in a `with` statement.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._executor: ProcessPoolExecutor | None = None
        self._others = set(active_children())

    @property
    def started(self) -> bool:
        """Whether the processes run."""
        return self._executor is not None

    def submit(self, key: str, make: Callable[..., Any], arguments: tuple[Any, ...], block: bytes) -> Future[Any]:
        """`make(*arguments)(block)` in a worker, which makes the function once for each `key` in a row."""
        if self._executor is None:
            self._executor = ProcessPoolExecutor(self.processes, get_context("spawn"), initializer=_begin)
        return self._executor.submit(_done, key, make, arguments, block)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is None:
            return
        if error is not None:
            for child in set(active_children()) - self._others:
                child.kill()
        self._executor.shutdown(cancel_futures=True)


class Workers(Generic[Result]):
    """`make(*arguments)` is a function of a block; without a pool, or with little to do, it is called here.

    `make` is a class or function of a module. Its arguments go with every block, so that they should be quick to copy.
    """

    def __init__(
        self, make: Callable[..., Callable[[bytes], Result]], *arguments: Any, pool: Pool | None = None
    ) -> None:
        self._make, self._arguments, self._pool = make, arguments, pool
        self._key = uuid4().hex
        self._here: Callable[[bytes], Result] | None = None

    def map(self, blocks: Iterable[tuple[bytes, Rest]], size: int) -> Iterator[tuple[Result, Rest]]:
        """The result for each block, with what came with it; `size` is the number of bytes of all of them.

        Raises what the function raises; OutOfMemoryError if a process is killed, as the system does without memory.
        """
        if self._pool is not None and self._pool.processes > 1 and (size >= LEAST or self._pool.started):
            yield from self._side_by_side(self._pool, blocks)
            return
        self._here = self._here or self._make(*self._arguments)
        for block, rest in blocks:
            yield self._here(block), rest

    def _side_by_side(self, pool: Pool, blocks: Iterable[tuple[bytes, Rest]]) -> Iterator[tuple[Result, Rest]]:
        waiting: deque[tuple[Future[Result], Rest]] = deque()
        try:
            for block, rest in blocks:
                waiting.append((pool.submit(self._key, self._make, self._arguments, block), rest))
                if len(waiting) > _AHEAD * pool.processes:
                    first, its = waiting.popleft()
                    yield first.result(), its
            while waiting:
                first, its = waiting.popleft()
                yield first.result(), its
        except BrokenProcessPool:
            raise OutOfMemoryError("a worker process was killed, as when memory runs out", "use --threads 1") from None


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[tuple[Item, Result]]:
    """Each item with `work(item)`, in order, some of them done ahead: for NumPy, which lets other threads run."""
    if threads == 1:
        yield from ((item, work(item)) for item in items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > threads:
                first, done = waiting.popleft()
                yield first, done.result()
        yield from ((item, done.result()) for item, done in waiting)


_made: dict[str, Callable[[bytes], Any]] = {}  # in a worker, the function of the stage


def _begin() -> None:
    """The start of a worker. Signals go to the parent, which lets it end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # a worker is one core
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _done(key: str, make: Callable[..., Any], arguments: tuple[Any, ...], block: bytes) -> Any:
    if key not in _made:
        _made.clear()
        _made[key] = make(*arguments)
    return _made[key](block)
