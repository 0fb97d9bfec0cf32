"""The training loop: batches in, a best network out; it prints nothing and tells an observer what happens."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.config import seconds
from rnnlm.errors import DivergenceError
from rnnlm.model.network import Network
from rnnlm.model.noise import INPUT_SHARE, Noise
from rnnlm.training.average import Average, may_begin
from rnnlm.training.checkpoint import Checkpoint, newest_checkpoint, write_checkpoint
from rnnlm.training.clipping import clip_gradients
from rnnlm.training.metrics import cut_log
from rnnlm.training.objective import Cost, Objective, penalties
from rnnlm.training.optimizer import load_optimizer, make_optimizer, optimizer_tensors, set_rate
from rnnlm.training.pace import Budget, Pace
from rnnlm.training.schedule import rate_at
from rnnlm.training.settings import TrainSettings

_LOGS = 200  # lines of metrics.jsonl for a run, about
_VALIDATIONS = 10  # at least, in a run of few epochs
_IN_BUDGET = 4  # where they take of the time that is there


@dataclass(frozen=True)
class Progress:
    """Where a run stands. `share` is done, from 0 to 1; `loss` is the mean cost, in nats or half squared error.

    `figure` is the best validation figure so far, `figure_name` what it is.
    """

    step: int
    share: float
    epoch: float
    loss: float
    tokens: int
    seconds: float
    figure_name: str
    figure: float | None


class Observer(Protocol):
    """What the loop tells of itself, and asks: whether to stop."""

    def progress(self, progress: Progress) -> None:
        """Called after every step."""

    def notice(self, text: str) -> None:
        """Called for what a person should know."""

    def stop_signal(self) -> int | None:
        """The signal that asks the run to stop, if one has come."""


class Stopped(Exception):  # noqa: N818
    """The run was asked to stop and has saved a checkpoint."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


@dataclass(frozen=True)
class Outcome:
    """A finished run: its best weights and what was counted; `ends_at` is when a run with a budget is to end."""

    tensors: Mapping[str, NDArray[Any]]
    steps: int
    tokens_seen: int
    operations: int
    epochs: float
    seconds: float
    figure: float | None
    clipped_fraction: float
    ends_at: float | None = None


def noise_of(settings: TrainSettings, generator: torch.Generator) -> Noise:
    """What training drops; rates that were not given follow from `--dropout`."""

    def rate(given: float | None, share: float = 1.0) -> float:
        return share * float(settings.dropout or 0) if given is None else given

    return Noise(
        generator,
        words=rate(settings.dropout_words, 0.0),
        inputs=rate(settings.dropout_inputs, INPUT_SHARE),
        between=rate(settings.dropout_between),
        outputs=rate(settings.dropout_outputs),
        recurrent=rate(settings.dropout_recurrent, 0.0),
        locked=bool(settings.locked),
    )


class Trainer:
    """One run of one network on one objective, in a directory of its own."""

    def __init__(
        self,
        model: Network,
        objective: Objective,
        settings: TrainSettings,
        directory: Path,
        observer: Observer,
        budget: Budget | None = None,
    ) -> None:
        """`settings` has no None where something must be decided; `budget` bounds the run where they do not."""
        assert settings.learning_rate and settings.dropout is not None
        self._model, self._objective, self._settings, self._observer = model, objective, settings, observer
        self._directory = directory
        self._device = model.bias.device
        self._optimizer = make_optimizer(model, settings)
        self._per_epoch = objective.batches.tokens_per_epoch
        tokens = settings.tokens or math.ceil((settings.epochs or 0) * self._per_epoch)
        self._pace = Pace(settings.steps, tokens, budget)
        self._validations = _IN_BUDGET if budget else max(_VALIDATIONS, round(tokens / self._per_epoch))
        self._noise = noise_of(settings, torch.Generator(device=self._device).manual_seed(settings.seed))
        self._average: Average | None = None
        self._costs: list[float] = []  # of the validations so far
        self._step, self._tokens, self._operations, self._clipped = 0, 0, 0, 0
        self._loss_sum, self._loss_count, self._clipped_since, self._steps_since = 0.0, 0, 0, 0
        self._norm, self._rate = 0.0, 0.0
        self._best: Mapping[str, NDArray[Any]] = {}
        self._best_cost = math.inf
        self._logged, self._validated = 0, 0
        self._seconds_before = 0.0
        self._share = 0.0

    def run(self, *, resume: bool) -> Outcome:
        """Train to the end; the best weights by validation, or the last ones where there is none or they are wanted.

        Raises Stopped after a signal, DivergenceError when the loss stops being finite.
        """
        metrics, timing = self._directory / "metrics.jsonl", self._directory / "timing.jsonl"
        if resume:
            self._restore()
        self._pace.begin()
        cut_log(metrics, self._step)
        started_at = saved_at = time.monotonic()
        checkpoint_seconds = seconds(self._settings.checkpoint_every)
        with metrics.open("a", 1, encoding="utf-8") as log, timing.open("a", 1, encoding="utf-8") as times:
            for batch in self._objective.batches:
                self._share = self._pace.share(self._step, self._tokens)
                loss = self._train_step(batch)
                elapsed = self._seconds_before + time.monotonic() - started_at
                self._share = self._pace.share(self._step, self._tokens)
                done = self._share >= 1.0
                self._log(log, times, elapsed, last=done)
                epoch, name = self._tokens / self._per_epoch, self._objective.figure_name
                self._observer.progress(
                    Progress(self._step, self._share, epoch, loss, self._tokens, elapsed, name, self._figure())
                )
                if done:
                    break
                number = self._observer.stop_signal()
                if number is not None or time.monotonic() - saved_at >= checkpoint_seconds:
                    self._save(elapsed)
                    saved_at = time.monotonic()
                    if number is not None:
                        raise Stopped(number)
        tensors, clipped = self._kept(), self._clipped / self._step
        return Outcome(
            tensors, self._step, self._tokens, self._operations, epoch, elapsed, self._figure(), clipped,
            self._pace.ends_at(),
        )  # fmt: skip

    def _figure(self) -> float | None:
        """The best validation figure so far."""
        return self._objective.figure(self._best_cost) if math.isfinite(self._best_cost) else None

    def _kept(self) -> Mapping[str, NDArray[Any]]:
        """The weights of the finished model."""
        return self._best if self._best and self._settings.keep == "best" else self._used()

    def _used(self) -> Mapping[str, NDArray[Any]]:
        """The weights that a finished model has: the averaged ones where they are asked for."""
        return self._average.tensors() if self._average else self._model.tensors()

    def _train_step(self, batch: Any) -> float:
        """One update; the batch's mean cost."""
        model, settings = self._model, self._settings
        model.train()
        self._rate = rate_at(settings, self._share, self._tokens / self._per_epoch)
        cost = self._objective.cost(model, batch, self._noise, self._share)
        loss = cost.total / max(1, cost.count)
        extra = penalties(settings, cost.reading, cost.inside)
        self._optimizer.zero_grad(set_to_none=True)
        (loss if extra is None else loss + extra).backward()  # type: ignore[no-untyped-call]
        norm, clipped = clip_gradients(list(model.parameters()), settings.clip, settings.clip_value)
        value = float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise DivergenceError(
                f"the loss is no longer finite after {self._step:,} steps",
                "use a lower --learning-rate, or a smaller --clip",
            )
        set_rate(self._optimizer, self._rate * self._scale(cost))
        self._optimizer.step()
        if self._average is None and settings.average and self._share >= settings.average_from:
            self._average = Average(model, settings.average)
        elif self._average is not None:
            self._average.update(model)
        self._step += 1
        self._tokens += cost.tokens
        self._operations += cost.operations
        self._loss_sum += value * cost.count
        self._loss_count += cost.count
        self._clipped += clipped
        self._clipped_since += clipped
        self._steps_since += 1
        self._norm = norm
        return value

    def _scale(self, cost: Cost) -> float:
        """Plain gradient descent takes a step in proportion to the segment's length, as each step sums its gradient."""
        if self._settings.optimizer == "adamw" or self._settings.bptt in (None, "full"):
            return 1.0
        return len(cost.reading.h) / int(self._settings.bptt or 1)

    def _log(self, log: Any, times: Any, elapsed: float, *, last: bool) -> None:
        """A line of metrics now and then; validation at every pass and at least ten times a run."""
        line: dict[str, Any] = {}
        if last or int(self._share * _LOGS) > self._logged:
            self._logged = int(self._share * _LOGS)
            line = {
                "loss": self._loss_sum / max(1, self._loss_count),
                "gradient_norm": self._norm,
                "clipped_fraction": self._clipped_since / max(1, self._steps_since),
            }
            self._loss_sum, self._loss_count, self._clipped_since, self._steps_since = 0.0, 0, 0, 0
        due = int(self._share * self._validations)
        if last or due > self._validated:
            self._validated = due
            if self._average:
                with self._average.in_place_of(self._model):
                    cost = self._objective.validate(self._model)
            else:
                cost = self._objective.validate(self._model)
            if cost is not None:
                line[self._objective.figure_name] = self._objective.figure(cost)
                if cost < self._best_cost:
                    self._best_cost, self._best = cost, self._used()
                self._costs.append(cost)
                averages = self._settings.optimizer == "nt-asgd" and self._average is None
                if averages and may_begin(self._costs, self._settings.patience):
                    self._average = Average(self._model, None)
                    self._observer.notice(
                        f"validation no longer improves: weights are averaged from step {self._step:,} on"
                    )
        if line:
            place = {"step": self._step, "tokens": self._tokens, "epoch": self._tokens / self._per_epoch}
            log.write(json.dumps({**place, "learning_rate": self._rate, **line}) + "\n")
            times.write(json.dumps({"step": self._step, "seconds": round(elapsed, 3)}) + "\n")

    def _save(self, elapsed: float) -> None:
        tensors = {f"model.{name}": array for name, array in self._model.tensors().items()}
        tensors |= {f"best.{name}": array for name, array in self._best.items()}
        tensors |= optimizer_tensors(self._model, self._optimizer)
        if self._average:
            tensors |= {f"average.{name}": array for name, array in self._average.tensors().items()}
        for layer, parts in enumerate(self._objective.states):
            for part, tensor in enumerate(parts):
                tensors[f"state.{layer}.{part}"] = tensor.cpu().numpy()
        tensors["noise"] = self._noise.generator.get_state().cpu().numpy()
        state = {
            "tokens": self._tokens,
            "operations": self._operations,
            "loss_sum": self._loss_sum,
            "loss_count": self._loss_count,
            "clipped": self._clipped,
            "clipped_since": self._clipped_since,
            "steps_since": self._steps_since,
            "best_cost": self._best_cost if math.isfinite(self._best_cost) else None,
            "logged": self._logged,
            "validated": self._validated,
            "seconds": elapsed,
            "batches": self._objective.batches.state(),
            "pace": self._pace.state(),
            "averaged": self._average.updates if self._average else None,
            "costs": self._costs,
        }
        write_checkpoint(self._directory / "checkpoints", Checkpoint(self._step, tensors, state))

    def _restore(self) -> None:
        checkpoint = newest_checkpoint(self._directory / "checkpoints", self._observer.notice)
        if checkpoint is None:
            self._observer.notice("there is no checkpoint yet; starting from the beginning")
            return
        tensors, state = checkpoint.tensors, checkpoint.state
        named: dict[str, dict[str, NDArray[Any]]] = {"model": {}, "best": {}, "average": {}, "state": {}}
        for name, array in tensors.items():
            group, _, rest = name.partition(".")
            if group in named:
                named[group][rest] = array
        self._model.load(named["model"], "the checkpoint")
        self._best = named["best"]
        if state["averaged"] is not None:
            self._average = Average(self._model, self._settings.average or None)
            self._average.load(named["average"], int(state["averaged"]))
        self._costs = [float(cost) for cost in state["costs"]]
        load_optimizer(self._model, self._optimizer, tensors)
        layers = len({name.split(".")[0] for name in named["state"]})
        parts = len(named["state"]) // max(1, layers)
        self._objective.states = tuple(
            tuple(
                torch.from_numpy(np.array(named["state"][f"{layer}.{part}"])).to(self._device) for part in range(parts)
            )
            for layer in range(layers)
        )
        self._noise.generator.set_state(torch.from_numpy(np.array(tensors["noise"])))
        self._step = checkpoint.step
        self._tokens, self._operations = int(state["tokens"]), int(state["operations"])
        self._logged, self._validated = int(state["logged"]), int(state["validated"])
        self._loss_sum, self._loss_count = float(state["loss_sum"]), int(state["loss_count"])
        counts = ("clipped", "clipped_since", "steps_since")
        self._clipped, self._clipped_since, self._steps_since = (int(state[key]) for key in counts)
        self._best_cost = math.inf if state["best_cost"] is None else float(state["best_cost"])
        self._seconds_before = float(state["seconds"])
        self._objective.batches.restore(state["batches"])
        self._pace.restore(state["pace"])
        self._observer.notice(f"going on after step {self._step:,}")
