"""How far back networks remember: several trained with the same budget, over a range of lags, on new sequences.

Every run uses the ordinary trainer, in a temporary directory.
"""

import contextlib
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlm.errors import DivergenceError
from rnnlm.model.cells.lstm import Lstm
from rnnlm.model.network import Network, WeightInit
from rnnlm.model.prediction import label_nats, predictions
from rnnlm.training.lags.settings import VARIANTS, LagSettings, Variant, parse_cells, parse_lags
from rnnlm.training.lags.tasks import LAG_TASKS, LagTask, TaskSequences
from rnnlm.training.loop import Trainer
from rnnlm.training.progress import Outcome, Progress
from rnnlm.training.sequences import SequenceObjective
from rnnlm.training.settings import SettledSettings, TrainSettings, settled

VALIDATED, TESTED = 250, 2000  # sequences that select the best weights, and that measure them
_HELD = 2**24  # limit on the steps of all training sequences together; a longer run repeats sequences
_SIDE_BY_SIDE = 250


@dataclass(frozen=True)
class LagRun:
    """One network at one lag: the task's metrics on new sequences, None after a loss that was not finite."""

    network: str
    lag: int
    metrics: Mapping[str, float | None]
    steps: int
    seconds: float
    parameters: int
    clipped_fraction: float | None

    @property
    def diverged(self) -> bool:
        """Whether the loss stopped being finite."""
        return None in self.metrics.values()

    def record(self) -> dict[str, Any]:
        """The run as JSON."""
        return {
            "network": self.network, "lag": self.lag, **self.metrics, "diverged": self.diverged, "steps": self.steps,
            "seconds": round(self.seconds, 3), "parameters": self.parameters, "clipped_fraction": self.clipped_fraction,
        }  # fmt: skip


class _LastProgress:
    """Records the progress of a run, for one that diverges."""

    def __init__(self) -> None:
        self.steps, self.seconds = 0, 0.0

    def progress(self, progress: Progress) -> None:
        self.steps, self.seconds = progress.step, progress.seconds

    def notice(self, text: str) -> None:
        pass

    def stop_signal(self) -> int | None:
        return None


def lag_study(task: str, settings: LagSettings, device: str) -> Iterator[LagRun]:
    """Each network at each lag in turn, as its run ends; all networks at one lag read the same sequences.

    A run's result depends on the seed and its settings, not on the other runs. Raises UsageError for a lag that
    the task cannot have, before the first run.
    """
    chosen, settings, lags = LAG_TASKS[task], settings.settled(task), parse_lags(settings.lags)
    for lag in lags:
        TaskSequences(chosen, lag, 1, _random(settings.seed, lag, 0))
    return _runs(chosen, settings, lags, device)


def _runs(task: LagTask, settings: LagSettings, lags: list[int], device: str) -> Iterator[LagRun]:
    assert settings.steps
    for lag in lags:
        steps = int(TaskSequences(task, lag, 1, _random(settings.seed, lag, 0)).lengths()[0])
        counts = (max(1, min(settings.steps * settings.batch_size, _HELD // steps)), VALIDATED, TESTED)
        train, valid, test = (
            TaskSequences(task, lag, count, _random(settings.seed, lag, split)) for split, count in enumerate(counts)
        )
        for name in parse_cells(settings.cells):
            yield _run(task, settings, name, lag, (train, valid, test), device)


def _random(seed: int, lag: int, split: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, lag, split]))


def _run(
    task: LagTask,
    settings: LagSettings,
    name: str,
    lag: int,
    splits: tuple[TaskSequences, TaskSequences, TaskSequences],
    device: str,
) -> LagRun:
    """Train one network and measure it."""
    train, valid, test = splits
    training = _training(VARIANTS[name], settings)
    network = _network(task, training, settings, int(train.lengths()[0])).to(device)
    last = _LastProgress()
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        objective = SequenceObjective(train, valid, training, task.kind)
        trainer = Trainer(network, objective, training, Path(directory), last, tries=0)
        outcome: Outcome | None = None
        with contextlib.suppress(DivergenceError):
            outcome = trainer.run(resume=False)
    metrics: dict[str, float | None] = dict.fromkeys(task.measures)
    if outcome is not None:
        network.load(outcome.tensors, "the best weights")
        metrics.update(_metrics(network, test))
    return LagRun(
        name, lag, metrics, last.steps, last.seconds, network.parameter_count,
        None if outcome is None else outcome.clipped_fraction,
    )  # fmt: skip


def _training(variant: Variant, settings: LagSettings) -> SettledSettings:
    """The budget as the trainer takes it: no regularization, as no sequence repeats often enough to be memorized."""
    given = TrainSettings(
        cell=variant.cell, recurrent_init=variant.recurrent_init, steps=settings.steps, bptt="full",
        clip=settings.clip if variant.clipped else 0.0, weight_decay=0.0, seed=settings.seed,
        checkpoint_every="10000h",  # a temporary directory is never resumed
    )  # fmt: skip
    return settled(given, hidden=settings.hidden, batch_size=settings.batch_size, learning_rate=settings.learning_rate)


def _network(task: LagTask, training: SettledSettings, settings: LagSettings, steps: int) -> Network:
    """A new network for sequences of `steps` steps."""
    generator = torch.Generator().manual_seed(settings.seed)
    start = WeightInit(training.recurrent_init, settings.forget_bias or 0.0)
    network = Network(task.architecture(training.cell, settings.hidden), generator, start)
    if settings.forget_bias is None:
        open_gates(network, steps, generator)
    return network


def open_gates(network: Network, steps: int, generator: torch.Generator) -> None:
    """Let the units keep their state for 1 to `steps` steps (chrono initialization, Tallec & Ollivier 2018).

        b = log m,  m ~ U(1, steps − 1);   the LSTM's input gate: −b

    σ(b) = m / (1 + m) forgets e-fold over about 1 + m steps. In the GRU one gate does both; cells without a gate that
    keeps the state are unchanged. Without the closed input gate an LSTM that keeps its state for 100 steps also
    sums up 100 distractors, and then learned recall at lag 100 from two seeds of three.
    """
    for cell in network.cells:
        if cell.KEEPS is None:
            continue
        H = cell.hidden
        m = torch.empty(H).uniform_(1, max(2, steps) - 1, generator=generator)
        with torch.no_grad():
            cell.b[cell.KEEPS * H : (cell.KEEPS + 1) * H] = m.log()
            if isinstance(cell, Lstm):
                cell.b[:H] = -m.log()


def _metrics(network: Network, data: TaskSequences) -> dict[str, float]:
    """The task's metrics over all targets."""
    pieces = list(predictions(network, data, _SIDE_BY_SIDE))
    if network.architecture.task == "forecast":
        errors = np.concatenate([piece.last() - piece.last_targets() for piece in pieces])
        return {"mean_squared_error": float(np.mean(errors**2))}
    right = [(piece.outputs.argmax(-1) == piece.targets)[piece.targets >= 0] for piece in pieces]
    nats = [label_nats(piece.outputs, piece.targets) for piece in pieces]
    return {
        "accuracy": float(np.mean(np.concatenate(right))),
        "nats_per_label": math.fsum(np.concatenate(nats)) / sum(map(len, nats)),
    }
