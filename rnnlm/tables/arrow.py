"""CSV, TSV and Parquet files as blocks of numbers and codes; what counts as a number, a date or missing.

A file is read twice in bounded memory: once to learn what each column holds, once for the values. pyarrow splits
files into cells; the standard library finds the line that an error names.
"""

import contextlib
import csv
import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from rnnlm.errors import InputError
from rnnlm.tables.table import Column, ColumnKind

MISSING = ("", "na", "n/a", "nan", "null", "?", "-")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_BYTES = 8 * 2**20
_ROWS = 2**16
_TEXTS = 2**20
_MICROSECONDS = 1e6
Arrays = list[Any]  # a block of a file: for each column an arrow array of numbers, time stamps or texts
Block = tuple[NDArray[np.float64], NDArray[np.int32]]  # (n, number and date columns), (n, text columns)


def open_text_table(path: Path, delimiter: str) -> "ArrowSource":
    """A file of delimited text with a header; InputError for one that is no such table."""
    with _explained(path):
        names, lead = _header(path, delimiter)

        def read() -> Iterator[Arrays]:
            import pyarrow as pa  # noqa: PLC0415
            from pyarrow import csv as arrow_csv  # noqa: PLC0415

            try:
                reader = arrow_csv.open_csv(
                    str(path),
                    read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BYTES, skip_rows=lead),
                    # In a table of one column an empty line is a missing value, in others it is no row.
                    parse_options=arrow_csv.ParseOptions(
                        delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1
                    ),
                    convert_options=arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()), null_values=[], strings_can_be_null=False
                    ),
                )
                for batch in reader:
                    yield batch.columns
            except pa.ArrowInvalid as error:
                raise _bad_text(path, delimiter, len(names), error) from None

        shown = [name.strip() or f"column_{index}" for index, name in enumerate(names, 1)]
        return _scanned(path, shown, read, lambda row: _line_of(path, delimiter, len(names), row))


def open_parquet(path: Path) -> "ArrowSource":
    """A Parquet file; InputError for one that cannot be read, or holds lists, records or bytes."""
    with _explained(path):
        from pyarrow import parquet  # noqa: PLC0415

        names: list[str] = parquet.read_schema(str(path)).names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{path} has two columns named {twice!r}", "rename one of them")

        def read() -> Iterator[Arrays]:
            with parquet.ParquetFile(str(path)) as file:
                for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
                    yield [_plain(array, path, name) for array, name in zip(batch.columns, names, strict=True)]

        return _scanned(path, names, read, lambda row: f"row {row + 1:,}")


@dataclass
class ArrowSource:
    """A file after its first reading: the names and kinds of its columns, and how to read the values."""

    path: Path
    names: list[str]
    kinds: list[ColumnKind]
    strays: list[tuple[str, str] | None]
    read: Callable[[], Iterator[Arrays]]
    sequence_column: str | None = None
    _values: list[dict[str, int]] = field(default_factory=list)  # the texts of each column, read by `blocks`

    def __post_init__(self) -> None:
        self.name = self.path.name
        texts = self.kinds.count("text")
        self.widths = (len(self.kinds) - texts, texts)
        self._values = [{} for _ in self.names]

    def columns(self) -> tuple[Column, ...]:
        """The columns in the order of the file, with the texts that `blocks` has read."""
        parts = zip(self.names, self.kinds, self._values, self.strays, strict=True)
        return tuple(Column(name, kind, tuple(values), stray) for name, kind, values, stray in parts)

    def blocks(self) -> Iterator[Block]:
        """The rows, a block of the file at a time."""
        with _explained(self.path):
            for arrays in self.read():
                columns = list(enumerate(zip(arrays, self.kinds, strict=True)))
                numbers = [_numbers(array, kind) for _, (array, kind) in columns if kind != "text"]
                codes = [self._codes(array, index) for index, (array, kind) in columns if kind == "text"]
                rows = len(arrays[0])
                yield (
                    np.stack(numbers, 1) if numbers else np.empty((rows, 0)),
                    np.stack(codes, 1) if codes else np.empty((rows, 0), np.int32),
                )

    def _codes(self, array: Any, index: int) -> NDArray[np.int32]:
        encoded = _known(array).dictionary_encode()
        values = self._values[index]
        met = [values.setdefault(text, len(values)) for text in encoded.dictionary.to_pylist()]
        if len(values) > _TEXTS:
            raise InputError(
                f"{self.path}: column {self.names[index]} holds more than {_TEXTS:,} different texts",
                "write the table without it",
            )
        indices = encoded.indices.fill_null(len(met)).to_numpy(zero_copy_only=False)
        return np.asarray(np.array([*met, -1], np.int32)[indices])


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of pyarrow and of the disk into one-line InputErrors."""
    try:
        import pyarrow as pa  # noqa: PLC0415
    except ImportError:
        raise InputError(f"{path} needs the pyarrow package", "pip install 'rnnlm[tables]'") from None
    try:
        yield
    except pa.ArrowException as error:
        raise InputError(f"cannot read {path}: {_first_line(error)}", "fix the file") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or _first_line(error)
        raise InputError(f"cannot read {path}: {reason}", "fetch or write it again") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _header(path: Path, delimiter: str) -> tuple[list[str], int]:
    """The names of the columns as written in the file, and the number of empty lines before them."""
    rows = _text_rows(path, delimiter)
    line, names = next(rows, (0, []))
    if not names:
        raise InputError(f"{path} is empty", "give a table with a header and rows")
    if next(rows, None) is None:
        raise InputError(f"{path} has a header and no rows", "give a table with rows")
    stripped = [name.strip() for name in names]
    for index, name in enumerate(stripped):
        if name and name in stripped[:index]:
            raise InputError(f"{path} has two columns named {name!r}", "rename one of them")
    return names, line - 1


def _text_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row that is not empty, for the header and for messages."""
    try:
        with _open_text(path) as file:
            reader = csv.reader(_bounded(file, path), delimiter=delimiter)
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8", f"convert it first, as in: iconv -f LATIN1 -t UTF-8 {path}") from None
    except csv.Error as error:
        raise InputError(f"{path} is no table of text: {error}", "fix the file") from None


def _bounded(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file; InputError for one over 8 MB, since a compressed file can hold lines of any length."""
    for line in iter(lambda: file.readline(_BYTES), ""):
        if len(line) == _BYTES and not line.endswith("\n"):
            raise InputError(f"{path} has a line of more than {_BYTES:,} characters", "give a table, a row a line")
        yield line


def _open_text(path: Path) -> TextIO:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _bad_text(path: Path, delimiter: str, width: int, error: Exception) -> InputError:
    """What pyarrow refused, with its line where that can be found."""
    for line, cells in _text_rows(path, delimiter):
        if len(cells) != width:
            return InputError(
                f"{path}, line {line:,}: {len(cells)} values where the header names {width} columns", "fix the row"
            )
    return InputError(f"cannot read {path}: {_first_line(error)}", "fix the file")


def _line_of(path: Path, delimiter: str, width: int, row: int) -> str:
    """The line of a row of the table, rows counted from 0."""
    rows = _text_rows(path, delimiter)
    if width == 1:  # an empty line is a row too
        return f"line {next(rows)[0] + 1 + row:,}"
    return f"line {next(itertools.islice(rows, row + 1, None))[0]:,}"


def _plain(array: Any, path: Path, name: str) -> Any:
    """A column of a typed file as float64, time stamps or text."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import types  # noqa: PLC0415

    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if types.is_null(kind) or types.is_boolean(kind):
        return array.cast(pa.int8()).cast(pa.float64())
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return array.cast(pa.float64(), safe=False)
    if types.is_timestamp(kind) or types.is_date(kind):
        return array.cast(pa.timestamp("us"), safe=False)
    if types.is_string(kind) or types.is_large_string(kind):
        return array.cast(pa.string())
    raise InputError(f"{path}: column {name} holds values of type {kind}", "write the table without it")


@dataclass
class _Seen:
    """What the first reading learns of a column."""

    known: int = 0
    numbers: int = 0
    typed: ColumnKind | None = None  # the kind of a column that is no text in the file
    zones: tuple[str | None, ...] = (None, "UTC")  # the forms of date that all values so far have
    stray: tuple[int, str] | None = None  # the first value that is no number, and its row

    def add(self, array: Any, first_row: int) -> None:
        """Take in a block that begins at `first_row`."""
        from pyarrow import compute, types  # noqa: PLC0415

        if not types.is_string(array.type):
            self.typed = "date" if types.is_timestamp(array.type) else "number"
            return
        known = _known(array)
        number = compute.match_substring_regex(known, _NUMBER)
        self.known += len(known) - known.null_count
        self.numbers += number.true_count
        if number.true_count:  # no ISO date is a number, and trying them all takes most of the time of reading
            self.zones = ()
        self.zones = tuple(zone for zone in self.zones if _dates(known, zone) is not None)
        if self.stray is None and number.false_count:
            index = number.index(False).as_py()
            self.stray = first_row + index, known[index].as_py()

    @property
    def kind(self) -> ColumnKind:
        """The kind that every known value has; that of a column without any is number."""
        if self.typed is not None:
            return self.typed
        if self.numbers == self.known:
            return "number"
        return "date" if self.zones else "text"


def _scanned(
    path: Path, names: list[str], read: Callable[[], Iterator[Arrays]], where: Callable[[int], str]
) -> ArrowSource:
    """A source after its first reading; `where` names the position of a row in the file."""
    seen = [_Seen() for _ in names]
    rows = 0
    for arrays in read():
        for column, array in zip(seen, arrays, strict=True):
            column.add(array, rows)
        rows += len(arrays[0])
    if not rows:
        raise InputError(f"{path} has no rows", "give a table with rows")
    strays = [
        (where(column.stray[0]), column.stray[1])
        if column.stray is not None and column.kind == "text" and 2 * column.numbers > column.known
        else None
        for column in seen
    ]
    return ArrowSource(path, names, [column.kind for column in seen], strays, read)


def _known(array: Any) -> Any:
    """Texts without spaces at their ends, null for those in `MISSING`."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute  # noqa: PLC0415

    trimmed = compute.utf8_trim_whitespace(array)
    missing = compute.is_in(compute.utf8_lower(trimmed), value_set=pa.array(MISSING))
    return compute.if_else(missing, pa.scalar(None, pa.string()), trimmed)


def _dates(known: Any, zone: str | None) -> Any | None:
    """Texts as time stamps; None where one is no ISO date with (`zone` UTC) or without (None) an offset."""
    import pyarrow as pa  # noqa: PLC0415

    try:
        return known.cast(pa.timestamp("us", zone))
    except pa.ArrowInvalid:
        return None


def _numbers(array: Any, kind: ColumnKind) -> NDArray[np.float64]:
    """(n,) numbers, or seconds since 1970; NaN where missing."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import types  # noqa: PLC0415

    if types.is_string(array.type):
        known = _known(array)
        if kind == "date":
            plain = _dates(known, None)
            array = _dates(known, "UTC") if plain is None else plain
        else:
            array = known.cast(pa.float64())
    if types.is_timestamp(array.type):
        array = array.cast(pa.int64()).cast(pa.float64(), safe=False)
        return np.asarray(array.to_numpy(zero_copy_only=False), np.float64) / _MICROSECONDS
    return np.asarray(array.to_numpy(zero_copy_only=False), np.float64)
