"""Rows as text: TSV with a header, and JSON Lines."""

import json
from collections.abc import Iterable
from typing import Any

from rnnlm.use.scoring.form import Form
from rnnlm.use.scoring.rows import Row, ScoreRows
from rnnlm.use.scoring.scored import ScoredLine

_UNWRITABLE = str.maketrans({c: f"\\u{ord(c):04x}" for c in "\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"})


def tsv_line(cells: Iterable[Any]) -> str:
    """Cells as a line of TSV: NA for None, true and false, 12 digits of a number; line ends and tabs as \\u escapes."""
    return "\t".join(map(_cell, cells)) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "NA"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(value, ".12g")
    return str(value).translate(_UNWRITABLE)


def json_line(row: Row) -> str:
    """A row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False) + "\n"


class Tsv(Form):
    """A header, then a row for each line, word, token or region."""

    def __init__(self, rows: ScoreRows) -> None:
        self._rows = rows

    def start(self) -> str:
        """The header."""
        return tsv_line(self._rows.fields)

    def line(self, scored: ScoredLine) -> str:
        """The rows of a line."""
        return "".join(tsv_line(map(row.__getitem__, self._rows.fields)) for row in self._rows.of(scored))


class JsonLines(Tsv):
    """An object for each line, word, token or region, without a header."""

    def start(self) -> str:
        """No header."""
        return ""

    def line(self, scored: ScoredLine) -> str:
        """The rows of a line."""
        return "".join(map(json_line, self._rows.of(scored)))
