"""The gradient of a batch: of the whole of it, or part by part on several cores and then added."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rnnlm.model.dropout import INPUT_SHARE, Dropout
from rnnlm.model.network import Network, States
from rnnlm.model.states import joined, taken
from rnnlm.training.data_parallel import DataParallel, parts_of
from rnnlm.training.objective import Batch, BatchCounts, Objective, penalties
from rnnlm.training.settings import TrainSettings


@dataclass(frozen=True)
class Computed:
    """The mean cost of a batch over its `predictions`, and how much was read for it.

    `tokens` steps, with `operations` of matrix products; the next batch begins with `states`.
    """

    loss: float
    predictions: int
    tokens: int
    operations: int
    states: States


@dataclass(frozen=True)
class _Part:
    """The same of some columns of a batch, with the gradients by parameter; None where a weight was not read."""

    loss: float
    tokens: int
    operations: int
    states: States
    gradients: list[Tensor | None]


def noise_of(settings: TrainSettings, generator: torch.Generator) -> Dropout:
    """What training drops; rates that were not given follow from `--dropout`."""

    def rate(given: float | None, share: float = 1.0) -> float:
        return share * float(settings.dropout or 0) if given is None else given

    return Dropout(
        generator,
        words=rate(settings.dropout_words, 0.0),
        inputs=rate(settings.dropout_inputs, INPUT_SHARE),
        between=rate(settings.dropout_between),
        outputs=rate(settings.dropout_outputs),
        recurrent=rate(settings.dropout_recurrent, 0.0),
        locked=bool(settings.locked),
    )


class Gradients:
    """Computes the gradients of a network's weights, with the noise of training, whose masks `generator` draws."""

    def __init__(self, model: Network, settings: TrainSettings) -> None:
        self._model, self._settings = model, settings
        self.generator = torch.Generator(device=model.bias.device).manual_seed(settings.seed)
        self._parallel = DataParallel()

    def compute(self, objective: Objective, batch: Batch, share: float) -> Computed:
        """Leave the gradients of a batch's mean cost, after `share` of training, in the parameters.

        Up to the rounding of sums they are the same in however many parts the batch is computed.
        """
        model, width = self._model, batch.inputs.shape[1]
        extent, states = objective.extent(model, batch), objective.carried(model, batch)
        parts = parts_of(width, torch.get_num_threads() if model.device.type == "cpu" else 1)
        noise = noise_of(self._settings, self.generator)
        # Each part draws the masks of the whole batch, from a generator that stands where all of them stand.
        generators = [self.generator, *(self.generator.clone_state() for _ in parts[1:])]
        model.zero_grad(set_to_none=True)
        done = self._parallel.run([
            functools.partial(
                self._part, objective, batch.part(columns), taken(states, columns), extent,
                replace(noise, generator=generator, columns=columns, width=width), share,
            )
            for columns, generator in zip(parts, generators, strict=True)
        ])  # fmt: skip
        parameters = list(model.parameters())
        for parameter, *gradients in zip(parameters, *(part.gradients for part in done), strict=True):
            parameter.grad = _sum(gradients)
        return Computed(
            sum(part.loss for part in done), extent.predictions, sum(part.tokens for part in done),
            sum(part.operations for part in done), joined([part.states for part in done]),
        )  # fmt: skip

    def _part(
        self, objective: Objective, batch: Batch, states: States, extent: BatchCounts, noise: Dropout, share: float
    ) -> _Part:
        """What some columns of a batch add to it."""
        cost = objective.cost(self._model, batch, states, noise, share)
        loss = cost.total / max(1, extent.predictions)
        extra = penalties(self._settings, cost.reading, cost.inside, extent)
        gradients = self._differentiated(
            loss if extra is None else loss + extra, alone=batch.inputs.shape[1] == noise.width
        )
        return _Part(float(loss.detach()), cost.tokens, cost.operations, cost.states, gradients)

    def _differentiated(self, loss: Tensor, *, alone: bool) -> list[Tensor | None]:
        """The gradient of each weight, a tensor of its own."""
        parameters = list(self._model.parameters())
        if not alone:
            return list(torch.autograd.grad(loss, parameters, allow_unused=True))
        loss.backward()  # type: ignore[no-untyped-call]
        return [parameter.grad for parameter in parameters]


def _sum(gradients: Sequence[Tensor | None]) -> Tensor | None:
    """Of what the parts have to say of a weight; None where none of them read it."""
    known = [gradient for gradient in gradients if gradient is not None]
    return functools.reduce(torch.add, known) if known else None
