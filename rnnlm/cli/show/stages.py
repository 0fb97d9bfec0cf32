"""`rnnlm clean` to `rnnlm pad`, and `rnnlm window`: bring a stage up to date, and show its report."""

from typing import Any

from rnnlm.app.opening import open_pipeline, open_windows, plan
from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import Request
from rnnlm.artifacts import report_of
from rnnlm.cli.terminal import terminal
from rnnlm.corpus.settings import SPLITS
from rnnlm.graph import STAGES
from rnnlm.screen import Grid, View
from rnnlm.tables.explicit import explicit_size, write_explicit
from rnnlm.tables.series import open_series
from rnnlm.tables.settings import WindowSettings


def show_stage(request: Request) -> None:
    """Run the stage with the command's name and its inputs, and show the result."""
    stage, screen = request.command, terminal(request)
    pipeline = open_pipeline(request, screen)
    with pipeline.workspace.lock():
        built = pipeline.ensure(stage, force=request.run.force)
        pipeline.record()
    report = {"stage": stage, "workspace": str(pipeline.workspace.path), **built.manifest.report}
    directory, wanted = pipeline.workspace.directory(stage), pipeline.stage(stage)
    with report_of(directory, f"rebuild it: {pipeline.workspace.rebuild(stage)}"):
        views = wanted.view(built.manifest.report, directory)
    screen.result(report, *views)
    command, *flags = wanted.following.split()
    screen.notice(f"next: {' '.join(['rnnlm', command, str(pipeline.workspace.path), *flags])}")


def show_dry_run(request: Request) -> None:
    """The stages that the command would run: up to its own, or those of a text as ids."""
    screen = terminal(request)
    stages = plan(request, screen, request.command if request.command in STAGES else "vocab")
    view = Grid("stage", "plan")
    for name, what in stages.items():
        view.add_row(name, what)
    screen.result({"stages": stages}, view)


def window(request: Request) -> None:
    """Bring the windows of a table up to date, show them, and with --write write them out."""
    screen = terminal(request)
    pipeline, built = open_windows(request, screen)
    workspace = pipeline.workspace
    report = {"stage": "window", "workspace": str(workspace.path), **built.manifest.report}
    directory = workspace.directory("window")
    with report_of(directory, f"rebuild it: {workspace.rebuild('window')}"):
        views = pipeline.stage("window").view(built.manifest.report, directory)
    if pipeline.settings(WindowSettings).settings.write:
        report["written"], lines = _write(pipeline)
        views += lines
    screen.result(report, *views)
    screen.notice(f"next: rnnlm train {workspace.path}")


def _write(pipeline: Pipeline) -> tuple[dict[str, Any], list[View]]:
    """Every split as an array, in pieces."""
    directory = pipeline.workspace.directory("window")
    series = {split: open_series(directory, split) for split in SPLITS}
    size = explicit_size(series.values())
    pipeline.screen.notice(f"window: {sum(map(len, series.values())):,} windows, {size:,} bytes")
    pipeline.refuse_large(size, "window --write", "--steps, a larger --stride")
    written: dict[str, Any] = {}
    lines: list[View] = []
    for split, each in series.items():
        path = pipeline.workspace.path / f"windows-{split}.npy"
        shape = write_explicit(each, path)
        written[split] = {"path": str(path), "shape": list(shape)}
        lines.append(f"{path}: (N, T, F) = {shape}")
    return written, lines
