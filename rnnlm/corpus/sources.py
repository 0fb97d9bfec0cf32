"""Where a corpus comes from: files, directories, compressed files, JSON Lines, tables, standard input, or built in.

All of it is returned as UTF-8 text with `\\n` line ends, in blocks of bounded size, or as the rows of a table. What the
text means is not known here.
"""

import contextlib
import csv
import io
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from rnnlm.corpus.compressed import ENDINGS, expanded
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.paths import BUILTIN, BUILTIN_TEXTS, check_path
from rnnlm.corpus.settings import FIELD
from rnnlm.errors import ArtifactError, InputError
from rnnlm.files import open_input
from rnnlm.workspace import Workspace

BLOCK = 2**20
JSON_LINES = (".jsonl", ".ndjson")


def read_blocks(name: str, field: str | None, decoding: Decoding | None = None) -> Iterator[bytes]:
    """The text of one source in blocks of valid UTF-8 with `\\n` line ends, ending in a line end.

    `field` holds the text in JSON Lines; with None their records are read as is. Raises InputError for what
    does not exist, is not text, or is not what its name says.
    """
    decoding = decoding or Decoding()
    before = decoding.replaced
    if name.startswith(BUILTIN):
        yield from ((line + "\n").encode() for line in BUILTIN_TEXTS[name.removeprefix(BUILTIN)]())
        return
    try:
        with sys.stdin.buffer if name == "-" else open_input(Path(name)) as file:
            if name.endswith(ENDINGS):
                blocks = expanded(file, name, decoding.expansion, BLOCK)
            else:
                blocks = _arriving(file) if name == "-" else _read(file)
            blocks = decoding.text(blocks, name)
            if field is not None and plain_name(name).endswith(JSON_LINES):
                blocks = _json_lines(blocks, name, field, decoding)
            yield from _ended(_line_ends(blocks))
        decoding.tell(name, before)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}", "give a file that can be read") from None


def read_lines(name: str, decoding: Decoding | None = None) -> Iterator[str]:
    """The lines of one source as is, records of JSON Lines too, without their line ends."""
    for block in whole_lines(read_blocks(name, None, decoding)):
        yield from block.decode().split("\n")[:-1]


def text_blocks(name: str, decoding: Decoding | None = None) -> Iterator[bytes]:
    """One text, a file, a built-in corpus or `-`, in blocks of whole lines; InputError at once for anything else."""
    check_text(name)
    return whole_lines(read_blocks(name, FIELD, decoding))


def text_lines(name: str, decoding: Decoding | None = None) -> Iterator[str]:
    """The same line by line, without line ends."""
    blocks = text_blocks(name, decoding)
    return (line for block in blocks for line in block.decode().split("\n")[:-1])


def check_text(name: str) -> None:
    """InputError for a text, not `-`, that does not exist or is a directory."""
    if name != "-" and Path(name).is_dir():
        raise InputError(f"{name} is a directory", "name one text file")
    check_path(name)


def plain_name(name: str) -> str:
    """A file's name without the ending of its compression."""
    return re.sub(r"\.(gz|zst)$", "", name)


def _read(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(BLOCK), b"")


def _arriving(file: BinaryIO) -> Iterator[bytes]:
    """What a pipe holds as soon as it holds anything, so that its writer can wait for the answer."""
    buffered = cast(io.BufferedReader, file)
    return iter(lambda: buffered.read1(BLOCK), b"")


def _json_lines(blocks: Iterable[bytes], name: str, field: str, decoding: Decoding) -> Iterator[bytes]:
    """The field of each record; a record is a document, so a blank line follows it."""
    lines = (line for block in whole_lines(blocks) for line in block.split(b"\n"))
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)[field]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(
                f"{name}, line {number}: no JSON object with a field {field!r}", "name it with --field"
            ) from None
        if not isinstance(text, str):
            raise InputError(f"{name}, line {number}: the field {field!r} is not text", "name another with --field")
        yield decoding.line(text, f"{name}, line {number}").encode() + b"\n\n"


def _line_ends(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for block in blocks:
        block = held + block
        held = b"\r" if block.endswith(b"\r") else b""
        block = block.removesuffix(held)
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield block
    if held:
        yield b"\n"


def _ended(blocks: Iterable[bytes]) -> Iterator[bytes]:
    last = b""
    for block in blocks:
        if block:
            last = block
            yield block
    if last and not last.endswith(b"\n"):
        yield b"\n"


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text, cut at line ends alone; what follows the last line end comes last."""
    held: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*held, block[:end]])
            held = []
        if end < len(block):
            held.append(block[end:])
    if held:
        yield b"".join(held)


def line_blocks(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    """A text file of an artifact in blocks of whole lines, about `size` bytes each; a longer line makes a longer block.

    Raises ArtifactError where it is not UTF-8.
    """
    with path.open("rb") as file:
        yield from _checked_blocks(file, path, size)


def split_blocks(workspace: Workspace, split: str) -> Iterator[bytes]:
    """The raw text of a workspace's split, in the same way; ArtifactError where another corpus replaces it."""
    with contextlib.ExitStack() as stack:
        with workspace.opening("raw") as raw:
            path = raw / f"{split}.txt"
            file = stack.enter_context(path.open("rb"))
        yield from _checked_blocks(file, path, BLOCK)


def _checked_blocks(file: BinaryIO, path: Path, size: int) -> Iterator[bytes]:
    while block := file.read(size):
        block += b"" if block.endswith(b"\n") else file.readline()
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError:
                raise ArtifactError(f"{path} is damaged: it is not UTF-8", "read the corpus again") from None
        yield block


SNIFFED, _SNIFFED_BYTES = 50, 2**20  # lines read to find the separator, and their bytes
_LONGEST_FIELD = 64 * 2**20  # characters; a quote that is never closed would otherwise take the whole file
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"(?=[^\d]*\d)[\d.,:/T +-]+([eE][+-]?\d+)?%?|NA|nan|NaN")  # or a date, or missing


def delimiter_of(lines: Sequence[str]) -> str:
    """The first of comma, semicolon, tab and bar by which the first lines of a table have one number of columns.

    It must be more than one; a comma if there is no such character.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if len(lines) == SNIFFED and len(widths) > 1:
            widths.pop()  # the last row may be incomplete
        if widths and widths[0] > 1 and len(set(widths)) == 1:
            return delimiter
    return ","


def records(name: str, columns: Sequence[str], decoding: Decoding) -> Iterator[list[Any]]:
    """The values of some columns of each record of a .csv, .tsv or JSON Lines file, the first of which is text.

    Of an empty line of JSON Lines they are ''. In .tsv a quotation mark is an ordinary character. Raises InputError for
    a column that is not there.
    """
    lines = read_lines(name, decoding)
    if plain_name(name).endswith(JSON_LINES):
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line) if line.strip() else dict.fromkeys(columns, "")
                values = [record[column] for column in columns]
            except (ValueError, KeyError, TypeError, RecursionError):
                raise InputError(
                    f"{name}, line {number:,}: no JSON object with {', '.join(columns)}", "name its fields"
                ) from None
            if not isinstance(values[0], str):
                raise InputError(f"{name}, line {number:,}: the field {columns[0]!r} is not text", "name another")
            yield [decoding.line(values[0], f"{name}, line {number:,}"), *values[1:]]
        return
    rows = tsv_rows(lines) if plain_name(name).endswith(".tsv") else csv_rows(name, lines)
    _, header = next(rows, (0, []))
    header = [column.strip() for column in header]
    absent = [column for column in columns if header.count(column) != 1]
    if absent:
        raise InputError(f"{name} has the columns {', '.join(header)}, not one {absent[0]!r}", "name one of them")
    for number, row in rows:
        if len(row) != len(header):
            raise InputError(f"{name}, line {number:,}: {len(row)} columns instead of {len(header)}", "fix the line")
        yield [row[header.index(column)] for column in columns]


def tsv_rows(lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows with their numbers, columns between tabs; a quotation mark is an ordinary character."""
    return ((number, line.split("\t")) for number, line in enumerate(lines, 1) if line.strip())


def csv_rows(name: str, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their first line, columns between commas or semicolons, quoted as in RFC 4180."""
    lines = (f"{line}\n" for line in lines)
    first_lines = list(itertools.islice(lines, SNIFFED))
    rows = csv.reader(itertools.chain(first_lines, lines), delimiter=delimiter_of(first_lines), strict=True)
    first = 1
    try:
        for row in rows:
            if row:
                yield first, row
            first = rows.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{name}, line {first}: {error}", "quote fields with separators, marks or line ends in them"
        ) from None


def refuse_numbers(name: str, text: bytes) -> None:
    """InputError for a file named .csv or .tsv most of whose first cells are numbers: a table, not a text."""
    if not plain_name(name).endswith((".csv", ".tsv")):
        return
    lines = text[:_SNIFFED_BYTES].decode("utf-8", "ignore").splitlines(keepends=True)[:SNIFFED]
    rows = list(csv.reader(lines, delimiter=delimiter_of(lines)))[1:]
    cells = [cell.strip() for row in rows for cell in row if cell.strip()]
    if rows and len(rows[0]) > 1 and 2 * sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) > len(cells):
        raise InputError(f"{name} is a table of numbers", f"forecast them with: rnnlm window {name} --target COLUMN")
