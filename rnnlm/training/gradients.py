"""The gradient of a batch: computed whole, or in parts on several cores or in several processes and then added."""

import functools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rnnlm.model.dropout import INPUT_FRACTION, Dropout
from rnnlm.model.network import Network, States
from rnnlm.model.side_by_side import SideBySide
from rnnlm.model.states import joined, taken
from rnnlm.training.data_parallel import evenly, parts_of, tree_sum
from rnnlm.training.objective import Batch, BatchCounts, Objective, penalties
from rnnlm.training.ranks import Addend, Ranks
from rnnlm.training.settings import SettledSettings


@dataclass(frozen=True)
class Computed:
    """The mean cost of a batch over its `predictions`, and its size: `tokens` steps, `operations` of matrix products.

    The next batch starts with `states`, of this process's sequences.
    """

    loss: float
    predictions: int
    tokens: int
    operations: int
    states: States


@dataclass(frozen=True)
class _Part(Addend):
    """The contribution of some columns of a batch, and the states after them."""

    states: States


def _added(one: _Part, other: _Part) -> _Part:
    """The contribution of the columns of both."""
    gradients = [
        second if first is None else first if second is None else first + second
        for first, second in zip(one.gradients, other.gradients, strict=True)
    ]
    return _Part(
        one.loss + other.loss, one.tokens + other.tokens, one.operations + other.operations, gradients,
        joined([one.states, other.states]),
    )  # fmt: skip


def dropout_of(settings: SettledSettings, generator: torch.Generator) -> Dropout:
    """The dropout of training; rates that are not given follow from `--dropout`."""

    def rate(given: float | None, fraction: float = 1.0) -> float:
        return fraction * settings.dropout if given is None else given

    return Dropout(
        generator, words=settings.dropout_words, inputs=rate(settings.dropout_inputs, INPUT_FRACTION),
        between=rate(settings.dropout_between), outputs=rate(settings.dropout_outputs),
        recurrent=settings.dropout_recurrent, locked=settings.locked,
    )  # fmt: skip


class Gradients:
    """Computes the gradients of a network's weights, with dropout, whose masks `generator` draws.

    With `ranks` this process computes its columns of each batch, and all processes have the sum.
    """

    def __init__(self, model: Network, settings: SettledSettings, ranks: Ranks | None = None) -> None:
        self._model, self._settings, self._ranks = model, settings, ranks
        self.generator = torch.Generator(device=model.bias.device).manual_seed(settings.seed)
        self._parallel = SideBySide()

    def compute(self, objective: Objective, batch: Batch, fraction: float) -> Computed:
        """Leave the gradients of a batch's mean cost, after `fraction` of training, in the parameters.

        Up to the rounding of sums they do not depend on the number of parts.
        """
        model, width = self._model, batch.inputs.shape[1]
        counts = objective.counts(model, batch)
        mine = slice(0, width) if self._ranks is None else self._ranks.columns(width)
        # A process without a sequence in a small batch computes one, for its noise, and adds nothing.
        idle, mine = mine.start == mine.stop, mine if mine.stop > mine.start else slice(0, 1)
        states = objective.carried(model, batch.part(mine))
        dropout, parts = dropout_of(self._settings, self.generator), self._parts(width, mine)
        filled = [part for part in parts if part.stop > part.start]
        # Each part draws the masks of the whole batch, from a generator in the same state.
        generators = [self.generator, *(self.generator.clone_state() for _ in filled[1:])]
        model.zero_grad(set_to_none=True)
        done = iter(self._parallel.run([
            functools.partial(
                self._part, objective, batch.part(columns),
                taken(states, slice(columns.start - mine.start, columns.stop - mine.start)), counts,
                replace(dropout, generator=generator, columns=columns, width=width), fraction,
            )
            for columns, generator in zip(filled, generators, strict=True)
        ]))  # fmt: skip
        own = tree_sum([next(done) if part in filled else None for part in parts], _added)
        assert own is not None
        whole: Addend = own
        if self._ranks is not None:
            fixed = self._settings.parts is not None
            whole = self._ranks.added(None if idle else own, list(model.parameters()), fixed=fixed)
        for parameter, gradient in zip(model.parameters(), whole.gradients, strict=True):
            parameter.grad = gradient
        return Computed(float(whole.loss), counts.predictions, whole.tokens, whole.operations, own.states)

    def _parts(self, width: int, mine: slice) -> list[slice]:
        """The parts that this process computes: those of `--parts` that are its own, or one for each core."""
        if self._settings.parts is not None:
            found = evenly(width, self._settings.parts)
            own = found if self._ranks is None else found[self._ranks.columns(len(found))]
            return own if any(part.stop > part.start for part in own) else [mine]
        threads = torch.get_num_threads() if self._model.device.type == "cpu" else 1
        parts = parts_of(mine.stop - mine.start, threads)
        return [slice(mine.start + part.start, mine.start + part.stop) for part in parts]

    def _part(
        self, objective: Objective, batch: Batch, states: States, counts: BatchCounts, dropout: Dropout, fraction: float
    ) -> _Part:
        """The contribution of some columns of a batch."""
        cost = objective.cost(self._model, batch, states, dropout, fraction)
        loss = cost.total / max(1, counts.predictions)
        extra = penalties(self._settings, cost.segment, cost.inside, counts)
        gradients = self._differentiated(
            loss if extra is None else loss + extra, alone=batch.inputs.shape[1] == dropout.width
        )
        return _Part(loss.detach(), cost.tokens, cost.operations, gradients, cost.states)

    def _differentiated(self, loss: Tensor, *, alone: bool) -> list[Tensor | None]:
        """The gradient of each weight, as separate tensors."""
        parameters = list(self._model.parameters())
        if not alone:
            return list(torch.autograd.grad(loss, parameters, allow_unused=True))
        loss.backward()  # type: ignore[no-untyped-call]
        return [parameter.grad for parameter in parameters]
