"""How much a metric varies between texts of one source: bootstrap over lines or documents.

A text is a sample of units (lines or documents); each resample draws as many with replacement (Efron & Tibshirani
1993). Metrics are ratios of sums over units. All metrics of one text use the same resamples, so that differences are
paired.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.corpus.ids import Ids
from rnnlm.model.likelihood import SpanNats

_FEWEST_DOCUMENTS = 30  # with fewer, lines are resampled
FEWEST_UNITS = 10  # with fewer, resamples say nothing about another text
_MOST_UNITS = 20_000  # with more, neighbors are resampled together, which is as valid and limits memory
_AT_ONCE = 2**20  # resampled units in memory


@dataclass(frozen=True)
class Units:
    """What is resampled, and its `name`: unit i is the lines from `lines[i]` to before `lines[i + 1]`.

    Its tokens are those from `offsets[i]` to before `offsets[i + 1]`.
    """

    name: str
    lines: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @property
    def tokens(self) -> Floats:
        """(units,) the tokens of each."""
        return np.diff(self.offsets).astype(np.float64)

    def of(self, ids: Ids) -> "Units":
        """The same lines in other tokens."""
        return Units(self.name, self.lines, ids.offsets[self.lines])

    def sums(self, spans: Iterable[SpanNats]) -> Floats:
        """(units,) nats of each, from pieces in any order."""
        sums = np.zeros(len(self.lines) - 1)
        for span in spans:
            first = int(np.searchsorted(self.offsets, span.start, "right")) - 1
            last = int(np.searchsorted(self.offsets, span.start + len(span.nats)))
            inside = (self.offsets[first:last] - span.start).clip(min=0)
            sums[first:last] += np.add.reduceat(span.nats, inside)
        return sums


def units_of(ids: Ids) -> Units:
    """Documents where a text has enough of them, lines otherwise; runs of neighbors where there are very many."""
    name, lines = "lines", np.arange(ids.lines + 1)
    if len(ids.documents) >= _FEWEST_DOCUMENTS:
        name, lines = "documents", np.union1d(ids.documents.astype(np.int64), [0, ids.lines])
    count = len(lines) - 1
    if count > _MOST_UNITS:
        lines = lines[np.linspace(0, count, _MOST_UNITS + 1).astype(np.int64)]
    return Units(name, lines, ids.offsets[lines])


def resample(values: Floats, resamples: int, seed: int) -> Floats:
    """values (units, metrics) → (resamples, metrics): the sums over as many units sampled with replacement."""
    units = len(values)
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, _AT_ONCE // units)
    found = []
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        resampled = generator.integers(0, units, (count, units)) + units * np.arange(count)[:, None]
        times = np.bincount(resampled.ravel(), minlength=count * units).reshape(count, units)
        found.append(times @ values)
    return np.concatenate(found)


def interval(samples: Floats) -> tuple[float, float]:
    """The 95 % percentile interval of resampled metrics (resamples,)."""
    low, high = np.quantile(samples, (0.025, 0.975))
    return float(low), float(high)


def mean_interval(sums: Floats, sizes: Floats, resamples: int, seed: int) -> tuple[float, float] | None:
    """The 95 % interval of Σ sums / Σ sizes, both (units,); None where there are too few units for one."""
    if len(sums) < FEWEST_UNITS:
        return None
    resampled = resample(np.stack([sums, sizes], 1), resamples, seed)
    return interval(resampled[:, 0] / resampled[:, 1])


@dataclass(frozen=True)
class Difference:
    """A difference of two means over the same units, its 95 % interval, and the p value."""

    mean: float
    low: float
    high: float
    p_value: float


def paired_difference(a: Floats, b: Floats, sizes: Floats, resamples: int, seed: int) -> Difference:
    """(Σ a − Σ b) / Σ sizes, all (units,): a paired bootstrap.

    The p value is two-sided: the fraction of resamples as far from the observed mean as that is from 0 (Efron &
    Tibshirani 1993, chapter 16). The text itself counts as one of them, so that p is never 0.
    """
    resampled = resample(np.stack([a - b, sizes], 1), resamples, seed)
    means = resampled[:, 0] / resampled[:, 1]
    mean = float((a - b).sum() / sizes.sum())
    beyond = int((np.abs(means - mean) >= abs(mean)).sum())
    return Difference(mean, *interval(means), (1 + beyond) / (1 + resamples))
