"""CSV, TSV and Parquet files as blocks of numbers and codes.

A file is read twice in bounded memory: once to learn what each column holds, once for the values. pyarrow splits
files into cells; the standard library finds the line that an error names. What a column is: `columns.py`.
"""

import contextlib
import csv
import gzip
import itertools
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.compressed import expanded
from rnnlm.corpus.sources import SNIFFED, delimiter_of
from rnnlm.errors import InputError
from rnnlm.tables.columns import Seen, known
from rnnlm.tables.forms import Form, NumberForm, number_forms
from rnnlm.tables.table import Column, ColumnKind

_BYTES = 8 * 2**20
_ROWS = 2**16
_TEXTS = 2**20
_EXPANSION = 200  # largest decompression ratio of more than 64 MB
_MICROSECONDS = 1e6
Arrays = list[Any]  # a block of a file: for each column an arrow array of numbers, time stamps or texts
Block = tuple[NDArray[np.float64], NDArray[np.int32]]  # (n, number and date columns), (n, text columns)


def open_text_table(path: Path, delimiter: str | None) -> "ArrowSource":
    """A file of text with a header and a `delimiter`, by default the one that it has; InputError for no such table."""
    with _explained(path):
        if path.name.lower().endswith(".gz"):
            _refuse_bomb(path)
        if delimiter is None:
            with _decoded(path), _open_text(path) as file:
                delimiter = delimiter_of(list(itertools.islice(_bounded(file, path), SNIFFED)))
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
        where = partial(_line_of, path, delimiter, len(names))
        return _scanned(path, shown, read, where, number_forms(delimiter))


def open_parquet(path: Path) -> "ArrowSource":
    """A Parquet file; InputError for one that cannot be read, or holds lists, records or bytes."""
    with _explained(path):
        from pyarrow import parquet  # noqa: PLC0415

        names: list[str] = parquet.read_schema(str(path)).names
        _refuse_twins(path, names)

        def read() -> Iterator[Arrays]:
            with parquet.ParquetFile(str(path)) as file:
                for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
                    yield [_plain(array, path, name) for array, name in zip(batch.columns, names, strict=True)]

        return _scanned(path, names, read, lambda row: f"row {row + 1:,}", number_forms(","))


@dataclass
class ArrowSource:
    """A file after its first reading: the names and kinds of its columns, and how to read the values.

    `forms` are those of columns of numbers or dates that the file has as text; `readings` are other ones than plain
    numbers and ISO dates in words: "volume: '1,000' is read as 1000".
    """

    path: Path
    names: list[str]
    kinds: list[ColumnKind]
    forms: list[Form | None]
    strays: list[tuple[str, str] | None]
    readings: list[str]
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
                columns = list(enumerate(zip(arrays, self.kinds, self.forms, strict=True)))
                numbers = [_numbers(array, form) for _, (array, kind, form) in columns if kind != "text"]
                codes = [self._codes(array, index) for index, (array, kind, _) in columns if kind == "text"]
                rows = len(arrays[0])
                yield (
                    np.stack(numbers, 1) if numbers else np.empty((rows, 0)),
                    np.stack(codes, 1) if codes else np.empty((rows, 0), np.int32),
                )

    def _codes(self, array: Any, index: int) -> NDArray[np.int32]:
        encoded = known(array).dictionary_encode()
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


def _refuse_bomb(path: Path) -> None:
    """InputError for a file that expands beyond all measure, before it fills memory and disk."""
    try:
        with path.open("rb") as packed:
            deque(expanded(packed, str(path), _EXPANSION, _BYTES), maxlen=0)
    except InputError as error:
        raise InputError(error.message, "fetch it again, or give it uncompressed") from None


def _header(path: Path, delimiter: str) -> tuple[list[str], int]:
    """The names of the columns as written in the file, and the number of empty lines before them."""
    rows = _text_rows(path, delimiter)
    line, names = next(rows, (0, []))
    if not names:
        raise InputError(f"{path} is empty", "give a table with a header and rows")
    if next(rows, None) is None:
        raise InputError(f"{path} has a header and no rows", "give a table with rows")
    _refuse_twins(path, [name.strip() for name in names])
    return names, line - 1


def _refuse_twins(path: Path, names: list[str]) -> None:
    twice = next((name for name, count in Counter(filter(None, names)).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{path} has two columns named {twice!r}", "rename one of them")


def _text_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row that is not empty, for the header and for messages."""
    with _decoded(path), _open_text(path) as file:
        reader = csv.reader(_bounded(file, path), delimiter=delimiter)
        for cells in reader:
            if cells:
                yield reader.line_num, cells


@contextlib.contextmanager
def _decoded(path: Path) -> Iterator[None]:
    """InputErrors for what is no table of text."""
    try:
        yield
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


def _scanned(
    path: Path,
    names: list[str],
    read: Callable[[], Iterator[Arrays]],
    where: Callable[[int], str],
    numbers: tuple[NumberForm, ...],
) -> ArrowSource:
    """A source after its first reading; `where` names the position of a row in the file."""
    seen = [Seen(dict.fromkeys(numbers, 0)) for _ in names]
    rows = 0
    for arrays in read():
        for column, array in zip(seen, arrays, strict=True):
            column.add(array, rows)
        rows += len(arrays[0])
    if not rows:
        raise InputError(f"{path} has no rows", "give a table with rows")
    strays = [None if column.stray is None else (where(column.stray[0]), column.stray[1]) for column in seen]
    readings = [f"{name}: {column.reading}" for name, column in zip(names, seen, strict=True) if column.reading]
    kinds, forms = [column.kind for column in seen], [column.form for column in seen]
    return ArrowSource(path, names, kinds, forms, strays, readings, read)


def _numbers(array: Any, form: Form | None) -> NDArray[np.float64]:
    """(n,) numbers, or seconds since 1970; NaN where missing."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import types  # noqa: PLC0415

    if types.is_string(array.type):
        assert form is not None
        array = form.read(known(array))
    if types.is_timestamp(array.type):
        array = array.cast(pa.int64()).cast(pa.float64(), safe=False)
        return np.asarray(array.to_numpy(zero_copy_only=False), np.float64) / _MICROSECONDS
    return np.asarray(array.to_numpy(zero_copy_only=False), np.float64)
