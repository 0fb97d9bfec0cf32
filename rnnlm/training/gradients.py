"""The gradient of a batch: computed whole, or in parts on several cores and then added."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rnnlm.model.dropout import INPUT_FRACTION, Dropout
from rnnlm.model.network import Network, States
from rnnlm.model.side_by_side import SideBySide
from rnnlm.model.states import joined, taken
from rnnlm.training.data_parallel import parts_of
from rnnlm.training.objective import Batch, BatchCounts, Objective, penalties
from rnnlm.training.settings import SettledSettings


@dataclass(frozen=True)
class Computed:
    """The mean cost of a batch over its `predictions`, and its size: `tokens` steps, `operations` of matrix products.

    The next batch starts with `states`.
    """

    loss: float
    predictions: int
    tokens: int
    operations: int
    states: States


@dataclass(frozen=True)
class _Part:
    """The same for some columns of a batch, with the gradient of each parameter; None if it was not read."""

    loss: float
    tokens: int
    operations: int
    states: States
    gradients: list[Tensor | None]


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
    """Computes the gradients of a network's weights, with dropout, whose masks `generator` draws."""

    def __init__(self, model: Network, settings: SettledSettings) -> None:
        self._model, self._settings = model, settings
        self.generator = torch.Generator(device=model.bias.device).manual_seed(settings.seed)
        self._parallel = SideBySide()

    def compute(self, objective: Objective, batch: Batch, fraction: float) -> Computed:
        """Leave the gradients of a batch's mean cost, after `fraction` of training, in the parameters.

        Up to the rounding of sums they do not depend on the number of parts.
        """
        model, width = self._model, batch.inputs.shape[1]
        counts, states = objective.counts(model, batch), objective.carried(model, batch)
        parts = parts_of(width, torch.get_num_threads() if model.device.type == "cpu" else 1)
        dropout = dropout_of(self._settings, self.generator)
        # Each part draws the masks of the whole batch, from a generator in the same state.
        generators = [self.generator, *(self.generator.clone_state() for _ in parts[1:])]
        model.zero_grad(set_to_none=True)
        done = self._parallel.run([
            functools.partial(
                self._part, objective, batch.part(columns), taken(states, columns), counts,
                replace(dropout, generator=generator, columns=columns, width=width), fraction,
            )
            for columns, generator in zip(parts, generators, strict=True)
        ])  # fmt: skip
        parameters = list(model.parameters())
        for parameter, *gradients in zip(parameters, *(part.gradients for part in done), strict=True):
            parameter.grad = _sum(gradients)
        return Computed(
            sum(part.loss for part in done), counts.predictions, sum(part.tokens for part in done),
            sum(part.operations for part in done), joined([part.states for part in done]),
        )  # fmt: skip

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
        return _Part(float(loss.detach()), cost.tokens, cost.operations, cost.states, gradients)

    def _differentiated(self, loss: Tensor, *, alone: bool) -> list[Tensor | None]:
        """The gradient of each weight, as separate tensors."""
        parameters = list(self._model.parameters())
        if not alone:
            return list(torch.autograd.grad(loss, parameters, allow_unused=True))
        loss.backward()  # type: ignore[no-untyped-call]
        return [parameter.grad for parameter in parameters]


def _sum(gradients: Sequence[Tensor | None]) -> Tensor | None:
    """The sum of a weight's gradients over the parts; None if none of them read it."""
    known = [gradient for gradient in gradients if gradient is not None]
    return functools.reduce(torch.add, known) if known else None
