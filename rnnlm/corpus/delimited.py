"""Tables of text: which character separates the columns of a file."""

import csv
import itertools
import re
from collections.abc import Sequence

from rnnlm.corpus.sources import plain_name, read_lines
from rnnlm.errors import InputError

SNIFFED = 50  # lines read to find the separator
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


def refuse_numbers(name: str) -> None:
    """InputError for a file named .csv or .tsv most of whose first cells are numbers: a table, not a text."""
    if not plain_name(name).endswith((".csv", ".tsv")):
        return
    lines = [f"{line}\n" for line in itertools.islice(read_lines(name), SNIFFED)]
    rows = list(csv.reader(lines, delimiter=delimiter_of(lines)))[1:]
    cells = [cell.strip() for row in rows for cell in row if cell.strip()]
    if rows and len(rows[0]) > 1 and 2 * sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) > len(cells):
        raise InputError(f"{name} is a table of numbers", f"forecast them with: rnnlm window {name} --target COLUMN")
