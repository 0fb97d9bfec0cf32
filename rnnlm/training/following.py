"""A run on several processes: rank 0 leads with the training loop, the others follow step by step."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import NDArray

from rnnlm.arrays import Tensors
from rnnlm.errors import UsageError
from rnnlm.model.network import Network, States
from rnnlm.model.peak import recurrent_speed
from rnnlm.model.states import taken
from rnnlm.training.learner import Learner, Update
from rnnlm.training.objective import Batch, Objective
from rnnlm.training.ranks import Kind, Order, Ranks
from rnnlm.training.settings import SettledSettings


@dataclass(frozen=True)
class Followed:
    """What a process needs to follow: the network, whose weights it is told, the objective, and the settings."""

    model: Network
    objective: Objective
    settings: SettledSettings


class Leader(Learner):
    """The learner of rank 0: what it does, the others are told to do too."""

    def __init__(self, model: Network, settings: SettledSettings, ranks: Ranks, described: Mapping[str, Any]) -> None:
        """The others build the same network, take its weights, and read what is `described`."""
        super().__init__(model, settings, ranks)
        self._ranks, self._width = ranks, 0
        ranks.tell(Kind.BEGIN)
        network = {"settings": asdict(settings), "architecture": asdict(model.architecture)}
        ranks.share_json({**network, **described})
        ranks.share_tensors(model.tensors())
        ranks.between = True

    @property
    def stop_signal(self) -> int | None:
        """The signal that asked any process to stop."""
        return self._ranks.signal

    def update(self, objective: Objective, batch: Batch, rate: float, fraction: float) -> Update:
        """One update, of all processes."""
        self._ranks.tell(Kind.STEP, rate, fraction)
        self._width = batch.inputs.shape[1]
        return super().update(objective, batch, rate, fraction)

    def begin_average(self) -> None:
        """From now on the weights for use are the mean over all later steps."""
        self._tell(Kind.AVERAGE)
        super().begin_average()

    def go_back(self, weights: Tensors) -> None:
        """Load other weights, and reset optimizer and average."""
        self._tell(Kind.GO_BACK, weights)
        super().go_back(weights)

    def gathered(self, states: States) -> dict[str, NDArray[Any]]:
        """Everything that a step changes, with the states of all processes."""
        if states:
            self._ranks.tell(Kind.GATHER)
            states = self._ranks.gathered(states, self._width)
            self._ranks.between = True
        return super().gathered(states)

    def restore(self, tensors: Tensors, batches: Mapping[str, Any]) -> States:
        """Restore the result of `gathered`; the states are those of this process."""
        self._tell(Kind.RESTORE, tensors, batches)
        return _own(self._ranks, super().restore(tensors, batches))

    def _tell(self, kind: Kind, tensors: Tensors | None = None, value: Any = None) -> None:
        self._ranks.tell(kind)
        if tensors is not None:
            self._ranks.share_tensors(tensors)
        if value is not None:
            self._ranks.share_json(value)
        self._ranks.between = True


def check_processes(settings: SettledSettings, processes: int) -> None:
    """UsageError for more processes than a batch has sequences, or parts that cannot be divided among them."""
    if settings.batch_size < processes:
        raise UsageError(
            f"{processes} processes for batches of {settings.batch_size}", "use fewer, or a larger --batch-size"
        )
    parts = settings.parts
    if parts is not None and (processes & (processes - 1) or parts < processes):
        raise UsageError(f"--parts {parts} with {processes} processes", "use 1, 2, 4 … processes, at most one a part")


def speed_of_all(ranks: Ranks, device: str, seconds: float) -> float:
    """The machine's operations per second in training, measured by all processes at once."""
    ranks.tell(Kind.MEASURE, seconds)
    speed = ranks.total(recurrent_speed(device, seconds))
    ranks.between = True
    return speed


def follow(ranks: Ranks, opened: Callable[[Mapping[str, Any]], Followed]) -> tuple[int, str]:
    """Do what rank 0 tells until it ends; returns its exit code, and its model's directory.

    `opened` is what rank 0 describes, on this process.
    """
    with ranks.heeding_signals():
        while (order := ranks.heard()).kind is Kind.MEASURE:
            ranks.total(recurrent_speed("cpu", order.first))
        if order.kind is Kind.BEGIN:
            order = _follow(ranks, opened(ranks.share_json()))
    return int(order.first), ranks.ended()


def _follow(ranks: Ranks, run: Followed) -> Order:
    """Every step of a run; returns the order that is none of it."""
    model, objective = run.model, run.objective
    model.load(ranks.share_tensors(), "the weights of rank 0")
    learner, batches = Learner(model.train(), run.settings, ranks), iter(objective.batches)
    width = 0
    while (order := ranks.heard()).kind is not Kind.END:
        if order.kind is Kind.STEP:
            batch = next(batches)
            width = batch.inputs.shape[1]
            update = learner.update(objective, batch, order.first, order.second)
            if update.lost is None:
                objective.states = update.computed.states
        elif order.kind is Kind.AVERAGE:
            learner.begin_average()
        elif order.kind is Kind.GO_BACK:
            learner.go_back(ranks.share_tensors())
            objective.states = ()
        elif order.kind is Kind.GATHER:
            ranks.gathered(objective.states, width)
        elif order.kind is Kind.RESTORE:
            tensors, position = ranks.share_tensors(), ranks.share_json()
            objective.batches.restore(position)
            objective.states = _own(ranks, learner.restore(tensors, position))
    return order


def _own(ranks: Ranks, states: States) -> States:
    """The states of this process's columns."""
    return taken(states, ranks.columns(len(states[0][0]))) if states else states
