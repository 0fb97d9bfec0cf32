"""How training went: loss, validation, rate, gradients and clipping, over tokens and time."""

import json
from pathlib import Path
from typing import Any

from rnnlm.report.parts import Part, Picture, Section, Table
from rnnlm.report.pictures import draw_training, svg
from rnnlm.report.subject import Subject

METRICS, TIMING = "metrics.jsonl", "timing.jsonl"


def training(subject: Subject) -> Section | None:
    """The curves and the totals; None for a model without a log."""
    sealed = subject.found.model
    rows = [row for row in _rows(sealed.path / METRICS) if "tokens" in row and "step" in row]
    if not rows:
        return None
    timed = _rows(sealed.path / TIMING)
    times = {row["step"]: float(row["seconds"]) for row in timed if "step" in row and "seconds" in row}
    metric = next((key for row in rows for key in row if key.startswith("valid_")), "")
    totals = [(words, f"{sealed.report[key]:,}") for key, words in _TOTALS.items() if key in sealed.report]
    totals += [("seconds", f"{row['seconds']:,.0f}") for row in timed if "tokens_per_second" in row]
    totals += [("tokens per second", f"{row['tokens_per_second']:,.0f}") for row in timed if "tokens_per_second" in row]
    read = sealed.report.get("tokens_seen", rows[-1]["tokens"])
    unit = _UNITS[sealed.task]
    sentence = (
        f"The loss on the training data, in {unit}, and the metric on the validation data while {read:,} steps of "
        "sequences were read; the weights kept are those with the best validation. Where the loss still falls and "
        "validation does not, the network learns its data by heart."
    )
    caption = (
        "Loss and validation, learning rate, and the norm of the gradient with the share of steps that were clipped"
    )
    parts: list[Part] = [Picture(svg(lambda path: draw_training(path, rows, times, metric, unit), "training"), caption)]
    return Section("training", "How it was trained", sentence, [*parts, Table("Totals", ("what", "value"), totals)])


_UNITS = {"language": "nats per token", "tag": "nats per label", "classify": "nats per label",
          "forecast": "squared error of scaled values"}  # fmt: skip
_TOTALS = {"steps": "updates", "tokens_seen": "tokens or rows read", "epochs": "times through the data",
           "clipped_fraction": "share of updates that were clipped", "left_out_steps": "updates left out",
           "returns_to_good_weights": "returns to earlier weights"}  # fmt: skip


def _rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a log; what is none of a log's lines is left out."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and all(isinstance(value, int | float) for value in row.values()):
            found.append(row)
    return found
