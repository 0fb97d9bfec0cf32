"""`rnnlm corpus TASK --study`: a line for each finished run, then the table, the object and the picture."""

import contextlib
import math
from pathlib import Path
from typing import Any

from rnnlm.app.request import Request
from rnnlm.cli.terminal import terminal
from rnnlm.model.device import choose_device, set_threads
from rnnlm.screen import Grid, count
from rnnlm.training.lags.settings import LagSettings, parse_cells, parse_lags
from rnnlm.training.lags.study import TESTED, LagRun, lag_study
from rnnlm.training.lags.tasks import LAG_TASKS
from rnnlm.views.charts import lag_plot


def study_lags(request: Request) -> None:
    """Train and measure every network at every lag, and show the results."""
    screen, name = terminal(request), request.arguments["name"]
    settings = request.settings(LagSettings).settings.settled(name)
    task, lags, cells = LAG_TASKS[name], parse_lags(settings.lags), parse_cells(settings.cells)
    measure = task.measures[0]
    words = measure.replace("_", " ")
    # Batches of 32 × 64: on two cores with other work, two threads took two to four times as long as one.
    set_threads(request.run.threads or 1)
    with contextlib.ExitStack() as stack:
        draw = stack.enter_context(lag_plot(Path(settings.plot))) if settings.plot else None
        study = lag_study(name, settings, choose_device(request.run.device))
        screen.notice(
            f"{name} at {settings.lags}, networks of {settings.hidden} units, "
            f"{count(settings.steps or 0)} steps of {settings.batch_size} sequences, rate {settings.learning_rate:g}"
        )
        runs = []
        for run in study:
            runs.append(run)
            screen.notice(
                f"lag {run.lag}, {run.network}: {words} {_shown(measure, run.metrics[measure])} "
                f"after {count(run.steps)} steps in {run.seconds:.1f} s"
            )
        metrics = {(run.network, run.lag): run.metrics[measure] for run in runs}
        view = Grid(
            "network", *map(str, lags), title=f"{name}: {words} by lag; a guess has {_shown(measure, task.guess)}"
        )
        for cell in cells:
            view.add_row(cell, *(_shown(measure, metrics[cell, lag]) for lag in lags))
        report = {"task": name, "measure": measure, "guess": task.guess, **_described(settings, runs)}
        screen.result(report, view, f"initial bias of a gate that keeps the state: {_start(settings)}")
        if draw is not None:
            heights = {key: math.nan if metric is None else metric for key, metric in metrics.items()}
            draw(name, words, lags, {cell: [heights[cell, lag] for lag in lags] for cell in cells}, task.guess)


def _shown(measure: str, metric: float | None) -> str:
    if metric is None:
        return "diverged"
    return f"{100 * metric:.1f} %" if measure == "accuracy" else f"{metric:.4f}"


def _start(settings: LagSettings) -> str:
    """The initial bias of the gates that keep the state, in words."""
    if settings.forget_bias is not None:
        return f"{settings.forget_bias:g}"
    return "log U(1, T - 1), T being the steps of a sequence; the LSTM's input gate with its negative"


def _described(settings: LagSettings, runs: list[LagRun]) -> dict[str, Any]:
    """The budget and every run, for JSON."""
    return {
        "lags": parse_lags(settings.lags), "networks": parse_cells(settings.cells), "steps": settings.steps,
        "batch_size": settings.batch_size, "hidden": settings.hidden, "learning_rate": settings.learning_rate,
        "clip": settings.clip, "forget_bias": _start(settings), "seed": settings.seed, "sequences_tested": TESTED,
        "runs": [run.record() for run in runs],
    }  # fmt: skip
