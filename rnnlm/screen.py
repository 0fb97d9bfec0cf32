"""Notices and progress of the library and the layout of results, to be shown by a terminal or a notebook."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from rnnlm.files import Advance


class Screen(Protocol):
    """Takes notices and progress. Results are returned, not shown here."""

    @property
    def notice(self) -> Callable[[str], None]:
        """Takes a line for the user that is not part of the result."""

    def bytes_progress(self, label: str, total: int | None) -> AbstractContextManager[Advance]:
        """Progress over bytes read, of `total` where it is known; the function advances it."""

    def rate_progress(self, label: str, unit: str, *, rows: bool = True) -> AbstractContextManager[Advance]:
        """A count of what was done and its rate; with `rows`, while rows of a result are written."""


class Grid:
    """A table of texts: the first column to the left, the others to the right, or all to the left.

    Column `named` holds names that users gave, which may be of any length; `prose` wraps between words.
    """

    def __init__(
        self, *columns: str, title: str | None = None, left: bool = False, named: int | None = None, prose: bool = False
    ) -> None:
        self.columns, self.title, self.left, self.named, self.prose = columns, title, left, named, prose
        self.rows: list[tuple[str, ...]] = []

    def add_row(self, *cells: str) -> None:
        """Add a row, a cell for each column."""
        self.rows.append(cells)


View = Grid | str


def number(value: object, form: str) -> str:
    """A number in a form; '-' for anything else, which a report that came from elsewhere may hold."""
    return format(value, form) if isinstance(value, int | float) else "-"


def count(value: object) -> str:
    """A number with thousands separators."""
    return number(value, ",")


def percent(part: int, whole: int) -> str:
    """A fraction as a percentage."""
    return f"{100 * part / whole:.2f} %" if whole else "-"
