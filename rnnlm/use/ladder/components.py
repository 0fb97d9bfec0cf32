"""A model's cost at every token of two texts: one to fit on, and one to measure.

The measured text is read once for each component. Costs are kept in files, so that memory does not grow with the text.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.corpus.ids import Ids
from rnnlm.files import Advance
from rnnlm.model.likelihood import LanguageModel, SpanNats, mixture_nats, text_nats
from rnnlm.model.network import Network
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.ladder.dynamic import DynamicRule, choose_rule, dynamic_nats
from rnnlm.use.ladder.mixture import fit_weights
from rnnlm.use.ladder.neural_cache import cache_nats, shapes_to_try

_TRIED = 10_000  # tokens of the validation text on which rules of dynamic evaluation are compared


@dataclass(frozen=True)
class MixtureModel:
    """A model that can be a part of a mixture, the context it reads in, and its name."""

    name: str
    model: LanguageModel
    context: str


@dataclass(frozen=True)
class Component:
    """The cost of one part of a mixture at every token: `fit` of the validation text, `test` of the measured text.

    `seconds` is the time for `test`, `fit_seconds` that for `fit` and the choice of the hyperparameters `chosen`.
    `adapts` if it learns from the text that it is measured on.
    """

    name: str
    fit: Floats
    test: Floats
    seconds: float
    fit_seconds: float
    adapts: bool
    chosen: Mapping[str, float]


class Components:
    """Makes components: `fit` is the validation text, `test` the measured text, as ids of the same tokens."""

    def __init__(self, fit: Ids, test: Ids, scratch: Scratch, batch_size: int, progress: Advance) -> None:
        """`progress` gets the number of new predictions."""
        self._fit, self._test, self._scratch, self._batch_size = fit, test, scratch, batch_size
        self._progress = progress

    def plain(self, part: MixtureModel) -> Component:
        """A model as is."""

        def read(ids: Ids) -> Iterator[SpanNats]:
            return text_nats(part.model, ids, part.context, self._batch_size)

        return self._component(part.name, read, {}, started_at=time.monotonic())

    def cache(self, network: Network, context: str, before: Sequence[Component]) -> Component:
        """The cache with the shape that is best in a mixture with the parts before it."""
        started_at = time.monotonic()
        shapes = shapes_to_try(network, self._fit, context)
        tried = [self._scratch.array(len(self._fit.ids), np.float64) for _ in shapes]
        for start, costs in cache_nats(network, self._fit, context, shapes):
            for whole, part in zip(tried, costs, strict=True):
                whole[start : start + len(part)] = part
            self._progress(costs.shape[1])
        known = [part.fit for part in before]
        mixed = [float(mixture_nats(both, fit_weights(both)).mean()) for both in ([*known, each] for each in tried)]
        best = shapes[int(np.argmin(mixed))]

        def read(ids: Ids) -> Iterator[SpanNats]:
            for start, costs in cache_nats(network, ids, context, [best]):
                yield SpanNats(start, costs[0])

        chosen = {"window": best.window, "theta": best.theta}
        return self._component("cache", read, chosen, started_at=started_at, adapts=True)

    def dynamic(self, network: Network, context: str, before: Sequence[Component]) -> Component:
        """Dynamic evaluation by the best rule for the network alone; one of them is rate 0, the unchanged network."""
        started_at = time.monotonic()
        lines = int(np.searchsorted(self._fit.offsets, _TRIED, "right")) - 1
        some = self._fit.part(0, max(lines, 1))
        plain = float(before[0].fit[: len(some.ids)].sum())

        def total(rule: DynamicRule) -> float:
            nats = 0.0
            for span in dynamic_nats(network, some, context, rule):
                nats += float(span.nats.sum())
                self._progress(len(span.nats))
            return nats

        best = choose_rule(total, plain)
        chosen = {"rate": best.rate, "decay": best.decay, "segment": best.segment}
        if not best.rate:
            own = before[0]
            return Component("dynamic network", own.fit, own.test, 0.0, time.monotonic() - started_at, False, chosen)

        def read(ids: Ids) -> Iterator[SpanNats]:
            return dynamic_nats(network, ids, context, best)

        return self._component("dynamic network", read, chosen, started_at=started_at, adapts=True)

    def _component(
        self, name: str, read: Callable[[Ids], Iterable[SpanNats]], chosen: Mapping[str, float], *, started_at: float,
        adapts: bool = False,
    ) -> Component:  # fmt: skip
        fit = self._costs(self._fit, read(self._fit))
        fitted_at = time.monotonic()
        test = self._costs(self._test, read(self._test))
        return Component(name, fit, test, time.monotonic() - fitted_at, fitted_at - started_at, adapts, chosen)

    def _costs(self, ids: Ids, spans: Iterable[SpanNats]) -> Floats:
        costs: Floats = self._scratch.array(len(ids.ids), np.float64)
        for span in spans:
            costs[span.start : span.start + len(span.nats)] = span.nats
            self._progress(len(span.nats))
        return costs
