"""`rnnlm train`: the model of the settings, planned, or trained with progress, and shown."""

from rnnlm.app.opening import open_pipeline
from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import Request
from rnnlm.app.train.describe import Run
from rnnlm.app.train.plan import plan_of
from rnnlm.app.train.run import described, train_or_find
from rnnlm.cli.show.stages import show_dry_run
from rnnlm.cli.show.watching import Watcher
from rnnlm.cli.terminal import Terminal, terminal, valid_metric
from rnnlm.model.sealed import just_sealed, read_sealed
from rnnlm.screen import Grid
from rnnlm.training.run import LATEST, Place
from rnnlm.training.settings import TrainSettings
from rnnlm.training.timing import read_timing


def train(request: Request) -> None:
    """Train the model that the settings describe, unless it exists; with --plan show the plan."""
    if request.arguments.get("dry_run"):
        show_dry_run(request, "vocab")
        return
    screen = terminal(request)
    pipeline = open_pipeline(request, screen)
    with described(pipeline) as (run, device):
        if pipeline.settings(TrainSettings).settings.plan:
            _show_plan(screen, run, device)
            return
        place = train_or_find(pipeline, run, device, Watcher(screen, screen.errors).watching)
    _show_model(pipeline, screen, place)


def _show_plan(screen: Terminal, run: Run, device: str) -> None:
    """The plan of a run, one row for each size and setting, then the reasons for a budget's choice."""
    report = plan_of(run, device)
    view = Grid("what", "planned")
    for name, value in report.items():
        if name != "reasons":
            shown = f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
            view.add_row(name.replace("_", " "), "-" if value is None else shown)
    screen.result(report, view, *report["reasons"])


def _show_model(pipeline: Pipeline, screen: Terminal, place: Place) -> None:
    """A sealed run's metrics: those of its manifest, and the times of its log."""
    directory = place.target
    if place.state == "sealed":  # before this command, which therefore checks it
        found = read_sealed(directory)
        metrics, digest = found.report, found.model_sha256
    else:
        metrics, digest = just_sealed(directory)
    report = {**metrics, **read_timing(directory), "model": str(directory), "model_sha256": digest}
    name, metric = valid_metric(report)
    calibrated = ["temperature"] if "temperature" in report else []
    view = Grid("model", "parameters", "epochs", "tokens/s", "of peak", *calibrated, name, named=0)
    fraction = report["peak_fraction"]
    view.add_row(
        str(directory),
        f"{report['parameters']:,}",
        f"{report['epochs']:g}",
        "-" if report["tokens_per_second"] is None else f"{report['tokens_per_second']:,.0f}",
        "-" if fraction is None else f"{fraction:.0%}",
        *(f"{report[each]:.3g}" for each in calibrated),
        metric,
    )
    screen.result(report, view)
    latest = pipeline.workspace.path / "models" / LATEST
    choice = "" if latest.read_text("utf-8", "replace").strip() == directory.name else f" --model {directory.name}"
    screen.notice(f"next: rnnlm evaluate {pipeline.workspace.path}{choice}")
