"""A table: named columns of numbers, dates or texts, a row a time step, in memory or in a `table` stage.

How a file becomes a table is known in `source.py`; what its columns mean to a model, in `rules.py`.
"""

import difflib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import open_npy
from rnnlm.artifacts import read_json
from rnnlm.errors import ArtifactError, InputError

ColumnKind = Literal["number", "date", "text"]
DESCRIPTION, NUMBERS, CODES = "table.json", "numbers.npy", "codes.npy"
_REMEDY = "rebuild it with: rnnlm window TABLE --force"
_NAMES_SHOWN = 20


@dataclass(frozen=True)
class Column:
    """A column's name and kind; `values` are the different texts of a text column.

    `stray` is set where most values of a text column are numbers: the position of the first that is none, and its text.
    """

    name: str
    kind: ColumnKind
    values: tuple[str, ...] = ()
    stray: tuple[str, str] | None = None


@dataclass(frozen=True)
class Table:
    """`numbers` (rows, number and date columns) float64, NaN where missing, dates in seconds since 1970; `codes`
    (rows, text columns) int32, indices into the column's `values`, -1 where missing.

    `source` is a name for messages; `sequence_column` distinguishes the sequences where the source has several.
    """

    source: str
    columns: tuple[Column, ...]
    numbers: NDArray[np.float64]
    codes: NDArray[np.int32]
    sequence_column: str | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.numbers)

    @cached_property
    def _places(self) -> dict[str, tuple[Column, int]]:
        """Each column by its name, with its index in `numbers` or `codes`."""
        counts = {False: 0, True: 0}
        places = {}
        for column in self.columns:
            text = column.kind == "text"
            places[column.name] = column, counts[text]
            counts[text] += 1
        return places

    def has(self, name: str) -> bool:
        """Whether there is a column of that name."""
        return name in self._places

    def column(self, name: str) -> Column:
        """The column of that name; InputError with the names there are."""
        if name not in self._places:
            names = [column.name for column in self.columns]
            more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
            close = difflib.get_close_matches(name, names, 1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise InputError(
                f"{self.source} has no column {name!r}", f"{meant}It has {', '.join(names[:_NAMES_SHOWN])}{more}"
            )
        return self._places[name][0]

    def missing(self, name: str) -> int:
        """How many values of a column are missing."""
        column = self.column(name)
        index = self._places[name][1]
        if column.kind == "text":
            return int((self.codes[:, index] < 0).sum())
        return int(np.isnan(self.numbers[:, index]).sum())

    def number(self, name: str) -> NDArray[np.float64]:
        """(rows,) a column of numbers, NaN where missing.

        Raises InputError for a column of dates or texts, with the first text in it where most are numbers.
        """
        column = self.column(name)
        if column.stray is not None:
            position, text = column.stray
            raise InputError(
                f"{self.source}, {position}: {name} is {text!r}, not a number",
                "fix it, or name the column with --categories or --ignore",
            )
        if column.kind != "number":
            raise InputError(
                f"{self.source}: column {name} holds {column.kind}s, not numbers", "choose a numeric column"
            )
        values: NDArray[np.float64] = np.array(self.numbers[:, self._places[name][1]])
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            raise InputError(f"{self.source}, row {infinite[0] + 1:,}: {name} is infinite", "fix or empty it")
        return values

    def moment(self, name: str) -> NDArray[np.float64]:
        """(rows,) a column of numbers or dates that orders the rows; InputError for texts."""
        column = self.column(name)
        if column.kind == "text":
            raise InputError(f"{self.source}: column {name} holds texts", "--time takes numbers, or dates in one form")
        return np.array(self.numbers[:, self._places[name][1]])

    def labels(self, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """(rows,) a column of any kind as indices into the texts returned with it, -1 where missing.

        A number's text is its shortest form, so that 3.0 is '3'.
        """
        column = self.column(name)
        if column.kind == "text":
            return self.codes[:, self._places[name][1]].astype(np.int64), column.values
        values = np.array(self.numbers[:, self._places[name][1]])
        known = ~np.isnan(values)
        different, indices = np.unique(values[known], return_inverse=True)
        codes = np.full(len(values), -1, np.int64)
        codes[known] = indices
        return codes, tuple(number_text(float(value)) for value in different)


def number_text(value: float) -> str:
    """A number as the shortest text that reads back as it: 3.0 → '3', 2.5 → '2.5'."""
    return str(int(value)) if value.is_integer() else repr(value)


def describe(source: str, columns: tuple[Column, ...], sequence_column: str | None) -> dict[str, Any]:
    """What `table.json` holds."""
    return {
        "source": source,
        "sequence_column": sequence_column,
        "columns": [
            {"name": column.name, "kind": column.kind}
            | ({"values": list(column.values)} if column.kind == "text" else {})
            | ({"stray": list(column.stray)} if column.stray else {})
            for column in columns
        ],
    }


def open_table(directory: Path) -> Table:
    """The table of a `table` stage, memory-mapped; ArtifactError when its parts are damaged or do not fit."""
    path = directory / DESCRIPTION
    content = read_json(path, remedy=_REMEDY)
    numbers = open_npy(directory / NUMBERS, kinds="f", dimensions=2, remedy=_REMEDY)
    codes = open_npy(directory / CODES, kinds="i", dimensions=2, remedy=_REMEDY)
    try:
        columns = tuple(
            Column(
                str(each["name"]),
                each["kind"],
                tuple(map(str, each.get("values", ()))),
                (str(each["stray"][0]), str(each["stray"][1])) if "stray" in each else None,
            )
            for each in content["columns"]
        )
        table = Table(str(content["source"]), columns, numbers, codes, content["sequence_column"])
    except (KeyError, TypeError, IndexError, AttributeError):
        raise ArtifactError(f"{path} is damaged", _REMEDY) from None
    if table.sequence_column not in (None, *(column.name for column in columns)):
        raise ArtifactError(f"{path} is damaged", _REMEDY)
    texts = [column for column in columns if column.kind == "text"]
    fits = (
        all(column.kind in get_args(ColumnKind) for column in columns)
        and numbers.dtype == np.float64
        and len(numbers) == len(codes)
        and numbers.shape[1] == len(columns) - len(texts)
        and codes.shape[1] == len(texts)
        and all(
            len(codes) == 0 or -1 <= int(codes[:, index].min()) <= int(codes[:, index].max()) < len(column.values)
            for index, column in enumerate(texts)
        )
    )
    if not fits:
        raise ArtifactError(f"{path} does not fit {NUMBERS} and {CODES}", _REMEDY)
    return table
