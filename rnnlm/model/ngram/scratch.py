"""Arrays that may be larger than memory, as files of a directory that goes away; nothing here is an artifact."""

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_ZEROS = bytes(2**20)


class Scratch:
    """Makes arrays that live in files of `directory`, so that the system can take their pages out of memory."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._count = directory, 0

    def array(self, length: int, dtype: Any) -> NDArray[Any]:
        """(length,) zeros. The room is taken at once: a full disk is an OSError here, not a crash on a later write."""
        if length == 0:
            return np.empty(0, dtype)
        path = self._path()
        with path.open("wb") as file:
            _take_room(file, length * np.dtype(dtype).itemsize)
        return np.memmap(path, dtype, "r+", shape=(length,))

    def growing(self, dtype: Any) -> "Growing":
        """An array whose length is not known before its end."""
        return Growing(self._path(), np.dtype(dtype))

    def _path(self) -> Path:
        self._count += 1
        return self._directory / f"{self._count}.array"


class Growing:
    """Takes values one block after another, and is an array in the end."""

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
        """All values, in a file that is not written to any more."""
        if not self._length:
            return np.empty(0, self._dtype)
        return np.memmap(self._path, self._dtype, "r+", shape=(self._length,))


def _take_room(file: BinaryIO, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    for _ in range(size // len(_ZEROS)):
        file.write(_ZEROS)
    file.write(_ZEROS[: size % len(_ZEROS)])
