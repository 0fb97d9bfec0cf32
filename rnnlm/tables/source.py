"""Where a table comes from: a file, or a directory of arrays of frames; read in blocks, in memory or into a workspace.

What a CSV or Parquet file holds is read in `arrow.py`. What the columns mean is not known here.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tokenize import TokenError
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from rnnlm.arrays import npy_writer
from rnnlm.artifacts import sha256_bytes, sha256_file, write_json
from rnnlm.errors import InputError, UsageError
from rnnlm.files import is_regular
from rnnlm.tables.arrow import Block, open_parquet, open_text_table
from rnnlm.tables.table import CODES, DESCRIPTION, NUMBERS, Column, Table, describe
from rnnlm.workspace import Workspace

_SEQUENCE_COLUMN = "file"
_ROWS = 2**16
_DAMAGED = (ValueError, EOFError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError, OverflowError)


class Source(Protocol):
    """A table that can be read: `columns` are complete once `blocks` has been read."""

    name: str
    sequence_column: str | None
    widths: tuple[int, int]  # number and date columns, text columns
    readings: list[str]  # forms of numbers and dates that could be read in another way, in words

    def columns(self) -> tuple[Column, ...]:
        """The columns in the order of the file."""

    def blocks(self) -> Iterator[Block]:
        """The rows, some thousand at a time."""


def read_table(path: Path) -> Table:
    """The table of a file, or of a directory of `.npy` files, in memory.

    Raises InputError for what is not there, cannot be read as what its name says, or is no table.
    """
    source = _find(path)
    parts = list(source.blocks())
    numbers, codes = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    return Table(source.name, source.columns(), numbers, codes, source.sequence_column)


def describe_source(path: Path) -> tuple[tuple[Column, ...], list[str], int, list[str]]:
    """The columns of a table, how its numbers and dates are read, its rows, and the columns of numbers or dates that
    do not increase from each row to the next; InputError as `read_table`.
    """
    source = _find(path)
    rows, falls, last = 0, np.zeros(source.widths[0], bool), np.full((1, source.widths[0]), -np.inf)
    for numbers, _ in source.blocks():
        falls |= ~(np.diff(numbers, axis=0, prepend=last) > 0).all(0)
        rows, last = rows + len(numbers), numbers[-1:] if len(numbers) else last
    columns = source.columns()
    ordered = [column.name for column in columns if column.kind != "text"]
    return columns, source.readings, rows, [name for name, fall in zip(ordered, falls, strict=True) if fall]


def write_table(path: Path, directory: Path) -> dict[str, Any]:
    """Fill a `table` stage from a file, or from a directory of `.npy` files, in bounded memory; the report.

    Raises InputError as `read_table` does.
    """
    source = _find(path)
    with (
        npy_writer(directory / NUMBERS, np.float64, source.widths[:1]) as numbers,
        npy_writer(directory / CODES, np.int32, source.widths[1:]) as codes,
    ):
        for number_block, code_block in source.blocks():
            numbers.append(number_block)
            codes.append(code_block)
    columns = source.columns()
    write_json(directory / DESCRIPTION, describe(source.name, columns, source.sequence_column))
    kinds = {column.name: column.kind for column in columns}
    return {"rows": numbers.rows, "columns": kinds, "readings": list(source.readings)}


def table_digest(path: Path) -> str:
    """A digest of the bytes of a table's file or files, and of the files' names; InputError when they are not there."""
    try:
        if not path.is_dir():
            return sha256_file(_regular(path))
        digest = hashlib.sha256()
        for each in sorted(path.glob("*.npy")):
            digest.update(f"{sha256_file(_regular(each))} {sha256_bytes(each.name.encode())}\n".encode())
        return digest.hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "check the path of the table") from None


def _find(path: Path) -> Source:
    """The source that a path names, by the ending of its name."""
    if not path.exists():
        raise InputError(f"{path} does not exist", "check the path of the table")
    name = path.name.lower()
    if not path.is_dir():
        _regular(path)
    if path.is_dir() or name.endswith(".npy"):
        return _FrameSource(path)
    if name.endswith((".csv", ".csv.gz")):
        return open_text_table(path, None)
    if name.endswith((".tsv", ".tsv.gz")):
        return open_text_table(path, "\t")
    if name.endswith(".parquet"):
        return open_parquet(path)
    raise InputError(f"{path} is no kind of table", "give a .csv, .tsv, .csv.gz or .parquet file, or .npy files")


def _regular(path: Path) -> Path:
    """The same path; InputError for a device or a pipe, which cannot be read twice."""
    if not is_regular(path):
        raise InputError(f"{path} is a device or a pipe", "a table is read twice: save it as a file first")
    return path


class _FrameSource:
    """Arrays of frames (T, F) in the order of their names, a sequence each; the last column names the file."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.readings: list[str] = []
        self.sequence_column: str | None = _SEQUENCE_COLUMN
        self._files = sorted(path.glob("*.npy")) if path.is_dir() else [path]
        if not self._files:
            raise InputError(f"{path} holds no .npy file", "name a table, or a directory of .npy files")
        width = _open_frames(self._files[0]).shape[1]
        for each in self._files[1:]:
            other = _open_frames(each).shape[1]
            if other != width:
                raise InputError(
                    f"{each} has {other} numbers in a frame, and {self._files[0].name} {width}",
                    "give frames of one size",
                )
        self.widths = (width, 1)

    def columns(self) -> tuple[Column, ...]:
        """A column for each number of a frame, by its index, and the file's name."""
        frames = (Column(str(index), "number") for index in range(self.widths[0]))
        return (*frames, Column(_SEQUENCE_COLUMN, "text", tuple(path.name for path in self._files)))

    def blocks(self) -> Iterator[Block]:
        """The frames of each file."""
        for index, path in enumerate(self._files):
            frames = _open_frames(path)
            for first in range(0, len(frames), _ROWS):
                block = np.asarray(frames[first : first + _ROWS], np.float64)
                yield block, np.full((len(block), 1), index, np.int32)


def _open_frames(path: Path) -> NDArray[Any]:
    """A memory map (T, F) of numbers; a file of shape (T,) has one number in a frame."""
    remedy = "write it again with numpy.save"
    try:
        with _regular(path).open("rb") as file:
            npy.read_magic(file)  # numpy would also open an archive of arrays
        array: NDArray[Any] = np.load(path, mmap_mode="r")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or 'no array'}", remedy) from None
    except (*_DAMAGED, TokenError) as error:
        raise InputError(f"{path} is damaged ({error})", remedy) from None
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or 0 in array.shape:
        raise InputError(f"{path} holds {array.dtype} of shape {array.shape}", "give numbers (T,) or (T, F), T above 0")
    return array[:, None] if array.ndim == 1 else array


def read_into(workspace: Workspace, path: Path, notice: Callable[[str], None], *, force: bool) -> bool:
    """Read a table into the workspace's `table` stage, unless it is what the workspace holds already.

    Whether it replaces another table, whose settings are forgotten then; UsageError for that without `force`. A notice
    says how numbers and dates were read that could be read in another way.
    """
    digest = table_digest(path)
    manifest = None if force and workspace.state("table") != "current" else workspace.manifest("table")
    replaced = manifest is not None and manifest.settings.get("source_sha256") != digest
    if replaced and not force:
        raise UsageError(
            f"{workspace.path} is the workspace of another table",
            "name another directory with --out, or replace the table with --force",
        )
    source = {"source_sha256": digest}
    built = workspace.build("table", source, lambda directory: write_table(path, directory), force=force)
    if built.fresh and (readings := built.manifest.report["readings"]):
        notice(f"{path.name}: {'; '.join(readings)}")
    if replaced:
        workspace.record({"window": {}})
    return replaced
