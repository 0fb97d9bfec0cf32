"""A ladder of models of one text, each row the one before it and one thing more, mixed with weights fitted elsewhere.

n-gram; network; both mixed; with a neural cache; with dynamic evaluation. All choices (weights by expectation
maximisation, the cache's shape, the rate of dynamic evaluation) are made on the validation text, so that no row is
above the one before it there; the text measured is read once for each component. What a component costs at every
token waits in a file: the only thing that grows with the text.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids
from rnnlm.model.likelihood import LanguageModel, SpanNats, mixture_nats, text_nats
from rnnlm.model.network import Network
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.bootstrap import Sums, Units, units_of
from rnnlm.use.dynamic import DECAYS, RATES, DynamicRule, dynamic_nats
from rnnlm.use.mixture import fit_weights
from rnnlm.use.neural_cache import cache_nats, shapes_to_try

_TOKENS = 2**18  # whose mixture is in memory at once, a line or document more or less
_TRIED = 10_000  # tokens of the validation text on which rules of dynamic evaluation are compared
Costs = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """A model that can be a part of a mixture, the context it reads in, and its name."""

    name: str
    model: LanguageModel
    context: str


@dataclass(frozen=True)
class Component:
    """What one part of a mixture costs at every token: `fit` of the validation text, `test` of the text measured.

    `seconds` went into `test`, `fit_seconds` into `fit` and whatever was chosen there; `chosen` says what that was.
    `adapts` where it learns from the text that it is measured on.
    """

    name: str
    fit: Costs
    test: Costs
    seconds: float
    fit_seconds: float
    adapts: bool
    chosen: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """A mixture and its figures: nats of each unit (units,) of the text, nats a token of the validation text.

    `apart` where it is no step of the ladder.
    """

    name: str
    parts: Sequence[Component]
    weights: Sequence[float]
    sums: Sums
    fit_nats_per_token: float
    apart: bool = False

    @property
    def adapts(self) -> bool:
        """Whether a part of it learns from the text."""
        return any(part.adapts for part in self.parts)

    @property
    def seconds(self) -> float:
        """What reading the text takes with all its parts."""
        return sum(part.seconds for part in self.parts)

    def described(self) -> list[dict[str, Any]]:
        """Its parts with their weights and what was chosen for them."""
        return [
            {"name": part.name, "weight": weight, **part.chosen}
            for part, weight in zip(self.parts, self.weights, strict=True)
        ]


class Ladder:
    """Measures a text (`test`) by mixtures fitted on another (`fit`), both as ids of the same tokens."""

    def __init__(self, fit: Ids, test: Ids, scratch: Scratch, batch_size: int) -> None:
        self._fit, self._test, self._scratch, self._batch_size = fit, test, scratch, batch_size
        self.units: Units = units_of(test)

    def rows(self, network: Voice, ngram: Voice | None, others: Sequence[Voice] = ()) -> Iterator[Row]:
        """The rows from the bottom up, each as soon as it is known; an ensemble with `others` last."""
        parts = []
        if ngram is not None:
            parts = [self._plain(ngram)]
            yield self._row("n-gram", parts)
        own = self._plain(network)
        yield self._row("network", [own])
        parts = [own, *parts]
        if ngram is not None:
            yield self._row("+ n-gram", parts)
        assert isinstance(network.model, Network)
        for name, make in (("+ cache", self._cache), ("+ dynamic", self._dynamic)):
            parts = [*parts, make(network.model, network.context, parts)]
            yield self._row(name, parts)
        if others:
            yield self._row("ensemble", [own, *map(self._plain, others)], apart=True)

    def _row(self, name: str, parts: Sequence[Component], *, apart: bool = False) -> Row:
        fit = [part.fit for part in parts]
        weights = [float(weight) for weight in fit_weights(fit)] if len(parts) > 1 else [1.0]
        sums = np.concatenate(list(self._mixed_sums([part.test for part in parts], weights)))
        return Row(name, parts, weights, sums, float(mixture_nats(fit, weights).mean()), apart)

    def _mixed_sums(self, costs: Sequence[Costs], weights: Sequence[float]) -> Iterator[Sums]:
        """Nats of each unit under a mixture, some units at a time."""
        offsets = self.units.offsets
        step = max(1, _TOKENS * (len(offsets) - 1) // int(offsets[-1]))
        for start in range(0, len(offsets) - 1, step):
            some = offsets[start : start + step + 1]
            mixed = mixture_nats([cost[some[0] : some[-1]] for cost in costs], weights)
            yield np.add.reduceat(mixed, some[:-1] - some[0])

    def _component(
        self, name: str, read: Callable[[Ids], Iterable[SpanNats]], chosen: Mapping[str, float], *, started_at: float,
        adapts: bool = False,
    ) -> Component:  # fmt: skip
        fit = self._costs(self._fit, read(self._fit))
        fitted_at = time.monotonic()
        test = self._costs(self._test, read(self._test))
        return Component(name, fit, test, time.monotonic() - fitted_at, fitted_at - started_at, adapts, chosen)

    def _costs(self, ids: Ids, spans: Iterable[SpanNats]) -> Costs:
        costs: Costs = self._scratch.array(len(ids.ids), np.float64)
        for span in spans:
            costs[span.start : span.start + len(span.nats)] = span.nats
        return costs

    def _plain(self, voice: Voice) -> Component:
        def read(ids: Ids) -> Iterator[SpanNats]:
            return text_nats(voice.model, ids, voice.context, self._batch_size)

        return self._component(voice.name, read, {}, started_at=time.monotonic())

    def _cache(self, network: Network, context: str, before: Sequence[Component]) -> Component:
        """The cache of the shape that is best in a mixture with the parts before it."""
        started_at = time.monotonic()
        shapes = shapes_to_try(network, self._fit, context)
        tried = [self._scratch.array(len(self._fit.ids), np.float64) for _ in shapes]
        for start, costs in cache_nats(network, self._fit, context, shapes):
            for whole, part in zip(tried, costs, strict=True):
                whole[start : start + len(part)] = part
        known = [part.fit for part in before]
        mixed = [float(mixture_nats(both, fit_weights(both)).mean()) for both in ([*known, each] for each in tried)]
        best = shapes[int(np.argmin(mixed))]

        def read(ids: Ids) -> Iterator[SpanNats]:
            for start, costs in cache_nats(network, ids, context, [best]):
                yield SpanNats(start, costs[0])

        chosen = {"window": best.window, "theta": best.theta}
        return self._component("cache", read, chosen, started_at=started_at, adapts=True)

    def _dynamic(self, network: Network, context: str, before: Sequence[Component]) -> Component:
        """Dynamic evaluation by the rule that is best for the network alone; rate 0, the network as it is, is one."""
        started_at = time.monotonic()
        lines = int(np.searchsorted(self._fit.offsets, _TRIED, "right")) - 1
        some = self._fit.part(0, max(lines, 1))
        best = choose_rule(network, some, context, float(before[0].fit[: len(some.ids)].sum()))
        chosen = {"rate": best.rate, "decay": best.decay, "segment": best.segment}
        if not best.rate:
            own = before[0]
            return Component("dynamic network", own.fit, own.test, 0.0, time.monotonic() - started_at, False, chosen)

        def read(ids: Ids) -> Iterator[SpanNats]:
            return dynamic_nats(network, ids, context, best)

        return self._component("dynamic network", read, chosen, started_at=started_at, adapts=True)


def choose_rule(network: Network, ids: Ids, context: str, plain: float) -> DynamicRule:
    """The best rule of the grid on a text that costs `plain` nats without learning: first the rate, then the decay.

    Rates rise until one is worse than the best before it. Where none helps the rate is 0.
    """
    rule = DynamicRule(0.0, 0.0)
    least = plain
    for rate in RATES:
        nats = _total(network, ids, context, DynamicRule(rate, DECAYS[0]))
        if not nats < least:
            break
        rule, least = DynamicRule(rate, DECAYS[0]), nats
    for decay in DECAYS[1:] if rule.rate else ():
        nats = _total(network, ids, context, DynamicRule(rule.rate, decay))
        if not nats < least:
            break
        rule, least = DynamicRule(rule.rate, decay), nats
    return rule


def _total(network: Network, ids: Ids, context: str, rule: DynamicRule) -> float:
    return sum(float(span.nats.sum()) for span in dynamic_nats(network, ids, context, rule))
