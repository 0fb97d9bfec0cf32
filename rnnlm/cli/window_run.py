"""The body of `rnnlm window`: reads a table into a workspace, cuts it into windows, and shows them."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from rnnlm.app.request import Request
from rnnlm.app.stages import Pipeline
from rnnlm.app.tables import open_windows
from rnnlm.cli.reports import report_of
from rnnlm.cli.terminal import count, table, terminal
from rnnlm.corpus.settings import SPLITS
from rnnlm.tables.explicit import explicit_size, write_explicit
from rnnlm.tables.series import open_series
from rnnlm.tables.settings import WindowSettings

_NAMES_SHOWN = 40
_FILLED = {"forward": "filled with the last known value", "mean": "filled with train's mean",
           "drop": "in no window"}  # fmt: skip


def window_table(request: Request) -> None:
    """Bring the windows of a table up to date, show them, and with --write write them out."""
    screen = terminal(request)
    pipeline, built = open_windows(request, screen)
    settings = pipeline.settings(WindowSettings).settings
    report = {"stage": "window", "workspace": str(pipeline.workspace.path), **built.manifest.report}
    workspace = pipeline.workspace
    with report_of(workspace.directory("window"), f"rebuild it: {workspace.rebuild('window')}"):
        views = _views(built.manifest.report, settings.missing)
    if settings.write:
        report["written"], lines = _write(pipeline)
        views += lines
    screen.result(report, *views)
    screen.notice(f"next: rnnlm train {pipeline.workspace.path}")


def _views(report: Mapping[str, Any], missing: str) -> list[Table | str]:
    view = table("split", "rows", "sequences", "windows N", "steps T", "inputs F", "left out")
    for split, counts in report["splits"].items():
        windows, steps, features = counts["shape"]
        left_out = counts["left_out_without_target"] + counts["left_out_with_missing_inputs"]
        numbers = (counts["rows"], counts["sequences"], windows, steps, features, left_out)
        view.add_row(split, *map(count, numbers))
    names = report["inputs"]
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    horizon = report["horizon"]
    place = f"{horizon:,} row{'s' * (horizon != 1)} after the last" if horizon else "of the last row"
    lines = [f"inputs: {', '.join(names[:_NAMES_SHOWN])}{more}", f"target: {', '.join(report['targets'])}, {place}"]
    gaps = {name: number for name, number in report["missing_values"].items() if number}
    if gaps:
        filled = f"; an input is {_FILLED[missing]}, a target never"
        lines.append(f"missing: {', '.join(f'{name} {number:,}' for name, number in gaps.items())}{filled}")
    new = {name: number for name, number in report["unknown_categories"].items() if number}
    if new:
        lines.append(f"not in train: {', '.join(f'{name} {number:,}' for name, number in new.items())}")
    return [view, "", *lines]


def _write(pipeline: Pipeline) -> tuple[dict[str, Any], list[Table | str]]:
    """Every split as arrays of their own, in pieces."""
    directory = pipeline.workspace.directory("window")
    series = {split: open_series(directory, split) for split in SPLITS}
    size = explicit_size(series.values())
    pipeline.screen.notice(f"window: {sum(map(len, series.values())):,} windows, {size:,} bytes")
    pipeline.refuse_large(size, "window --write", "--steps, a larger --stride")
    written: dict[str, Any] = {}
    lines: list[Table | str] = []
    for split, each in series.items():
        path = pipeline.workspace.path / f"windows-{split}.npy"
        shape = write_explicit(each, path)
        written[split] = {"path": str(path), "shape": list(shape)}
        lines.append(f"{path}: (N, T, F) = {shape}")
    return written, lines
