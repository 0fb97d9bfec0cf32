"""What the application says while it works, to whoever shows it: a terminal, a notebook, or nobody."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Screen(Protocol):
    """Takes notices and progress. Results are returned, not said."""

    def notice(self, text: str) -> None:
        """A line for the person, not part of the result."""

    def bytes_progress(self, label: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """Progress over bytes read, of `total` where it is known; the function advances it."""
