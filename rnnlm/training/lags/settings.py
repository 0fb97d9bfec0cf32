"""The settings of the study of lags; imports nothing heavy, so that `--help` stays quick."""

import difflib
from dataclasses import dataclass, replace
from typing import Any, Literal

from rnnlm.config import above, at_least, between, setting
from rnnlm.training.settings import CellName

LagTaskName = Literal["recall", "copy", "adding"]
# Enough for the gated cells to solve recall and adding at lag 100; copy stays hard. Adding needs the higher rate;
# with it simple networks learn a part of recall from one seed and nothing from another.
STEPS: dict[str, int] = {"recall": 600, "copy": 1000, "adding": 1000}
RATES: dict[str, float] = {"recall": 0.003, "copy": 0.01, "adding": 0.01}


@dataclass(frozen=True)
class Variant:
    """A network of the study: its cell, the init of its recurrent weights, and whether its gradients are clipped."""

    cell: CellName
    recurrent_init: Literal["uniform", "orthogonal"] = "uniform"
    clipped: bool = True


VARIANTS = {
    "elman": Variant("elman"), "elman-unclipped": Variant("elman", clipped=False),
    "elman-orthogonal": Variant("elman", recurrent_init="orthogonal"), "lstm": Variant("lstm"), "gru": Variant("gru"),
}  # fmt: skip


def parse_lags(text: str) -> list[int]:
    """'5,10,20' as whole numbers; ValueError for anything else."""
    return [int(part) for part in text.split(",")]


def parse_cells(text: str) -> list[str]:
    """'elman,lstm' as names."""
    return [part.strip() for part in text.split(",")]


def _lags(text: str) -> str | None:
    try:
        lags = parse_lags(text)
    except ValueError:
        lags = [0]
    good = min(lags) >= 1 and len(set(lags)) == len(lags)
    return None if good else "write whole numbers from 1, each once, as in 5,10,20"


def _cells(text: str) -> str | None:
    cells = parse_cells(text)
    for cell in cells:
        if cell not in VARIANTS:
            close = difflib.get_close_matches(cell, VARIANTS, 1)
            rule = f"{cell!r} is not one of {', '.join(VARIANTS)}"
            return f"{rule}; did you mean {close[0]}?" if close else rule
    return None if len(set(cells)) == len(cells) else "name each once"


def _by_task(values: dict[str, Any]) -> str:
    return ", ".join(f"{value:,} for {task}" for task, value in values.items())


@dataclass(frozen=True)
class LagSettings:
    """The networks and lags to compare, and the training budget of each network."""

    lags: str = setting(
        "5,10,20,50,100", "time steps between cue and recall; for adding, steps of a sequence", _lags, record=False
    )
    cells: str = setting(
        ",".join(VARIANTS),
        "networks: elman, elman-unclipped without gradient clipping, elman-orthogonal with orthogonal init, lstm, gru",
        _cells, record=False,
    )  # fmt: skip
    steps: int | None = setting(None, "updates of each network", at_least(1), auto=_by_task(STEPS), record=False)
    batch_size: int = setting(32, "new sequences in each update", at_least(1), record=False)
    hidden: int = setting(64, "hidden units of each network", between(1, 16384), record=False)
    learning_rate: float | None = setting(None, "peak learning rate", above(0), auto=_by_task(RATES), record=False)
    clip: float = setting(1.0, "maximum gradient norm, except for elman-unclipped", above(0), record=False)
    forget_bias: float | None = setting(
        None, "initial bias of the gate that keeps the state",
        auto="log U(1, T − 1) for each unit, T being the steps of a sequence; its negative for the LSTM's input gate",
        record=False,
    )  # fmt: skip
    seed: int = setting(1, "seed of sequences and networks", between(0, 2**63 - 1), record=False)
    plot: str | None = setting(
        None, "plot the metric against the lag (PNG, SVG or PDF)", auto="none", record=False, file="written"
    )

    def settled(self, task: str) -> "LagSettings":
        """The settings with steps and rate filled in from the task."""
        return replace(self, steps=self.steps or STEPS[task], learning_rate=self.learning_rate or RATES[task])
