"""The training loop: batches in, the best network out; it reports to an observer and prints nothing."""

import math
import time
from collections.abc import Callable, Mapping
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
from rnnlm.training.identity import CHECKPOINTS, Identity
from rnnlm.training.journal import Journal, Record
from rnnlm.training.learner import Learner
from rnnlm.training.machine import no_promise
from rnnlm.training.metrics import METRICS, Log, cut_log
from rnnlm.training.objective import Objective
from rnnlm.training.optimizer import rate_at
from rnnlm.training.progress import Observer, Outcome, Progress, Stopped
from rnnlm.training.settings import SettledSettings
from rnnlm.training.state import TRIES, RunState, lower_rate, step_dropped, step_taken

_LOGS = 200  # approximate lines of metrics.jsonl per run
_VALIDATIONS = 10  # minimum, in a run of few epochs
_IN_BUDGET = 4  # with a budget, whose time validations use, where they are bounded
_FIRST_SAVED = 0.02  # of a budget before the first checkpoint: a run killed before that starts its budget again
_REVIEWED = 0.1  # of a budget after which its speed is known
_SAVED_AT_THE_END = 10.0  # seconds of training that justify a checkpoint before evaluating and sealing


class Trainer:
    """One run of one network on one objective, in one directory."""

    def __init__(
        self,
        model: Network,
        objective: Objective,
        settings: SettledSettings,
        directory: Path,
        observer: Observer,
        budget: Budget | None = None,
        *,
        identity: Identity | None = None,
        journal: Journal | None = None,
        record: Record | None = None,
        tries: int = TRIES,
        learner: Learner | None = None,
        review: Callable[[float, float], None] | None = None,
    ) -> None:
        """`budget` bounds the run where the settings do not; `learner` is that of the model, if it exists.

        A run with a budget keeps a `journal`; one with a `record` replays its steps. A run that diverges gives up after
        `tries` returns to good weights. After a tenth of a budget, `review` is given its tokens per second and the
        seconds that are left, and may end the run by an exception.
        """
        self._learner = learner or Learner(model, settings)
        self._objective, self._settings, self._observer = objective, settings, observer
        self._directory, self._run = directory, identity or Identity({}, {}, {}, "")
        self._journal, self._tries, self._review = journal, tries, review
        self._checkpoints = Checkpoints(directory / CHECKPOINTS, self._run)
        self._per_epoch = objective.batches.tokens_per_epoch
        tokens = settings.tokens or math.ceil((settings.epochs or 0) * self._per_epoch)
        self._clock = BudgetClock(settings.steps, tokens, budget) if record is None else ReplayedClock(record)
        in_time = budget is not None or record is not None
        interval = seconds(settings.checkpoint_every)
        # Seconds before the first checkpoint, and between later ones.
        self._intervals = min(interval, _FIRST_SAVED * budget.seconds) if budget else interval, interval
        few = in_time and objective.bounded
        self._validations = _IN_BUDGET if few else max(_VALIDATIONS, round(tokens / self._per_epoch))
        self._state = RunState()
        self._good: Mapping[str, NDArray[Any]] = {}
        self._norm, self._rate = 0.0, 0.0

    def run(self, *, resume: bool) -> Outcome:
        """Train to the end; the best weights by validation, or the last ones without validation or on request.

        Raises Stopped after a signal, DivergenceError if the loss is not finite at any rate.
        """
        state = self._begin(resume=resume)
        before, started_at = state.seconds, time.monotonic()
        saved_at, saved_step = started_at, state.step
        batches = iter(self._objective.batches)
        with Log(self._directory) as log:
            while state.fraction < 1.0:
                loss = self._train_step(next(batches), log)
                # Read once per step: the log and the next step use the same fraction, also in a replay.
                earlier, state.fraction = state.fraction, self._clock.fraction(state.step, state.tokens)
                if self._review is not None and earlier < _REVIEWED <= state.fraction:
                    whole = self._clock.seconds
                    self._review(state.tokens / (state.fraction * whole), (1 - state.fraction) * whole)
                state.seconds = before + time.monotonic() - started_at
                done = state.fraction >= 1.0
                self._log(log, last=done)
                self._observer.progress(self._progress(loss))
                number, every = self._stop_signal(), self._settings.checkpoint_steps
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

    def _stop_signal(self) -> int | None:
        """The signal that asks the run to stop, if any."""
        number = self._observer.stop_signal()
        return self._learner.stop_signal if number is None else number

    def _begin(self, *, resume: bool) -> RunState:
        """Start, or continue from the newest checkpoint, to which logs and journal are truncated."""
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
        self._clock.begin()
        if checkpoint is None:
            state.fraction = self._clock.fraction(0, 0)
        else:
            self._clock.reached(broke_off_at)
        return state

    def _train_step(self, batch: Any, log: Log) -> float:
        """One update; the batch's mean cost."""
        state, objective, learner = self._state, self._objective, self._learner
        rate = self._clock.rate(state.step)
        if rate is None:
            rate = rate_at(self._settings, state.fraction, state.tokens / self._per_epoch) * state.rate_factor
        self._rate = rate
        learner.model.train()
        length = len(batch.inputs)
        self._clock.check(state.step, length)
        update = learner.update(objective, batch, rate, state.fraction)
        computed = update.computed
        if self._journal is not None:
            self._journal.write(state.step, state.fraction, rate, length)
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
        """Record a step left out because its loss or gradient is not finite; go back if there are too many."""
        state = self._state
        back = step_dropped(state)
        log.write({**self._fields(), "left_out_for": what}, state.seconds)
        if state.strikes < 2:  # no repeated notices
            self._observer.notice(f"step {state.step:,} is left out: its {what} is not finite")
        if back:
            self._go_back(log)

    def _go_back(self, log: Log) -> None:
        """Go back to the last good weights, with a lower rate; DivergenceError if that was tried too often."""
        state = self._state
        try:
            lower_rate(state, self._tries)
        except DivergenceError as error:
            kept = self._checkpoints.write_good(self._last_good())
            hint = f"{error.hint}; the best weights so far, of step {state.good_step:,}, are the model {kept}"
            raise DivergenceError(error.message, hint) from None
        self._learner.go_back(self._good)
        self._objective.states = ()
        log.write({**self._fields(), "back_to_step": state.good_step, "rate_factor": state.rate_factor}, state.seconds)
        self._observer.notice(
            f"diverged at step {state.step:,}: back to the weights of step {state.good_step:,}, "
            f"and from now on {state.rate_factor:g} of the rate"
        )

    def _log(self, log: Log, *, last: bool) -> None:
        """Write a line of metrics if one is due; validate every epoch and at least ten times per run."""
        state = self._state
        line: dict[str, Any] = {}
        if (last or int(state.fraction * _LOGS) > state.logged) and state.steps_since:
            state.logged = int(state.fraction * _LOGS)
            line = {
                "loss": state.loss_sum / max(1, state.loss_count),
                "gradient_norm": self._norm if math.isfinite(self._norm) else None,
                "clipped_fraction": state.clipped_since / state.steps_since,
            }
            state.loss_sum, state.loss_count, state.clipped_since, state.steps_since = 0.0, 0, 0, 0
        due = int(state.fraction * self._validations)
        if last or due > state.validated:
            state.validated = due
            metric = self._validate(log)
            line |= {} if metric is None else {self._objective.metric_name: metric}
        if line:
            log.write({**self._fields(), **line}, state.seconds)

    def _validate(self, log: Log) -> float | None:
        """The metric of the validation split, None if it is empty; keeps the best weights, or the last ones."""
        state, learner = self._state, self._learner
        try:
            with learner.in_use() as model:
                cost = self._objective.validate(model)
            metric = math.inf if cost is None else self._objective.metric(cost)
        except DivergenceError:  # it overflows
            cost = metric = math.inf
        if cost is None:
            if learner.finite():
                self._good, state.good_step = learner.weights(), state.step
            return None
        if not math.isfinite(metric):
            self._go_back(log)
            return None
        if state.best_cost is None or cost < state.best_cost:
            state.best_cost, self._good, state.good_step = cost, learner.weights(), state.step
        state.costs.append(cost)
        averages = self._settings.optimizer == "nt-asgd" and not learner.averages
        if averages and may_begin(state.costs, self._settings.patience):
            learner.begin_average()
            self._observer.notice(f"validation no longer improves: weights are averaged from step {state.step:,} on")
        return metric

    def _fields(self) -> dict[str, Any]:
        """The fields of every line of the log."""
        state = self._state
        epoch = state.tokens / self._per_epoch
        return {"step": state.step, "tokens": state.tokens, "epoch": epoch, "learning_rate": self._rate}

    def _progress(self, loss: float) -> Progress:
        state, name = self._state, self._objective.metric_name
        epoch = state.tokens / self._per_epoch
        return Progress(state.step, state.fraction, epoch, loss, state.tokens, state.seconds, name, self._metric())

    def _metric(self) -> float | None:
        """The best validation metric so far."""
        cost = self._state.best_cost
        return None if cost is None else self._objective.metric(cost)

    def _outcome(self) -> Outcome:
        """The finished run; DivergenceError if its weights are not finite."""
        state, best = self._state, self._state.best_cost is not None and self._settings.keep == "best"
        tensors = self._good if best else self._learner.weights()
        if not all(np.isfinite(each).all() for each in tensors.values()):
            lower_rate(state, 0)
        if self._journal is not None:
            self._journal.finish()
        return Outcome(
            tensors, state.step, state.tokens, state.operations, state.tokens / self._per_epoch, state.seconds,
            self._metric(), state.clipped / max(1, state.step), state.dropped, state.returned, self._clock.ends_at(),
        )  # fmt: skip

    def _last_good(self) -> Good:
        metric = self._metric()
        return Good(self._state.good_step, self._good, {} if metric is None else {self._objective.metric_name: metric})

    def _save(self, log: Log) -> None:
        """Write a checkpoint, after making durable what it relies on."""
        log.sync()
        if self._journal is not None:
            self._journal.sync()
        tensors = self._learner.gathered(self._objective.states)
        state = {"run": self._state.to_json(), "batches": self._objective.batches.state(), "pace": self._clock.state()}
        self._checkpoints.write(self._state.step, tensors, state, self._last_good())

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Restore everything from a checkpoint; ArtifactError if it does not fit."""
        try:
            self._state = RunState.from_json(checkpoint.state["run"])
            self._objective.batches.restore(checkpoint.state["batches"])
            self._objective.states = self._learner.restore(checkpoint.tensors, checkpoint.state["batches"])
            self._clock.restore(checkpoint.state["pace"])
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError):
            name = f"checkpoint step-{checkpoint.step:012}"
            raise ArtifactError(f"{name} does not fit the run", "train again with --force") from None
        self._good = checkpoint.good.weights
        doubt = no_promise(checkpoint.machine, self._run.machine)
        if doubt is not None:
            self._observer.notice(doubt)
        self._observer.notice(f"continuing after step {self._state.step:,}")
