"""Weights that make the fewest word errors on lists with references.

Word errors are steps of the weights, without a gradient; each weight in turn is tried on a grid with the others held,
until none brings less, and the grid is made finer (a coordinate search, as in Och 2003, "Minimum error rate training").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rnnlm.use.rescoring.rescorer import Rescored, Weights

MIXTURES = tuple(round(0.1 * step, 1) for step in range(11))  # the μ that are tried
_FACTORS = (8.0, 2.0, 1.25)  # how far a grid reaches, a finer one each time


@dataclass
class Features:
    """What is known of all hypotheses, in the order of their lists: other scores, ln p for each μ, words, errors."""

    names: Sequence[str]
    mixtures: Sequence[float]
    _scores: list[list[float]] = field(default_factory=list)
    _log_p: list[list[float]] = field(default_factory=list)
    _words: list[int] = field(default_factory=list)
    _errors: list[int] = field(default_factory=list)
    _counts: list[int] = field(default_factory=list)

    def add(self, rescored: Rescored, errors: NDArray[np.int64]) -> None:
        """One utterance more, with the word errors of its hypotheses."""
        for hypothesis, costs in zip(rescored.hypotheses, rescored.costs, strict=True):
            self._scores.append([hypothesis.scores[name] for name in self.names])
            self._log_p.append([costs.log_p(mu) for mu in self.mixtures])
            self._words.append(len(hypothesis.words))
        self._errors += errors.tolist()
        self._counts.append(len(errors))

    def chooser(self) -> "Chooser":
        """The same as arrays."""
        return Chooser(
            dict(zip(self.names, np.array(self._scores).reshape(len(self._words), -1).T, strict=True)),
            dict(zip(self.mixtures, np.array(self._log_p).T, strict=True)),
            np.array(self._words),
            np.array(self._errors),
            np.cumsum([0, *self._counts[:-1]]),
        )


@dataclass(frozen=True)
class Chooser:
    """Counts the word errors that weights make. All arrays but `starts` (utterances,) are (hypotheses,)."""

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

    def fewest(self) -> int:
        """The errors of the best hypothesis that each list holds: what no weights can undercut."""
        return int(np.minimum.reduceat(self.errors, self.starts).sum())


def tuned(chooser: Chooser, start: Weights) -> Weights:
    """Weights from `start` on that make no more errors than it; the model's own weight and the penalty among them.

    Totals are only compared, so that one scale is free: the first other score that has a weight keeps it; where there
    is none, the model's weight stays.
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
