"""`rnnlm lags`: how far back networks remember."""

from typing import Annotated

import typer

from rnnlm.cli.options import Invocation, command
from rnnlm.training.lag_settings import LagTaskName

TASK = Annotated[
    LagTaskName,
    typer.Argument(help="name a cue after the lag, copy ten symbols after it, or add two numbers", show_default=True),
]


@command("lags", arguments={"task": (TASK, "recall")})
def lags(invocation: Invocation) -> None:
    """The problem of long-term dependencies: networks trained alike, and how far back each remembers.

    Such small networks gain nothing from several threads, so one works unless --threads says otherwise.
    """
    import contextlib
    import math
    from pathlib import Path

    from rnnlm.cli.stages import terminal
    from rnnlm.cli.terminal import count, table
    from rnnlm.model.device import choose_device, set_threads
    from rnnlm.training.lag_settings import parse_cells, parse_lags
    from rnnlm.training.lag_study import TESTED, lag_study
    from rnnlm.training.lag_tasks import LAG_TASKS
    from rnnlm.views.lag_plot import lag_plot

    screen, name = terminal(invocation), invocation.arguments["task"]
    settings, task = invocation.settings("lags").settings.settled(name), LAG_TASKS[name]
    every, cells = parse_lags(settings.lags), parse_cells(settings.cells)
    device = choose_device(invocation.run.device)
    # Batches of 32 × 64: on two cores with other work, two threads took two to four times as long as one.
    set_threads(invocation.run.threads or 1)
    measure = task.measures[0]
    start = "log U(1, T - 1)" if settings.forget_bias is None else f"{settings.forget_bias:g}"
    note = f"a gate that keeps the state starts with the bias {start}"
    note += ", T being the steps of a sequence" if settings.forget_bias is None else ""

    def shown(figure: float | None) -> str:
        if figure is None:
            return "diverged"
        return f"{100 * figure:.1f} %" if measure == "accuracy" else f"{figure:.4f}"

    with contextlib.ExitStack() as stack:
        draw = stack.enter_context(lag_plot(Path(settings.plot))) if settings.plot else None
        study = lag_study(name, settings, device)
        screen.notice(
            f"lags: {name}, {len(cells)} networks of {settings.hidden} units at {len(every)} lags, "
            f"{count(settings.steps)} steps of {settings.batch_size} sequences, rate {settings.learning_rate:g}"
        )
        runs = []
        for run in study:
            runs.append(run)
            screen.notice(
                f"lag {run.lag}, {run.network}: {measure.replace('_', ' ')} {shown(run.figures[measure])} "
                f"after {count(run.steps)} steps in {run.seconds:.1f} s"
            )
        figures = {(run.network, run.lag): run.figures[measure] for run in runs}
        view = table(
            "network", *map(str, every),
            title=f"{name}: {measure.replace('_', ' ')} by lag; a guess has {shown(task.guess)}",
        )  # fmt: skip
        for cell in cells:
            view.add_row(cell, *(shown(figures[cell, lag]) for lag in every))
        report = {
            "task": name,
            "measure": measure,
            "guess": task.guess,
            "lags": every,
            "networks": cells,
            "steps": settings.steps,
            "batch_size": settings.batch_size,
            "hidden": settings.hidden,
            "learning_rate": settings.learning_rate,
            "clip": settings.clip,
            "forget_bias": start,
            "seed": settings.seed,
            "sequences_tested": TESTED,
            "runs": [run.record() for run in runs],
        }
        screen.result(report, view, note)
        if draw is not None:
            gap = {key: math.nan if figure is None else figure for key, figure in figures.items()}
            curves = {cell: [gap[cell, lag] for lag in every] for cell in cells}
            draw(measure.replace("_", " "), every, curves, task.guess)
