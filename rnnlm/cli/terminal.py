"""Rendering: results on standard output, notices and progress on standard error.

Color and progress appear only on a terminal; NO_COLOR disables color, whatever other variables are set.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from rnnlm.app.request import Request
from rnnlm.cli.streams import plain, visible
from rnnlm.launched import follows
from rnnlm.screen import Grid, View, count, number


def console(stream: TextIO) -> Console:
    """A console that writes plain text unless `stream` is a terminal."""
    stream, terminal = plain(stream), stream.isatty()
    return Console(
        file=stream, force_terminal=terminal, no_color=bool(os.environ.get("NO_COLOR")),
        width=None if terminal else 100, highlight=False, emoji=False, soft_wrap=not terminal,
    )  # fmt: skip


class Terminal:
    """Standard output for results, standard error for the rest."""

    def __init__(self, *, json_output: bool, quiet: bool) -> None:
        self.json_output, self.quiet = json_output, quiet
        self._out, self.errors = console(sys.stdout), console(sys.stderr)

    def result(self, value: dict[str, Any], *views: View) -> None:
        """The result: the object with --json, the views otherwise."""
        if self.json_output:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        else:
            for view in views:
                shown = _table(view, self._out.width) if isinstance(view, Grid) else self._shown(view)
                self._out.print(shown, markup=False)
        sys.stdout.flush()

    def notice(self, text: str) -> None:
        """A line for the person, not part of the result."""
        if not self.quiet:
            with contextlib.suppress(OSError):  # a notice is no result
                self.errors.print(visible(text) if sys.stderr.isatty() else text, markup=False)

    @staticmethod
    def _shown(text: str) -> str:
        return visible(text) if sys.stdout.isatty() else text

    @contextlib.contextmanager
    def bytes_progress(self, label: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A bar over bytes read, with speed and time left; the yielded function advances it."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda count: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
                   TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=self.errors, transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda count: bar.advance(task, count)

    @contextlib.contextmanager
    def rate_progress(self, label: str, unit: str, *, rows: bool = True) -> Iterator[Callable[[int], None]]:
        """The count so far and the rate per second; the yielded function adds to the count.

        If `rows` of a result are written to the terminal meanwhile, nothing is shown.
        """
        if not self.live or (rows and sys.stdout.isatty()):
            yield lambda count: None
            return
        columns = (
            TextColumn(f"{{task.description}} {{task.completed:,.0f}} {unit}"),
            TextColumn("{task.fields[rate]}"),
        )
        # Results are written while the line is shown, so standard output is not redirected.
        with Progress(*columns, console=self.errors, transient=True, redirect_stdout=False) as line:
            task, started_at, total = line.add_task(label, total=None, rate=""), time.monotonic(), 0

            def advance(count: int) -> None:
                nonlocal total
                total += count
                rate = total / (time.monotonic() - started_at + 1e-9)
                line.update(task, completed=total, rate=f"{rate:,.0f}/s")

            yield advance

    @property
    def live(self) -> bool:
        """Whether a person watches standard error."""
        return not self.quiet and sys.stderr.isatty()


def terminal(request: Request) -> Terminal:
    """The terminal with the settings of a request."""
    return Terminal(json_output=request.run.json, quiet=request.run.quiet or follows())


def _table(grid: Grid, width: int) -> Table:
    """A grid in the house style. One too wide for the screen has its column of names last, where they are wrapped."""
    view = Table(title=grid.title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    lines = [grid.columns, *grid.rows]
    order = list(range(len(grid.columns)))
    needed = sum(max(cell_len(line[column]) for line in lines) + 2 for column in order) - 2
    moved = grid.named if needed > width else None
    if moved is not None:
        order = [*(column for column in order if column != moved), moved]
    for column in order:
        left = grid.left or column in (0, moved)
        wraps = column == moved or (grid.prose and column > 0)
        view.add_column(grid.columns[column], justify="left" if left else "right", overflow="fold", no_wrap=not wraps)
    terminal = sys.stdout.isatty()
    for row in grid.rows:
        view.add_row(*(visible(row[column]) if terminal else row[column] for column in order))
    return view


def valid_metric(report: dict[str, Any]) -> tuple[str, str]:
    """The validation metric of a finished run's report: its name and its value ('-' without a split)."""
    if "valid_accuracy" in report:
        return "valid accuracy", number(report["valid_accuracy"], ".2%")
    if "valid_root_mean_square_error" in report:
        errors = report["valid_root_mean_square_error"]
        each = [f"{name} {number(error, '.4g')}" for name, error in errors.items()] if isinstance(errors, dict) else []
        return "valid RMSE", ", ".join(each) or "-"
    read, whole = report.get("valid_tokens"), report.get("valid_split_tokens")
    part = f" of the first {count(read)} of {count(whole)} tokens" if whole is not None else ""
    return f"valid perplexity{part}", number(report.get("valid_perplexity"), ".2f")
