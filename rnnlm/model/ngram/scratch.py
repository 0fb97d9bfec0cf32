"""Arrays that may be larger than memory, in files of a temporary directory."""

import itertools
import mmap
import os
import weakref
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rnnlm.available import process_memory

_ZEROS = bytes(2**20)


BLOCK = 2**18  # entries handled at once where an array is read from end to end
_BUCKET = 2**21
_SORTING = 60  # bytes for an entry that is sorted
_FULL = 0.7  # of the memory from which on pages are given back


class Scratch:
    """Creates arrays in files of `directory`, so that the system can page them out.

    Pages of files that were read or written stay in memory as long as there is room. With a `memory`, in bytes, they
    are given back to the system where the whole program would take more; what was written is kept in the file.
    """

    def __init__(self, directory: Path, memory: int | None = None, threads: int = 1) -> None:
        self._directory, self._numbers = directory, itertools.count(1)  # also for several threads
        self.memory, self.threads = memory, threads
        self._maps: list[weakref.ref[mmap.mmap]] = []

    def array(self, length: int, dtype: Any) -> NDArray[Any]:
        """(length,) zeros. Disk space is reserved now: a full disk is an OSError here, not a crash on a later write."""
        if length == 0:
            return np.empty(0, dtype)
        path = self._path()
        with path.open("wb") as file:
            _reserve(file, length * np.dtype(dtype).itemsize)
        return self.mapped(np.memmap(path, dtype, "r+", shape=(length,)))

    def growing(self, dtype: Any) -> "Growing":
        """An array whose length is not known in advance."""
        return Growing(self._path(), np.dtype(dtype), self)

    def mapped(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same array, whose pages may be given back if it is the memory map of a file."""
        found = getattr(array, "_mmap", None)
        if self.memory is not None and found is not None:
            self._maps = [each for each in self._maps if each() is not None]
            self._maps.append(weakref.ref(found))
        return array

    @property
    def bucket(self) -> int:
        """Entries sorted together."""
        each = _BUCKET if self.memory is None else self.memory // (self.threads + 1) // 4 // _SORTING
        return min(max(each, 2**16), _BUCKET)

    def relieve(self) -> None:
        """Give pages back if the program is near its memory; called where a block of an array is done."""
        if self.memory is None or not hasattr(mmap, "MADV_DONTNEED") or process_memory() < _FULL * self.memory:
            return
        for each in self._maps:
            found = each()
            if found is not None:
                found.madvise(mmap.MADV_DONTNEED)

    def _path(self) -> Path:
        return self._directory / f"{next(self._numbers)}.array"


class Growing:
    """An array that is written block by block."""

    def __init__(self, path: Path, dtype: np.dtype[Any], scratch: Scratch) -> None:
        self._path, self._dtype, self._length, self._scratch = path, dtype, 0, scratch
        path.write_bytes(b"")

    def append(self, values: NDArray[Any]) -> None:
        """Append values (n,)."""
        if len(values):
            with self._path.open("ab") as file:
                file.write(np.ascontiguousarray(values, self._dtype).data)
        self._length += len(values)

    def finished(self) -> NDArray[Any]:
        """All values; nothing may be appended after this."""
        if not self._length:
            return np.empty(0, self._dtype)
        return self._scratch.mapped(np.memmap(self._path, self._dtype, "r+", shape=(self._length,)))


def _reserve(file: BinaryIO, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for _ in range(size // len(_ZEROS)):
        file.write(_ZEROS)
    file.write(_ZEROS[: size % len(_ZEROS)])
