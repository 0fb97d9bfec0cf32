"""A model's cost at every token of two texts: one to fit on, and one to measure.

The measured text is read once for each component. Costs are kept in files, so that memory does not grow with the text.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.corpus.ids import Ids
from rnnlm.files import Advance
from rnnlm.model.likelihood import LanguageModel, SpanNats, mixture_nats, text_nats, text_readings
from rnnlm.model.network import Network
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.model.side_by_side import SideBySide
from rnnlm.use.ladder.contexts import Contexts
from rnnlm.use.ladder.dynamic import DynamicRule, choose_rule, dynamic_nats, gradient_scales
from rnnlm.use.ladder.mixture import fit_weights
from rnnlm.use.ladder.neural_cache import cache_nats, shapes_to_try

_CACHES = 10_000  # tokens of the validation text on which caches are compared,
_RULES = 5_000  # and rules of dynamic evaluation


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


@dataclass(frozen=True)
class Reading:
    """A network as a component, and what both texts are to it, first the fit.

    `h` (tokens, width) is what its output layer reads before each token, `entropies` (tokens,) are those of its
    predictions.
    """

    component: Component
    h: Sequence[Floats]
    entropies: Sequence[Floats]


class Components:
    """Makes components: `fit` is the validation text, `test` the measured text, as ids of the same tokens."""

    def __init__(self, fit: Ids, test: Ids, scratch: Scratch, batch_size: int, progress: Advance) -> None:
        """`progress` gets the number of new predictions."""
        self._fit, self._test, self._scratch, self._batch_size = fit, test, scratch, batch_size
        self._texts = (fit, test)
        self._progress, self._parallel = progress, SideBySide()

    def plain(self, part: MixtureModel) -> Component:
        """A model as is."""

        def read(ids: Ids) -> Iterable[SpanNats]:
            return text_nats(part.model, ids, part.context, self._batch_size)

        return self._component(part.name, [partial(read, ids) for ids in self._texts], {}, time.monotonic())

    def network(self, part: MixtureModel) -> Reading:
        """A network as is, and what the cache and the classes of contexts need of it."""
        assert isinstance(part.model, Network)
        network, width, started_at = part.model, part.model.architecture.width, time.monotonic()
        numbers = network.bias.detach().cpu().numpy().dtype
        h = [self._scratch.array(len(ids.ids) * width, numbers).reshape(-1, width) for ids in self._texts]
        entropies = [self._scratch.array(len(ids.ids), np.float64) for ids in self._texts]

        def read(ids: Ids, h: Floats, entropies: Floats) -> Iterator[SpanNats]:
            for span in text_readings(network, ids, part.context, self._batch_size):
                place = slice(span.start, span.start + len(span.h))
                h[place], entropies[place] = span.h.numpy(), span.entropies.numpy()
                yield SpanNats(span.start, span.nats.numpy())

        reads = [partial(read, *each) for each in zip(self._texts, h, entropies, strict=True)]
        return Reading(self._component(part.name, reads, {}, started_at), h, entropies)

    def cache(self, network: Reading, before: Sequence[Component]) -> Component:
        """The cache with the shape that is best in a mixture with the parts before it."""
        started_at, own = time.monotonic(), network.component
        shapes, some = shapes_to_try(network.h[0]), self._beginning(_CACHES)
        tried = np.empty((len(shapes), len(some.ids)))
        for start, costs in cache_nats(network.h[0][: len(some.ids)], some.ids, own.fit[0], shapes):
            tried[:, start : start + costs.shape[1]] = costs
            self._progress(costs.shape[1])
        best = shapes[int(np.argmin([_mixed(before, len(some.ids), each) for each in tried]))]

        def read(ids: Ids, h: Floats, first: float) -> Iterator[SpanNats]:
            return (SpanNats(start, costs[0]) for start, costs in cache_nats(h, ids.ids, first, [best]))

        firsts = (own.fit[0], own.test[0])
        reads = [partial(read, *each) for each in zip(self._texts, network.h, firsts, strict=True)]
        return self._component("cache", reads, {"window": best.window, "theta": best.theta}, started_at, adapts=True)

    def dynamic(
        self, network: Network, context: str, before: Sequence[Component], train: NDArray[Any] | None
    ) -> Component:
        """Dynamic evaluation by the rule that is best in a mixture with the parts before it; one is not to learn.

        `train` (tokens,) is a training text to measure gradients on; None for the validation text.
        """
        started_at = time.monotonic()
        scales = gradient_scales(network, self._fit.ids if train is None else train)
        some = self._beginning(_RULES)

        def mixed(rule: DynamicRule) -> float:
            costs = self._costs(some, dynamic_nats(network, some, context, rule, scales))
            return _mixed(before, len(costs), costs)

        def side_by_side(rules: Sequence[DynamicRule]) -> list[float]:
            cores = torch.get_num_threads()
            groups = [rules[start : start + cores] for start in range(0, len(rules), cores)]
            return [cost for group in groups for cost in self._parallel.run([partial(mixed, each) for each in group])]

        best = choose_rule(side_by_side, _mixed(before, len(some.ids)))
        chosen = {"rate": best.rate, "decay": best.decay, "segment": best.segment}
        if not best.rate:
            own = before[0]
            return Component("dynamic network", own.fit, own.test, 0.0, time.monotonic() - started_at, False, chosen)

        def read(ids: Ids) -> tuple[Floats, float]:
            begun_at = time.monotonic()
            return self._costs(ids, dynamic_nats(network, ids, context, best, scales)), time.monotonic() - begun_at

        (fit, _), (test, seconds) = self._parallel.run([partial(read, self._fit), partial(read, self._test)])
        fit_seconds = time.monotonic() - started_at - seconds
        return Component("dynamic network", fit, test, seconds, fit_seconds, True, chosen)

    def contexts(self, network: Reading, ngram: MixtureModel | None) -> Contexts:
        """The classes of contexts by the network's entropies, and by what the n-gram model knows."""
        known = ngram.model if ngram is not None and isinstance(ngram.model, NgramModel) else None
        context = "stream" if ngram is None else ngram.context
        return Contexts.of(self._fit, self._test, network.entropies, known, context, self._scratch)

    def _beginning(self, tokens: int) -> Ids:
        """The first lines of the validation text, with at most so many tokens, but one line."""
        return self._fit.part(0, max(1, int(np.searchsorted(self._fit.offsets, tokens, "right")) - 1))

    def _component(
        self, name: str, reads: Sequence[Callable[[], Iterable[SpanNats]]], chosen: Mapping[str, float],
        started_at: float, *, adapts: bool = False,
    ) -> Component:  # fmt: skip
        """A component by functions that read the two texts."""
        fit = self._costs(self._fit, reads[0]())
        fitted_at = time.monotonic()
        test = self._costs(self._test, reads[1]())
        return Component(name, fit, test, time.monotonic() - fitted_at, fitted_at - started_at, adapts, chosen)

    def _costs(self, ids: Ids, spans: Iterable[SpanNats]) -> Floats:
        """Each token's; ValueError unless every position of the text has exactly one, as mixtures need."""
        costs: Floats = self._scratch.array(len(ids.ids), np.float64)
        costs[:] = np.nan
        for span in spans:
            place = costs[span.start : span.start + len(span.nats)]
            if len(place) != len(span.nats) or not np.isnan(place).all():
                raise ValueError(f"costs from position {span.start} on do not fit a text of {len(costs)} tokens")
            place[:] = span.nats
            self._progress(len(span.nats))
        if np.isnan(costs).any():
            raise ValueError(f"{int(np.isnan(costs).sum())} of {len(costs)} tokens have no cost")
        return costs


def _mixed(before: Sequence[Component], tokens: int, *more: Floats) -> float:
    """Nats per token of the first `tokens` of the validation text by a mixture of components with `more`."""
    both = [*(part.fit[:tokens] for part in before), *more]
    return float(mixture_nats(both, fit_weights(both)).mean())
