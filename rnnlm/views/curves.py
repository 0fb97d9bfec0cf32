"""How a training run went: loss and validation, learning rate, gradients and clipping, over tokens and time."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.views.charts import picture

LOSS_UNITS = {"language": "nats per token", "tag": "nats per label", "classify": "nats per label",
              "forecast": "squared error of scaled values"}  # fmt: skip
_BRIEF = 5  # seconds, of which no axis is drawn


def draw_training(
    path: Path, rows: Sequence[Mapping[str, Any]], times: Mapping[int, float], task: str, title: str
) -> None:
    """Draw the `rows` of a log, each with its `step` and `tokens`; `times` are seconds of training by step.

    PNG, SVG or PDF by the file's ending; InputError for another, or without the `plots` extra.
    """
    metric = next((key for row in rows for key in row if key.startswith("valid_")), "")
    with picture(path, 10, 7) as figure:
        figure.suptitle(title, fontsize=11, parse_math=False)
        above, rate, norm = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 1.4))
        _curve(above, rows, "loss", "training loss", "tab:blue")
        above.set_ylabel(f"loss, {'pinball, all quantiles' if 'pinball' in metric else LOSS_UNITS[task]}")
        valid = [(row["tokens"], row[metric]) for row in rows if metric in row]
        if valid:
            other = above.twinx()
            other.plot(*zip(*valid, strict=True), "o-", color="tab:orange", markersize=3, label=_words(metric))
            other.set_ylabel(_words(metric))
            other.legend(loc="upper right", bbox_to_anchor=(1, 0.86), fontsize=8)
        above.legend(loc="upper right", fontsize=8)
        _curve(rate, rows, "learning_rate", "learning rate", "0.3")
        rate.set_ylabel("learning rate")
        _curve(norm, rows, "gradient_norm", "gradient norm", "tab:green")
        norm.set(yscale="log", ylabel="gradient norm", xlabel="tokens or rows read")
        clipped = [(row["tokens"], row["clipped_fraction"]) for row in rows if "clipped_fraction" in row]
        if any(share for _, share in clipped):
            share = norm.twinx()
            share.fill_between(*zip(*clipped, strict=True), color="tab:red", alpha=0.25, linewidth=0)
            share.set(ylim=(0, 1), ylabel="share clipped")
        norm.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        known = [(row["tokens"], times[row["step"]]) for row in rows if row["step"] in times]
        rises = all(a < b for pair in pairwise(known) for a, b in zip(*pair, strict=True))
        if len(known) > 1 and known[-1][1] > _BRIEF and rises:
            tokens, seconds = zip(*[(0, 0.0), *known], strict=True)
            time = above.secondary_xaxis(
                "top", functions=(lambda x: np.interp(x, tokens, seconds), lambda s: np.interp(s, seconds, tokens))
            )
            time.set_xlabel("seconds of training")


def _curve(axes: Any, rows: Sequence[Mapping[str, Any]], key: str, label: str, color: str) -> None:
    found = [(row["tokens"], row[key]) for row in rows if key in row]
    if found:
        axes.plot(*zip(*found, strict=True), color=color, linewidth=1.2, label=label)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("striped", "(in stripes)")
