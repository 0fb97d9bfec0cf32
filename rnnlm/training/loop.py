"""The training loop: batches in, a best network out; it prints nothing and tells an observer what happens."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.config import seconds
from rnnlm.errors import ArtifactError, DivergenceError
from rnnlm.model.network import Network
from rnnlm.training.average import may_begin
from rnnlm.training.budget_clock import Budget, BudgetClock, ReplayedClock
from rnnlm.training.checkpoint import Checkpoint, Checkpoints, Good
from rnnlm.training.divergence import TRIES, lower_rate, step_dropped, step_taken
from rnnlm.training.journal import Journal, Record
from rnnlm.training.learner import Learner
from rnnlm.training.metrics import METRICS, Log, cut_log
from rnnlm.training.objective import Objective
from rnnlm.training.origin import Origin, no_promise
from rnnlm.training.progress import Observer, Outcome, Progress, Stopped
from rnnlm.training.schedule import rate_at
from rnnlm.training.settings import TrainSettings
from rnnlm.training.state import RunState

_LOGS = 200  # lines of metrics.jsonl for a run, about
_VALIDATIONS = 10  # at least, in a run of few epochs
_IN_BUDGET = 4  # where they take of the time that is there
_FIRST_SAVED = 0.02  # of a budget, after which there is a checkpoint: a run killed before it begins its budget anew
_SAVED_AT_THE_END = 10.0  # seconds of training worth a checkpoint before the model is measured and sealed


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
        *,
        origin: Origin | None = None,
        journal: Journal | None = None,
        record: Record | None = None,
        tries: int = TRIES,
    ) -> None:
        """`settings` has no None where something must be decided; `budget` bounds the run where they do not.

        A run with a budget keeps a `journal`; one with a `record` takes the steps that are in it. After `tries` returns
        to good weights a run that diverges gives up.
        """
        assert settings.learning_rate and settings.dropout is not None
        self._learner = Learner(model, settings)
        self._objective, self._settings, self._observer = objective, settings, observer
        self._directory, self._origin = directory, origin or Origin()
        self._journal, self._tries = journal, tries
        self._checkpoints = Checkpoints(directory / "checkpoints", self._origin)
        self._per_epoch = objective.batches.tokens_per_epoch
        tokens = settings.tokens or math.ceil((settings.epochs or 0) * self._per_epoch)
        self._pace = BudgetClock(settings.steps, tokens, budget) if record is None else ReplayedClock(record)
        in_time = budget is not None or record is not None
        interval = seconds(settings.checkpoint_every)
        # Seconds up to the first checkpoint, and between later ones.
        self._intervals = min(interval, _FIRST_SAVED * budget.seconds) if budget else interval, interval
        self._validations = _IN_BUDGET if in_time else max(_VALIDATIONS, round(tokens / self._per_epoch))
        self._state = RunState()
        self._good: Mapping[str, NDArray[Any]] = {}
        self._norm, self._rate = 0.0, 0.0

    def run(self, *, resume: bool) -> Outcome:
        """Train to the end; the best weights by validation, or the last ones where there is none or they are wanted.

        Raises Stopped after a signal, DivergenceError when the loss stops being finite whatever the rate.
        """
        state = self._begin(resume=resume)
        before, started_at = state.seconds, time.monotonic()
        saved_at, saved_step = started_at, state.step
        batches = iter(self._objective.batches)
        with Log(self._directory) as log:
            while state.share < 1.0:
                loss = self._train_step(next(batches), log)
                # Read once a step: what is logged now and the next step go by the same share, also in a replay.
                state.share = self._pace.share(state.step, state.tokens)
                state.seconds = before + time.monotonic() - started_at
                done = state.share >= 1.0
                self._log(log, last=done)
                self._observer.progress(self._progress(loss))
                number, every = self._observer.stop_signal(), self._settings.checkpoint_steps
                waited = time.monotonic() - saved_at
                due = waited >= self._intervals[saved_step > 0] or bool(every and state.step % every == 0)
                if done:  # a budget has no time for it
                    due = waited >= _SAVED_AT_THE_END and self._journal is None
                if (due or number is not None) and self._learner.finite():
                    self._save(log)
                    saved_at, saved_step = time.monotonic(), state.step
                if number is not None and saved_step == state.step:
                    raise Stopped(number)
        return self._outcome()

    def _begin(self, *, resume: bool) -> RunState:
        """Start, or go on from the newest checkpoint; logs and journal are cut back to it."""
        checkpoint = self._checkpoints.newest(self._observer.notice) if resume else None
        if checkpoint is not None:
            self._restore(checkpoint)
        else:
            self._good = self._learner.weights()
            if resume:
                self._observer.notice("there is no checkpoint yet; starting from the beginning")
        state = self._state
        cut_log(self._directory / METRICS, state.step)
        broke_off_at = 0.0 if self._journal is None else self._journal.cut(state.step)
        self._pace.begin()
        if checkpoint is None:
            state.share = self._pace.share(0, 0)
        else:
            self._pace.reached(broke_off_at)
        return state

    def _train_step(self, batch: Any, log: Log) -> float:
        """One update; the batch's mean cost."""
        state, objective, learner = self._state, self._objective, self._learner
        rate = self._pace.rate(state.step)
        if rate is None:
            rate = rate_at(self._settings, state.share, state.tokens / self._per_epoch) * state.rate_factor
        self._rate = rate
        learner.model.train()
        length = len(batch.inputs)
        self._pace.check(state.step, length)
        update = learner.update(objective, batch, rate, state.share)
        computed = update.computed
        if self._journal is not None:
            self._journal.write(state.step, state.share, rate, length)
        self._norm = update.norm
        state.step += 1
        state.tokens += computed.tokens
        state.operations += computed.operations
        if update.lost is not None:
            self._drop(log, update.lost)
            return computed.loss
        objective.states = computed.states
        step_taken(state)
        state.loss_sum += computed.loss * computed.predictions
        state.loss_count += computed.predictions
        state.clipped += update.clipped
        state.clipped_since += update.clipped
        state.steps_since += 1
        return computed.loss

    def _drop(self, log: Log, what: str) -> None:
        """Record a step that was left out, for its loss or gradient is not finite; go back where it is one of many."""
        state = self._state
        back = step_dropped(state)
        log.write({**self._place(), "left_out_for": what}, state.seconds)
        if state.strikes < 2:  # what follows closely is not said again
            self._observer.notice(f"step {state.step:,} is left out: its {what} is not finite")
        if back:
            self._go_back(log)

    def _go_back(self, log: Log) -> None:
        """Take the last good weights again, with a lower rate; DivergenceError where that was tried too often."""
        state = self._state
        try:
            lower_rate(state, self._tries)
        except DivergenceError as error:
            kept = self._checkpoints.write_good(self._last_good())
            hint = f"{error.hint}; the best weights so far, of step {state.good_step:,}, are the model {kept}"
            raise DivergenceError(error.message, hint) from None
        self._learner.go_back(self._good)
        self._objective.states = ()
        log.write({**self._place(), "back_to_step": state.good_step, "rate_factor": state.rate_factor}, state.seconds)
        self._observer.notice(
            f"diverged at step {state.step:,}: back to the weights of step {state.good_step:,}, "
            f"and from here on {state.rate_factor:g} of the rate"
        )

    def _log(self, log: Log, *, last: bool) -> None:
        """A line of metrics now and then; validation at every pass and at least ten times a run."""
        state = self._state
        line: dict[str, Any] = {}
        if (last or int(state.share * _LOGS) > state.logged) and state.steps_since:
            state.logged = int(state.share * _LOGS)
            line = {
                "loss": state.loss_sum / max(1, state.loss_count),
                "gradient_norm": self._norm if math.isfinite(self._norm) else None,
                "clipped_fraction": state.clipped_since / state.steps_since,
            }
            state.loss_sum, state.loss_count, state.clipped_since, state.steps_since = 0.0, 0, 0, 0
        due = int(state.share * self._validations)
        if last or due > state.validated:
            state.validated = due
            figure = self._validate(log)
            line |= {} if figure is None else {self._objective.figure_name: figure}
        if line:
            log.write({**self._place(), **line}, state.seconds)

    def _validate(self, log: Log) -> float | None:
        """The figure of the validation split, None where there is none; its best weights are kept, or the last ones."""
        state, learner = self._state, self._learner
        with learner.in_use() as model:
            cost = self._objective.validate(model)
        if cost is None:
            if learner.finite():
                self._good, state.good_step = learner.weights(), state.step
            return None
        try:
            figure = self._objective.figure(cost)
        except DivergenceError:  # no number to speak of
            figure = math.inf
        if not math.isfinite(figure):
            self._go_back(log)
            return None
        if state.best_cost is None or cost < state.best_cost:
            state.best_cost, self._good, state.good_step = cost, learner.weights(), state.step
        state.costs.append(cost)
        averages = self._settings.optimizer == "nt-asgd" and not learner.averages
        if averages and may_begin(state.costs, self._settings.patience):
            learner.begin_average()
            self._observer.notice(f"validation no longer improves: weights are averaged from step {state.step:,} on")
        return figure

    def _place(self) -> dict[str, Any]:
        """What every line of the log says."""
        state = self._state
        epoch = state.tokens / self._per_epoch
        return {"step": state.step, "tokens": state.tokens, "epoch": epoch, "learning_rate": self._rate}

    def _progress(self, loss: float) -> Progress:
        state, name = self._state, self._objective.figure_name
        epoch = state.tokens / self._per_epoch
        return Progress(state.step, state.share, epoch, loss, state.tokens, state.seconds, name, self._figure())

    def _figure(self) -> float | None:
        """The best validation figure so far."""
        cost = self._state.best_cost
        return None if cost is None else self._objective.figure(cost)

    def _outcome(self) -> Outcome:
        """The finished run; DivergenceError where its weights are not finite after all."""
        state, best = self._state, self._state.best_cost is not None and self._settings.keep == "best"
        tensors = self._good if best else self._learner.weights()
        if not all(np.isfinite(each).all() for each in tensors.values()):
            lower_rate(state, 0)
        if self._journal is not None:
            self._journal.finish()
        return Outcome(
            tensors, state.step, state.tokens, state.operations, state.tokens / self._per_epoch, state.seconds,
            self._figure(), state.clipped / max(1, state.step), state.dropped, state.returned, self._pace.ends_at(),
        )  # fmt: skip

    def _last_good(self) -> Good:
        figure = self._figure()
        return Good(self._state.good_step, self._good, {} if figure is None else {self._objective.figure_name: figure})

    def _save(self, log: Log) -> None:
        """Write a checkpoint, and before it what it counts on."""
        log.sync()
        if self._journal is not None:
            self._journal.sync()
        tensors = self._learner.gathered(self._objective.states)
        state = {
            "run": self._state.to_json(),
            "batches": self._objective.batches.state(),
            "pace": self._pace.state(),
        }
        self._checkpoints.write(self._state.step, tensors, state, self._last_good())

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Take all over from a checkpoint; ArtifactError where it does not fit."""
        try:
            self._state = RunState.from_json(checkpoint.state["run"])
            self._objective.states = self._learner.restore(checkpoint.tensors)
            self._objective.batches.restore(checkpoint.state["batches"])
            self._pace.restore(checkpoint.state["pace"])
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError):
            name = f"checkpoint step-{checkpoint.step:012}"
            raise ArtifactError(f"{name} does not fit the run", "train again with --force") from None
        self._good = checkpoint.good.weights
        doubt = no_promise(checkpoint.machine, self._origin.machine)
        if doubt is not None:
            self._observer.notice(doubt)
        self._observer.notice(f"continuing after step {self._state.step:,}")
