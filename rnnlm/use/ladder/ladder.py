"""A ladder of models of one text: each row adds one component to the mixture of the row before it.

n-gram; network; both mixed; with a neural cache; with dynamic evaluation. Weights are fitted on the validation text by
expectation maximization, from the cache on for each class of contexts, so that no row is worse than the one before it
there, but for rounding and for what the weights of all contexts count in a class.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.corpus.ids import Ids
from rnnlm.files import Advance
from rnnlm.model.likelihood import mixture_nats
from rnnlm.model.network import Network
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.comparison.bootstrap import Units, units_of
from rnnlm.use.ladder.components import Component, Components, MixtureModel
from rnnlm.use.ladder.contexts import Classes, Contexts
from rnnlm.use.ladder.mixture import fit_weights, weights_by_class

_TOKENS = 2**18  # of a mixture in memory at once, about


@dataclass(frozen=True)
class LadderRow:
    """A mixture and its metrics: nats of each unit (units,) of the text, nats per token of the validation text.

    `table` (classes, components) has the weights of each class of contexts, `classes` (tokens,) those of the measured
    text; None where there is one. `apart` if it is not a step of the ladder.
    """

    name: str
    parts: Sequence[Component]
    table: Floats
    classes: Classes | None
    sums: Floats
    fit_nats_per_token: float
    apart: bool = False

    @property
    def weights(self) -> list[float]:
        """The mean weight of each part in the measured text."""
        if self.classes is None:
            return [float(weight) for weight in self.table[0]]
        counts = np.bincount(self.classes, minlength=len(self.table))
        return [float(weight) for weight in counts @ self.table / counts.sum()]

    @property
    def adapts(self) -> bool:
        """Whether a part learns from the text."""
        return any(part.adapts for part in self.parts)

    @property
    def seconds(self) -> float:
        """Time to read the text with all parts."""
        return sum(part.seconds for part in self.parts)

    def described(self) -> list[dict[str, Any]]:
        """Its parts with their weights and chosen hyperparameters."""
        return [
            {"name": part.name, "weight": weight, **part.chosen}
            for part, weight in zip(self.parts, self.weights, strict=True)
        ]


class Ladder:
    """Measures a text (`test`) by mixtures fitted on another (`fit`), both as ids of the same tokens."""

    def __init__(
        self, fit: Ids, test: Ids, scratch: Scratch, batch_size: int, progress: Advance = lambda count: None
    ) -> None:
        self._components = Components(fit, test, scratch, batch_size, progress)
        self.units: Units = units_of(test)

    def rows(
        self,
        network: MixtureModel,
        ngram: MixtureModel | None,
        others: Sequence[MixtureModel] = (),
        train: NDArray[Any] | None = None,
    ) -> Iterator[LadderRow]:
        """The rows in order, each as soon as it is known; an ensemble with `others` last.

        `train` (tokens,) is the training text, on which dynamic evaluation measures gradients; None without it.
        """
        made, parts = self._components, []
        if ngram is not None:
            parts = [made.plain(ngram)]
            yield self._row("n-gram", parts)
        reading = made.network(network)
        own = reading.component
        yield self._row("network", [own])
        parts = [own, *parts]
        if ngram is not None:
            yield self._row("+ n-gram", parts)
        assert isinstance(network.model, Network)
        cache = made.cache(reading, parts)
        contexts = made.contexts(reading, ngram)
        parts = [*parts, cache]
        yield self._row("+ cache", parts, contexts)
        parts = [*parts, made.dynamic(network.model, network.context, parts, train)]
        yield self._row("+ dynamic", parts, contexts)
        if others:
            yield self._row("ensemble", [own, *map(made.plain, others)], apart=True)

    def _row(
        self, name: str, parts: Sequence[Component], contexts: Contexts | None = None, *, apart: bool = False
    ) -> LadderRow:
        fit = [part.fit for part in parts]
        if contexts is None:
            table, classes = fit_weights(fit)[None] if len(parts) > 1 else np.ones((1, 1)), None
            fitted = mixture_nats(fit, table[0])
        else:
            table, classes = weights_by_class(fit, contexts.fit, contexts.count), contexts.test
            fitted = mixture_nats(fit, table[contexts.fit].T)
        sums = np.concatenate(list(self._mixed_sums([part.test for part in parts], table, classes)))
        return LadderRow(name, parts, table, classes, sums, float(fitted.mean()), apart)

    def _mixed_sums(self, costs: Sequence[Floats], table: Floats, classes: Classes | None) -> Iterator[Floats]:
        """Nats of each unit under a mixture, some units at a time."""
        offsets = self.units.offsets
        step = max(1, _TOKENS * (len(offsets) - 1) // int(offsets[-1]))
        for start in range(0, len(offsets) - 1, step):
            some = offsets[start : start + step + 1]
            inside = slice(some[0], some[-1])
            weights = table[0] if classes is None else table[classes[inside]].T
            mixed = mixture_nats([cost[inside] for cost in costs], weights)
            yield np.add.reduceat(mixed, some[:-1] - some[0])
