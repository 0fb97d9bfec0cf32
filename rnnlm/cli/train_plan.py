"""`rnnlm train --plan`: what a run would be, how fast and how large, by a few of its own steps."""

import tempfile
from pathlib import Path

from rnnlm.cli.stages import Pipeline
from rnnlm.cli.terminal import table
from rnnlm.cli.train_describe import Run, network_of
from rnnlm.config import seconds
from rnnlm.training.available import process_peak
from rnnlm.training.trial import trial_speed


def show_plan(pipeline: Pipeline, run: Run, device: str) -> None:
    """Sizes, memory, speed as measured, the time to the end, and a budget's reasons."""
    network, settings, data = network_of(run, device, fresh=False), run.settings, run.data
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        speed = trial_speed(network, data.objective(settings, None), settings, Path(directory))
    whole = settings.bptt in (None, "full")
    steps = data.tokens // max(1, data.lines) if whole else int(settings.bptt or 1)
    if run.choice is not None:
        left, tokens = seconds(settings.budget or ""), run.choice.seconds * speed
    else:
        by_steps = (settings.steps or 0) * (settings.batch_size or 1) * steps
        tokens = settings.tokens or by_steps or (settings.epochs or 0) * data.tokens
        left = tokens / speed
    report = {
        "cell": settings.cell, "layers": settings.layers, "hidden": settings.hidden,
        "embedding": run.architecture.embedding, "tied": settings.tied, "output_layer": settings.output_layer,
        "cuts": ",".join(map(str, run.architecture.cuts)) or None, "batch_size": settings.batch_size,
        "bptt": settings.bptt, "dropout": settings.dropout, "learning_rate": settings.learning_rate,
        "parameters": network.parameter_count, "peak_bytes": process_peak(),
        "tokens_per_second": round(speed, 1), "epochs": round(tokens / data.tokens, 2), "seconds": round(left, 1),
    }  # fmt: skip
    view = table("what", "planned")
    for name, value in report.items():
        shown = f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        view.add_row(name.replace("_", " "), shown)
    reasons = run.choice.reasons if run.choice else ()
    pipeline.screen.result({**report, "reasons": list(reasons)}, view, *reasons)
