"""The body of `rnnlm train`: trains what the settings describe while a person watches, and shows it."""

from pathlib import Path

from rnnlm.app.stages import Pipeline
from rnnlm.app.train.run import described, train_or_find
from rnnlm.cli.terminal import table, terminal, valid_figure
from rnnlm.cli.train_plan import show_plan
from rnnlm.cli.watching import Watcher
from rnnlm.model.sealed import read_sealed
from rnnlm.training.run import LATEST
from rnnlm.training.settings import TrainSettings
from rnnlm.training.timing import read_timing


def train_model(pipeline: Pipeline) -> None:
    """Train the model that the pipeline's settings describe, or find it done; with --plan say what it would be."""
    screen = terminal(pipeline.request)
    with described(pipeline) as (run, device):
        if pipeline.settings(TrainSettings).settings.plan:
            show_plan(screen, run, device)
            return
        place = train_or_find(pipeline, run, device, Watcher(screen, screen.errors).watching)
    show_training(pipeline, place.target)


def show_training(pipeline: Pipeline, directory: Path) -> None:
    """A sealed run's figures: those of its manifest, and the times of its log."""
    model = read_sealed(directory)
    report = {**model.report, **read_timing(directory), "model": str(directory), "model_sha256": model.model_sha256}
    name, figure = valid_figure(report)
    calibrated = ["temperature"] if "temperature" in report else []
    view = table("model", "parameters", "epochs", "tokens/s", "share of peak", *calibrated, name)
    share = report["peak_fraction"]
    view.add_row(
        str(directory),
        f"{report['parameters']:,}",
        f"{report['epochs']:g}",
        "-" if report["tokens_per_second"] is None else f"{report['tokens_per_second']:,.0f}",
        "-" if share is None else f"{share:.0%}",
        *(f"{report[each]:.3g}" for each in calibrated),
        figure,
    )
    terminal(pipeline.request).result(report, view)
    latest = pipeline.workspace.path / "models" / LATEST
    choice = "" if latest.read_text("utf-8", "replace").strip() == directory.name else f" --model {directory.name}"
    pipeline.screen.notice(f"next: rnnlm evaluate {pipeline.workspace.path}{choice}")
