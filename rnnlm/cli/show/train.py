"""`rnnlm train`: the model of the settings, planned, or trained with progress and stopped by signals, and shown."""

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rnnlm.app.opening import open_pipeline
from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import Request
from rnnlm.app.train.describe import Run
from rnnlm.app.train.plan import plan_of
from rnnlm.app.train.run import described, train_or_find
from rnnlm.app.train.together import together
from rnnlm.cli.terminal import Terminal, terminal, valid_metric
from rnnlm.errors import SIGNALS, UsageError
from rnnlm.model.sealed import just_sealed, read_sealed
from rnnlm.report.recipe_check import checked
from rnnlm.screen import Grid, count, number
from rnnlm.training.metrics import read_log
from rnnlm.training.progress import Progress as RunProgress
from rnnlm.training.run import LATEST, Place, read_timing
from rnnlm.training.settings import TrainSettings
from rnnlm.views.charts import check_plots
from rnnlm.views.curves import draw_training


def train(request: Request) -> None:
    """Train the model that the settings describe, unless it exists; with --plan show the plan."""
    screen = terminal(request)

    def lead() -> Path:
        pipeline = open_pipeline(request, screen)
        given = pipeline.settings(TrainSettings).settings
        if given.plot is not None:
            check_plots()
        with described(pipeline) as (run, device):
            if given.plan and request.ranks is not None:
                raise UsageError("--plan under torchrun", "it measures one process: omit torchrun")
            if given.plan:
                _show_plan(screen, run, device)
                return pipeline.workspace.path
            place = train_or_find(pipeline, run, device, Watcher(screen, screen.errors).watching)
        _show_model(pipeline, screen, place, given)
        return place.target

    together(request, screen, lead)


def _show_plan(screen: Terminal, run: Run, device: str) -> None:
    """The plan of a run, one row for each size and setting, then the reasons for a budget's choice."""
    report = plan_of(run, device)
    view = Grid("what", "planned")
    for name, value in report.items():
        if name != "reasons":
            shown = f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
            view.add_row(name.replace("_", " "), "-" if value is None else shown)
    screen.result(report, view, *report["reasons"])


def _show_model(pipeline: Pipeline, screen: Terminal, place: Place, given: TrainSettings) -> None:
    """A sealed run's metrics: those of its manifest, and the times of its log."""
    directory = place.target
    if place.state == "sealed":  # before this command, which therefore checks it
        found = read_sealed(directory)
        metrics, digest = found.report, found.model_sha256
    else:
        metrics, digest = just_sealed(directory)
    report = {**metrics, **read_timing(directory), "model": str(directory), "model_sha256": digest}
    told = checked(pipeline.recipe, pipeline.workspace, directory, report)
    name, metric = valid_metric(report)
    calibrated = ["temperature"] if "temperature" in report else []
    view = Grid("model", "parameters", "epochs", "tokens/s", "of peak", *calibrated, name, named=0)
    view.add_row(
        str(directory), count(report.get("parameters")), number(report.get("epochs"), "g"),
        number(report["tokens_per_second"], ",.0f"), number(report["peak_fraction"], ".0%"),
        *(number(report[each], ".3g") for each in calibrated), metric,
    )  # fmt: skip
    if given.plot is not None:
        draw_training(Path(given.plot), *read_log(directory), pipeline.task, f"training of {directory.name}")
        told.append(f"{given.plot}: the curves of training")
    screen.result(report, view, *told)
    latest = pipeline.workspace.path / "models" / LATEST
    choice = "" if latest.read_text("utf-8", "replace").strip() == directory.name else f" --model {directory.name}"
    screen.notice(f"next: rnnlm evaluate {pipeline.workspace.path}{choice}")


class Watcher:
    """Shows loss, perplexity, speed and time left during a run; records the signal received."""

    def __init__(self, screen: Terminal, console: Console) -> None:
        self._screen = screen
        self._signal: int | None = None
        self._shown: float | None = None
        self._first: tuple[float, int] | None = None
        self._bar: Progress | None = None
        if screen.live:
            self._bar = Progress(
                TextColumn("train"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[words]}"), TimeRemainingColumn(), console=console, transient=True,
            )  # fmt: skip
            self._task: Any = self._bar.add_task("train", total=1.0, words="")

    @contextmanager
    def watching(self) -> Iterator["Watcher"]:
        """Handle signals, and show the bar."""
        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        taken = [number for number in SIGNALS if not (nohup and number == signal.SIGHUP)]
        before = {number: signal.signal(number, self._stop) for number in taken}
        try:
            if self._bar is None:
                yield self
            else:
                with self._bar:
                    yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number
        self._screen.notice("stopping after this step; Ctrl-C stops at once")

    def stop_signal(self) -> int | None:
        """The signal received, if any."""
        return self._signal

    def notice(self, text: str) -> None:
        """Show a notice."""
        self._screen.notice(text)

    def progress(self, progress: RunProgress) -> None:
        """Show the progress of the run."""
        if progress.metric is not None and progress.metric != self._shown:
            self._shown = progress.metric
            self._screen.notice(
                f"{100 * progress.fraction:5.1f} %  epoch {progress.epoch:.2f}  "
                f"best {progress.metric_name.replace('_', ' ')} {progress.metric:.4g}"
            )
        if self._bar is not None:
            self._first = self._first or (progress.seconds, progress.tokens)
            spent, tokens = progress.seconds - self._first[0], progress.tokens - self._first[1]
            speed = f"{tokens / spent:,.0f} tokens/s" if spent > 0 else ""
            perplexity = f"perplexity {math.exp(min(progress.loss, 50)):.1f}  " * ("perplexity" in progress.metric_name)
            self._bar.update(
                self._task, completed=progress.fraction, words=f"loss {progress.loss:.3f}  {perplexity}{speed}"
            )
