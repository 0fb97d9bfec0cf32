"""Weights with the fewest word errors on lists with references.

Word errors are a step function of the weights, without a gradient: coordinate search on a grid that is refined when no
weight improves (as in Och 2003, "Minimum error rate training").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rnnlm.use.rescoring.rescorer import Rescored, Weights

MIXTURES = tuple(round(0.1 * step, 1) for step in range(11))  # values of μ to try
_FOLDS = 5
_FACTORS = (8.0, 2.0, 1.25)  # the range of each grid, from coarse to fine


@dataclass
class Features:
    """The features of all hypotheses, in the order of their lists: other scores, ln p for each μ, words, errors."""

    names: Sequence[str]
    mixtures: Sequence[float]
    _scores: list[list[float]] = field(default_factory=list)
    _log_p: list[list[float]] = field(default_factory=list)
    _words: list[int] = field(default_factory=list)
    _errors: list[int] = field(default_factory=list)
    _counts: list[int] = field(default_factory=list)

    def add(self, rescored: Rescored, errors: NDArray[np.int64]) -> None:
        """Add an utterance with the word errors of its hypotheses."""
        for hypothesis, costs in zip(rescored.hypotheses, rescored.costs, strict=True):
            self._scores.append([hypothesis.scores[name] for name in self.names])
            self._log_p.append([costs.log_p(mu) for mu in self.mixtures])
            self._words.append(len(hypothesis.words))
        self._errors += errors.tolist()
        self._counts.append(len(errors))

    def chooser(self) -> "Chooser":
        """The features as arrays."""
        return Chooser(
            dict(zip(self.names, np.array(self._scores).reshape(len(self._words), -1).T, strict=True)),
            dict(zip(self.mixtures, np.array(self._log_p).T, strict=True)),
            np.array(self._words),
            np.array(self._errors),
            np.cumsum([0, *self._counts[:-1]]),
        )


@dataclass(frozen=True)
class Chooser:
    """Counts the word errors under given weights. All arrays but `starts` (utterances,) are (hypotheses,)."""

    scores: Mapping[str, NDArray[np.float64]]
    log_p: Mapping[float, NDArray[np.float64]]
    words: NDArray[np.int64]
    errors: NDArray[np.int64]
    starts: NDArray[np.int64]

    def word_errors(self, weights: Weights) -> int:
        """The errors of the hypotheses with the highest totals, the first among equals."""
        total = weights.model * self.log_p[weights.ngram] - weights.word_penalty * self.words
        for name, score in self.scores.items():
            total = total + weights.scores[name] * score
        best = np.maximum.reduceat(total, self.starts)
        counts = np.diff(np.append(self.starts, len(total)))
        utterance = np.repeat(np.arange(len(self.starts)), counts)
        winners = np.flatnonzero(total == best[utterance])
        _, first = np.unique(utterance[winners], return_index=True)
        return int(self.errors[winners[first]].sum())

    def part(self, chosen: NDArray[np.bool_]) -> "Chooser":
        """Those of some utterances (utterances,)."""
        counts = np.diff(np.append(self.starts, len(self.words)))
        own = np.repeat(chosen, counts)
        return Chooser(
            {name: each[own] for name, each in self.scores.items()}, {mu: each[own] for mu, each in self.log_p.items()},
            self.words[own], self.errors[own], np.cumsum([0, *counts[chosen][:-1]]),
        )  # fmt: skip

    def without_mixture(self) -> "Chooser":
        """With the network's own probability alone."""
        return replace(self, log_p={0.0: self.log_p[0.0]})

    def fewest(self) -> int:
        """The errors of the best hypothesis of each list: a lower bound for all weights."""
        return int(np.minimum.reduceat(self.errors, self.starts).sum())


def tuned(chooser: Chooser, start: Weights) -> Weights:
    """Weights, found from `start`, with no more errors than it.

    Totals are only compared, so that one scale is free: the first other score with a weight keeps it, or else the
    model keeps its weight.
    """
    best, errors = start, chooser.word_errors(start)
    for reach in _FACTORS:
        improved = True
        while improved:
            improved = False
            for candidate in _around(best, chooser, reach):
                if (count := chooser.word_errors(candidate)) < errors:
                    best, errors, improved = candidate, count, True
    return best


def cross_validated(chooser: Chooser, start: Weights) -> int | None:
    """The word errors of utterances under weights tuned on the others, a fifth of them at a time.

    None with fewer than two.
    """
    utterances = len(chooser.starts)
    fold = np.arange(utterances) % min(_FOLDS, utterances)
    if utterances < 2:
        return None
    parts = [(chooser.part(fold != number), chooser.part(fold == number)) for number in range(int(fold.max()) + 1)]
    return sum(rest.word_errors(tuned(others, start)) for others, rest in parts)


def _around(weights: Weights, chooser: Chooser, reach: float) -> Iterator[Weights]:
    """The weights with one of them changed."""
    factors = np.geomspace(1 / reach, reach, 21)
    held = next((name for name, weight in weights.scores.items() if weight != 0), None)
    for name, weight in weights.scores.items():
        if name != held:
            for value in (0.0, *((weight or 1.0) * factors)):
                yield replace(weights, scores={**weights.scores, name: float(value)})
    if held is not None:
        for value in (0.0, *((weights.model or 1.0) * factors)):
            yield replace(weights, model=float(value))
    for value in (0.0, *((weights.word_penalty or 1.0) * factors), *(-(weights.word_penalty or 1.0) * factors)):
        yield replace(weights, word_penalty=float(value))
    for mu in chooser.log_p:
        yield replace(weights, ngram=mu)
