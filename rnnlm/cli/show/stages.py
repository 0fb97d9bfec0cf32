"""`rnnlm clean` to `rnnlm embed`: bring a stage up to date, and show its report."""

from rnnlm.app.opening import open_pipeline, plan
from rnnlm.app.request import Request
from rnnlm.cli.reports import report_of
from rnnlm.cli.terminal import terminal
from rnnlm.graph import STAGES
from rnnlm.screen import Grid


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
