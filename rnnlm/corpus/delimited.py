"""Tables of text: the separator of their columns, and their rows."""

import csv
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import JSON_LINES, plain_name, read_lines
from rnnlm.errors import InputError

SNIFFED = 50  # lines read to find the separator
_LONGEST_FIELD = 64 * 2**20  # characters; a quote that is never closed would otherwise take the whole file
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[\d.,:/T +-]*\d[\d.,:/T +-]*([eE][+-]?\d+)?%?|NA|nan|NaN")  # or a date, or missing


def delimiter_of(lines: Sequence[str]) -> str:
    """The first of comma, semicolon, tab and bar by which the first lines of a table have one number of columns.

    It must be more than one; a comma if there is no such character.
    """
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if len(lines) == SNIFFED and len(widths) > 1:
            widths.pop()  # the last row may be incomplete
        if widths and widths[0] > 1 and len(set(widths)) == 1:
            return delimiter
    return ","


def records(name: str, columns: Sequence[str], decoding: Decoding) -> Iterator[list[Any]]:
    """The values of some columns of each record of a .csv, .tsv or JSON Lines file; of an empty line none, as ''.

    In .tsv a quotation mark is an ordinary character. Raises InputError for a column that is not there.
    """
    lines = read_lines(name, decoding)
    if plain_name(name).endswith(JSON_LINES):
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line) if line.strip() else dict.fromkeys(columns, "")
                yield [record[column] for column in columns]
            except (ValueError, KeyError, TypeError, RecursionError):
                raise InputError(
                    f"{name}, line {number:,}: no JSON object with {', '.join(columns)}", "name its fields"
                ) from None
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
    csv.field_size_limit(_LONGEST_FIELD)
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


def refuse_numbers(name: str) -> None:
    """InputError for a file named .csv or .tsv most of whose first cells are numbers: a table, not a text."""
    if not plain_name(name).endswith((".csv", ".tsv")):
        return
    lines = [f"{line}\n" for line in itertools.islice(read_lines(name), SNIFFED)]
    rows = list(csv.reader(lines, delimiter=delimiter_of(lines)))[1:]
    cells = [cell.strip() for row in rows for cell in row if cell.strip()]
    if rows and len(rows[0]) > 1 and 2 * sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) > len(cells):
        raise InputError(f"{name} is a table of numbers", f"forecast them with: rnnlm window {name} --target COLUMN")
