"""Arrays on disk: `.npy` files written as a stream and read as memory maps, and safetensors; nothing pickled.

A header may claim any size, so it is checked against the length of the file before anything is allocated.
"""

import contextlib
import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
import safetensors.numpy
from numpy.lib import format as npy
from numpy.typing import NDArray
from safetensors import SafetensorError

from rnnlm.artifacts import durable
from rnnlm.errors import ArtifactError

_HEADER = 128
_FORMATS = [np.dtype(code) for code in ("<u8", "<i8", "<f8", "<f4", "<u4", "<i4", "<f2", "<u2", "<i2", "i1", "u1", "?")]
Array = NDArray[Any]
Floats = NDArray[np.float64]
Tensors = Mapping[str, NDArray[Any]]


class NpyWriter:
    """Appends rows to a `.npy` file whose number of rows is not known in advance."""

    def __init__(self, file: BinaryIO, dtype: np.dtype[Any], row: tuple[int, ...] = ()) -> None:
        self._file, self._dtype, self._row = file, dtype, row
        self.rows = 0
        file.write(b"\0" * _HEADER)

    def append(self, values: Array) -> None:
        """Append values of shape (n, *row)."""
        block = np.ascontiguousarray(values, dtype=self._dtype)
        self._file.write(block.data if block.size else b"")
        self.rows += len(block)

    def close(self) -> None:
        """Write the header for the rows written, padded to the space reserved for it."""
        fields = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": (self.rows, *self._row)}
        text = repr(fields).encode("latin1")
        room = _HEADER - 10
        assert len(text) < room
        self._file.seek(0)
        self._file.write(npy.magic(1, 0) + room.to_bytes(2, "little") + text.ljust(room - 1) + b"\n")
        self._file.seek(0, 2)


@contextlib.contextmanager
def npy_writer(path: Path, dtype: Any, row: tuple[int, ...] = ()) -> Iterator[NpyWriter]:
    """A durable `.npy` file of shape (rows, *row), written in pieces."""
    with durable(path) as file:
        writer = NpyWriter(file, np.dtype(dtype), row)
        yield writer
        writer.close()


def write_npy(path: Path, array: Array) -> None:
    """Write a whole array durably."""
    with npy_writer(path, array.dtype, array.shape[1:]) as writer:
        writer.append(array)


def open_npy(path: Path, *, kinds: str, dimensions: int, remedy: str) -> Array:
    """A read-only memory map of a `.npy` file.

    `kinds` are the dtype kinds allowed ('ui', 'f'). Raises ArtifactError when the file is missing or damaged, claims
    more than it holds, or holds something else.
    """
    try:
        with path.open("rb") as file, warnings.catch_warnings(action="error"):
            version = npy.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"version {version} of the format")
            shape, fortran, dtype = npy.read_array_header_1_0(file)
            start = file.tell()
            file.seek(0, 2)
            length = file.tell() - start
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}", remedy) from None
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError, TokenError, Warning) as error:
        raise ArtifactError(f"{path} is damaged ({error})", remedy) from None
    wanted = dtype.itemsize
    for size in shape:
        wanted *= size
    if fortran or dtype.kind not in kinds or len(shape) != dimensions or min(shape, default=0) < 0 or wanted != length:
        raise ArtifactError(f"{path} is damaged (shape {shape} of {dtype} in {length} bytes)", remedy)
    if wanted == 0:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape)


def write_tensors(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> str:
    """Write named arrays as safetensors, durably; the SHA-256 of the file.

    The bytes equal those of the format's own writer (widest types first, then by name), but tensors are written one
    by one, so that no second copy of all of them is made.
    """
    order = sorted(tensors, key=lambda name: (_FORMATS.index(tensors[name].dtype), name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    end = 0
    for name in order:
        array = tensors[name]
        start, end = end, end + array.nbytes
        kind = "BOOL" if array.dtype == bool else f"{array.dtype.kind.upper()}{8 * array.dtype.itemsize}"
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    with durable(path) as file:

        def write(part: bytes | memoryview) -> None:
            file.write(part)
            digest.update(part)

        write(len(text).to_bytes(8, "little") + text)
        for name in order:
            write(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def read_tensors(path: Path, *, remedy: str) -> dict[str, Array]:
    """The named arrays of a safetensors file; ArtifactError when it is missing or damaged."""
    try:
        return safetensors.numpy.load(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}", remedy) from None
    except (SafetensorError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise ArtifactError(f"{path} is damaged ({error})", remedy) from None
