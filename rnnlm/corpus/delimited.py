"""Tables of text: which character separates the columns of a file."""

import csv
from collections.abc import Sequence

SNIFFED = 50  # lines read to find the separator
_DELIMITERS = ",;\t|"


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
