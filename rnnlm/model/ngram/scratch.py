"""Arrays that may be larger than memory, in files of a temporary directory."""

import itertools
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_ZEROS = bytes(2**20)


class Scratch:
    """Creates arrays in files of `directory`, so that the system can page them out."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._numbers = directory, itertools.count(1)  # also for several threads

    def array(self, length: int, dtype: Any) -> NDArray[Any]:
        """(length,) zeros. Disk space is reserved now: a full disk is an OSError here, not a crash on a later write."""
        if length == 0:
            return np.empty(0, dtype)
        path = self._path()
        with path.open("wb") as file:
            _reserve(file, length * np.dtype(dtype).itemsize)
        return np.memmap(path, dtype, "r+", shape=(length,))

    def growing(self, dtype: Any) -> "Growing":
        """An array whose length is not known in advance."""
        return Growing(self._path(), np.dtype(dtype))

    def _path(self) -> Path:
        return self._directory / f"{next(self._numbers)}.array"


class Growing:
    """An array that is written block by block."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._path, self._dtype, self._length = path, dtype, 0
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
        return np.memmap(self._path, self._dtype, "r+", shape=(self._length,))


def _reserve(file: BinaryIO, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for _ in range(size // len(_ZEROS)):
        file.write(_ZEROS)
    file.write(_ZEROS[: size % len(_ZEROS)])
