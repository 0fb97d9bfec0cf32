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
from rnnlm.corpus.batches import Batch, SentenceBatches, StreamBatches
from rnnlm.corpus.ids import Ids
from rnnlm.errors import DivergenceError
from rnnlm.model.likelihood import perplexity
from rnnlm.model.network import LanguageModel, States
from rnnlm.training.checkpoint import Checkpoint, newest_checkpoint, write_checkpoint
from rnnlm.training.metrics import cut_log
from rnnlm.training.optimizer import load_optimizer, make_optimizer, optimizer_tensors
from rnnlm.training.schedule import rate_at
from rnnlm.training.settings import TrainSettings
from rnnlm.training.validation import striped_nats

_LOGS = 200  # lines of metrics.jsonl for a run, about
_VALIDATIONS = 10  # at least, in a run of few epochs


@dataclass(frozen=True)
class Progress:
    """Where a run stands. `share` is done, from 0 to 1; losses in nats per token."""

    step: int
    share: float
    epoch: float
    loss: float
    tokens: int
    seconds: float
    valid_perplexity: float | None


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
    """A finished run: its best weights and what was counted."""

    tensors: Mapping[str, NDArray[Any]]
    steps: int
    tokens_seen: int
    epochs: float
    seconds: float
    valid_perplexity_striped: float | None


class Trainer:
    """One run of one network over one corpus, in a directory of its own."""

    def __init__(
        self, model: LanguageModel, train: Ids, valid: Ids, settings: TrainSettings, directory: Path,
        max_length: int | None, observer: Observer,
    ) -> None:  # fmt: skip
        """`settings` has no None where something must be decided; `max_length` bounds a padded line's tokens."""
        assert settings.batch_size and settings.bptt and settings.learning_rate and settings.dropout is not None
        self._model, self._valid, self._settings, self._observer = model, valid, settings, observer
        self._directory = directory
        self._device = model.bias.device
        self._optimizer = make_optimizer(model, settings.weight_decay)
        bptt = None if settings.bptt == "full" else int(settings.bptt)
        self._batches: StreamBatches | SentenceBatches
        if settings.batching == "stream":
            assert bptt is not None
            self._batches = StreamBatches(train, settings.batch_size, bptt, settings.seed)
        else:
            self._batches = SentenceBatches(train, settings.batch_size, bptt, max_length, settings.seed)
        self._per_epoch = self._batches.tokens_per_epoch
        self._total = settings.tokens or math.ceil((settings.epochs or 0) * self._per_epoch)
        self._noise = torch.Generator(device=self._device).manual_seed(settings.seed)
        self._step, self._tokens, self._loss_sum, self._loss_tokens = 0, 0, 0.0, 0
        self._norm = 0.0
        self._states: States = ()
        self._best: Mapping[str, NDArray[Any]] = {}
        self._best_nats = math.inf
        self._logged, self._validated = 0, 0
        self._seconds_before = 0.0

    @property
    def _share(self) -> float:
        done = self._step / self._settings.steps if self._settings.steps else self._tokens / self._total
        return min(1.0, done)

    def run(self, *, resume: bool) -> Outcome:
        """Train to the end; the best weights by validation, the last ones where there is none.

        Raises Stopped after a signal, DivergenceError when the loss stops being finite.
        """
        metrics, timing = self._directory / "metrics.jsonl", self._directory / "timing.jsonl"
        if resume:
            self._restore()
        cut_log(metrics, self._step)
        started_at = saved_at = time.monotonic()
        checkpoint_seconds = seconds(self._settings.checkpoint_every)
        with metrics.open("a", 1, encoding="utf-8") as log, timing.open("a", 1, encoding="utf-8") as times:
            for batch in self._batches:
                loss = self._train_step(batch)
                elapsed = self._seconds_before + time.monotonic() - started_at
                done = self._share >= 1.0
                self._log(log, times, elapsed, last=done)
                valid = math.exp(self._best_nats) if math.isfinite(self._best_nats) else None
                self._observer.progress(
                    Progress(
                        self._step, self._share, self._tokens / self._per_epoch, loss, self._tokens, elapsed, valid
                    )
                )
                if done:
                    break
                number = self._observer.stop_signal()
                if number is not None or time.monotonic() - saved_at >= checkpoint_seconds:
                    self._save(elapsed)
                    saved_at = time.monotonic()
                    if number is not None:
                        raise Stopped(number)
        return Outcome(
            self._best or self._model.tensors(),
            self._step,
            self._tokens,
            self._tokens / self._per_epoch,
            elapsed,
            math.exp(self._best_nats) if math.isfinite(self._best_nats) else None,
        )

    def _train_step(self, batch: Batch) -> float:
        """One update; the batch's loss in nats per token."""
        model, settings = self._model, self._settings
        model.train()
        rate = rate_at(self._share, float(settings.learning_rate or 0), settings.warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        states = self._carried(batch)
        inputs = torch.from_numpy(batch.inputs).to(self._device)
        targets = torch.from_numpy(batch.targets).to(self._device)
        hidden, states = model(inputs, states, float(settings.dropout or 0), self._noise)
        count = batch.predictions
        loss = model.loss(hidden.flatten(0, 1), targets.flatten()) / max(1, count)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        limit = settings.clip or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), limit))
        value = float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise DivergenceError(
                f"the loss is no longer finite after {self._step:,} steps",
                "use a lower --learning-rate, or a smaller --clip",
            )
        self._optimizer.step()
        self._states = tuple(tuple(part.detach() for part in state) for state in states)
        self._step += 1
        self._tokens += count
        self._loss_sum += value * count
        self._loss_tokens += count
        self._norm = norm
        return value

    def _carried(self, batch: Batch) -> States:
        """The states after the last segment, those of fresh sequences back at zero."""
        size = batch.inputs.shape[1]
        if not self._states or self._states[0][0].shape[0] != size:
            return self._model.initial_state(size)
        keep = torch.from_numpy(~batch.fresh).to(self._device).unsqueeze(1)
        return tuple(tuple(part * keep for part in state) for state in self._states)

    def _log(self, log: Any, times: Any, elapsed: float, *, last: bool) -> None:
        """A line of metrics now and then; validation at every pass and at least ten times a run."""
        line: dict[str, Any] = {}
        if last or int(self._share * _LOGS) > self._logged:
            self._logged = int(self._share * _LOGS)
            line = {"loss": self._loss_sum / max(1, self._loss_tokens), "gradient_norm": self._norm}
            self._loss_sum, self._loss_tokens = 0.0, 0
        due = int(self._share * max(_VALIDATIONS, round(self._total / self._per_epoch)))
        if (last or due > self._validated) and self._valid.lines:
            self._validated = due
            nats = striped_nats(self._model, self._valid)
            line["valid_perplexity_striped"] = perplexity(nats)
            if nats < self._best_nats:
                self._best_nats, self._best = nats, self._model.tensors()
        if line:
            rate = self._optimizer.param_groups[0]["lr"]
            place = {"step": self._step, "tokens": self._tokens, "epoch": self._tokens / self._per_epoch}
            log.write(json.dumps({**place, "learning_rate": rate, **line}) + "\n")
            times.write(json.dumps({"step": self._step, "seconds": round(elapsed, 3)}) + "\n")

    def _save(self, elapsed: float) -> None:
        tensors = {f"model.{name}": array for name, array in self._model.tensors().items()}
        tensors |= {f"best.{name}": array for name, array in self._best.items()}
        tensors |= optimizer_tensors(self._model, self._optimizer)
        for layer, parts in enumerate(self._states):
            for part, tensor in enumerate(parts):
                tensors[f"state.{layer}.{part}"] = tensor.cpu().numpy()
        tensors["noise"] = self._noise.get_state().cpu().numpy()
        state = {
            "tokens": self._tokens,
            "loss_sum": self._loss_sum,
            "loss_tokens": self._loss_tokens,
            "best_nats": self._best_nats if math.isfinite(self._best_nats) else None,
            "logged": self._logged,
            "validated": self._validated,
            "seconds": elapsed,
            "batches": self._batches.state(),
        }
        write_checkpoint(self._directory / "checkpoints", Checkpoint(self._step, tensors, state))

    def _restore(self) -> None:
        checkpoint = newest_checkpoint(self._directory / "checkpoints", self._observer.notice)
        if checkpoint is None:
            self._observer.notice("there is no checkpoint yet; starting from the beginning")
            return
        tensors, state = checkpoint.tensors, checkpoint.state
        named: dict[str, dict[str, NDArray[Any]]] = {"model": {}, "best": {}, "state": {}}
        for name, array in tensors.items():
            group, _, rest = name.partition(".")
            if group in named:
                named[group][rest] = array
        self._model.load(named["model"], "the checkpoint")
        self._best = named["best"]
        load_optimizer(self._model, self._optimizer, tensors)
        layers = len({name.split(".")[0] for name in named["state"]})
        parts = len(named["state"]) // max(1, layers)
        self._states = tuple(
            tuple(
                torch.from_numpy(np.array(named["state"][f"{layer}.{part}"])).to(self._device) for part in range(parts)
            )
            for layer in range(layers)
        )
        self._noise.set_state(torch.from_numpy(np.array(tensors["noise"])))
        self._step = checkpoint.step
        self._tokens, self._logged, self._validated = (int(state[key]) for key in ("tokens", "logged", "validated"))
        self._loss_sum, self._loss_tokens = float(state["loss_sum"]), int(state["loss_tokens"])
        self._best_nats = math.inf if state["best_nats"] is None else float(state["best_nats"])
        self._seconds_before = float(state["seconds"])
        self._batches.restore(state["batches"])
        self._observer.notice(f"going on after step {self._step:,}")
