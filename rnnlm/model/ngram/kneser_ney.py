"""Interpolated modified Kneser–Ney: from counts of n-grams to a model. Source: Chen and Goodman 1998, section 4.1.6.

With u the words before w and v those without the first,

    p(w | u) = (a(u w) − D(a(u w))) / a(u ·)  +  γ(u) p(w | v),        γ(u) = Σ_k D_k N_k(u ·) / a(u ·),

where a is the count at the highest order and where u begins with `<s>`, and elsewhere the number of distinct words
seen before u w; N_k(u ·) counts the w with a(u w) = k (3: three or more). The single words are interpolated with the
uniform distribution over the outputs. For each order, with n_k n-grams of a = k,

    Y = n_1 / (n_1 + 2 n_2),        D_k = k − (k + 1) Y n_{k+1} / n_k        for k = 1, 2, 3.

An n-gram is pruned if it occurs no more often than the limit of its order: its whole a is then in the numerator of
γ(u) in place of D, so that p(w | u) = γ(u) p(w | v). Discounts are those of all n-grams. As KenLM's --prune.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import npy_writer, open_npy
from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.ngram.counting import Counted, count_grams
from rnnlm.model.ngram.grams import BACK_OFF, KEYS, LOG_P
from rnnlm.model.ngram.scratch import BLOCK, Scratch
from rnnlm.workers import in_threads

FALLBACK = (0.5, 1.0, 1.5)  # KenLM's --discount_fallback


@dataclass(frozen=True)
class Discounts:
    """D_1, D_2 and D_3 of one order; `estimated` is false where `FALLBACK` is used."""

    values: tuple[float, float, float]
    estimated: bool


def discounts(n: NDArray[np.int64]) -> Discounts:
    """From n (5,), where n[k] is the number of n-grams with a = k, to D.

    D is `FALLBACK` where n_1, n_2 or n_3 is 0, or a D_k is not in (0, k], which would give an unseen word no
    probability.
    """
    if n[1:4].all():
        y = n[1] / (n[1] + 2 * n[2])
        values = [float(k - (k + 1) * y * n[k + 1] / n[k]) for k in (1, 2, 3)]
        if all(0 < value <= k for k, value in enumerate(values, 1)):
            return Discounts((values[0], values[1], values[2]), True)
    return Discounts(FALLBACK, False)


def estimate(
    ids: NDArray[Any], starts: NDArray[np.int64], vocabulary: int, order: int, directory: Path, scratch: Scratch,
    limits: Sequence[int] = (0,),
) -> list[Discounts]:  # fmt: skip
    """Write the model of a text to `directory`, and return the discounts of each order.

    `ids` (tokens,) is the text, `starts` the positions where its sequences begin. N-grams of order n that occur
    limits[n − 1] times or less are pruned; the last limit is that of the later orders too. Limits rise from 0 on, so
    that the first and the last words of an n-gram that stays are one that stays.
    """
    limits = [limits[min(n, len(limits)) - 1] for n in range(1, order + 1)]
    orders = count_grams(ids, starts, vocabulary, order, directory, scratch)
    below = in_threads(lambda n: _continuations(orders[n - 1], orders[n], scratch), range(1, order), scratch.threads)
    continued, found, lower = dict(below), [], np.full(vocabulary, 1 / (vocabulary - FIRST_OUTPUT))
    for n, counted in enumerate(orders, 1):
        a = continued.get(n, counted.counts)
        if n == 1:
            a[:FIRST_OUTPUT] = 0
        found.append(discounts(_counts_of_counts(a)))
        contexts = len(orders[n - 2].counts) if n > 1 else 1
        lower = _write_order(n, counted, a, found[-1], lower, contexts, vocabulary, directory, scratch, limits[n - 1])
    if any(limits):
        _drop(orders, limits, vocabulary, directory, scratch)
    return found


def _drop(orders: Sequence[Counted], limits: Sequence[int], vocabulary: int, directory: Path, scratch: Scratch) -> None:
    """Leave the n-grams that `limits` prune out of the files of a model."""
    below: NDArray[np.uint32] | None = None  # the new indices of the order below, where it has changed
    for n, counted in enumerate(orders[1:], 2):
        columns = {name.format(n): np.float32 for name in (LOG_P, BACK_OFF)[: 2 if n < len(orders) else 1]}
        olds = {
            name: open_npy(directory / name, kinds="f", dimensions=1, remedy="run the command again")
            for name in columns
        }
        places = scratch.array(len(counted.counts), np.uint32)
        with contextlib.ExitStack() as stack:
            keys = stack.enter_context(npy_writer(directory / KEYS.format(n), np.uint64))
            news = {name: stack.enter_context(npy_writer(directory / name, kind)) for name, kind in columns.items()}
            for start in range(0, len(places), BLOCK):
                here = slice(start, start + BLOCK)
                kept = counted.counts[here] > limits[n - 1]
                places[here] = keys.rows + np.cumsum(kept) - 1  # of no use for those that go
                key = counted.keys[here][kept]
                if below is not None:
                    context, word = np.divmod(key, np.uint64(vocabulary))
                    key = below[context].astype(np.uint64) * np.uint64(vocabulary) + word
                keys.append(key)
                for name, old in olds.items():
                    news[name].append(old[here][kept])
                scratch.relieve()
        below = places


def _continuations(counted: Counted, higher: Counted, scratch: Scratch) -> NDArray[np.uint32]:
    """a (n-grams,): the number of distinct words seen before each; its count if it begins with `<s>`."""
    a: NDArray[np.uint32] = scratch.array(len(counted.counts), np.uint32)
    for start in range(0, len(higher.suffixes), BLOCK):
        np.add.at(a, higher.suffixes[start : start + BLOCK], 1)
        scratch.relieve()
    for start in range(0, len(a), BLOCK):
        block = a[start : start + BLOCK]
        block[:] = np.where(block > 0, block, counted.counts[start : start + BLOCK])
        scratch.relieve()
    return a


def _counts_of_counts(a: NDArray[np.uint32]) -> NDArray[np.int64]:
    """n (6,); the last entry counts all that are 5 or more."""
    n = np.zeros(6, np.int64)
    for start in range(0, len(a), BLOCK):
        n += np.bincount(np.minimum(a[start : start + BLOCK], 5), minlength=6)
    return n


def _write_order(
    n: int, counted: Counted, a: NDArray[np.uint32], discounts: Discounts, lower: NDArray[np.float64], contexts: int,
    vocabulary: int, directory: Path, scratch: Scratch, limit: int,
) -> NDArray[np.float64]:  # fmt: skip
    """Write log p of one order's n-grams and log γ of the `contexts` n-grams before their last words; p (n-grams,).

    `lower` is p of the order below, or of the uniform distribution. What occurs `limit` times or less is pruned.
    """
    D = np.array([0.0, *discounts.values])
    total, withheld = scratch.array(contexts, np.float64), scratch.array(contexts, np.float64)

    def read(start: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Of a block of n-grams the counts, the numbers of their contexts, and D of the counts."""
        count = a[start : start + BLOCK].astype(np.int64)
        if n == 1:
            return count, np.zeros_like(count), D[np.minimum(count, 3)]
        context = (counted.keys[start : start + BLOCK] // np.uint64(vocabulary)).astype(np.int64)
        pruned = counted.counts[start : start + BLOCK] <= limit
        return count, context, np.where(pruned, count, D[np.minimum(count, 3)])

    def summed(start: int) -> tuple[int, NDArray[Any], NDArray[Any]]:
        """The first context of a block, and for each from it on the sums of counts and of D."""
        count, context, D_a = read(start)
        first = int(context[0])
        return first, np.bincount(context - first, count), np.bincount(context - first, D_a)

    for _, (first, counts, withheld_here) in in_threads(summed, range(0, len(a), BLOCK), scratch.threads):
        here = slice(first, first + len(counts))
        total[here] += counts
        withheld[here] += withheld_here
        scratch.relieve()
    for start in range(0, contexts, BLOCK):  # γ is 1 for n-grams that nothing follows
        here = slice(start, start + BLOCK)
        withheld[here] = np.divide(withheld[here], total[here], out=np.ones_like(total[here]), where=total[here] > 0)
    p = scratch.array(len(a), np.float64)

    def log_of(start: int) -> NDArray[Any]:
        """log p of a block of n-grams; p is kept."""
        count, context, D_a = read(start)
        block = slice(start, start + BLOCK)
        below = lower[counted.suffixes[block]] if n > 1 else lower[block]
        seen = np.divide(count - D_a, total[context], out=np.zeros(len(count)), where=count > 0)
        values = seen + withheld[context] * below
        if n == 1:
            values[: max(0, FIRST_OUTPUT - start)] = 0
        p[block] = values
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(values), np.float32)

    with npy_writer(directory / LOG_P.format(n), np.float32) as log_p:
        for _, found in in_threads(log_of, range(0, len(a), BLOCK), scratch.threads):
            log_p.append(found)
            scratch.relieve()
    if n > 1:
        with npy_writer(directory / BACK_OFF.format(n - 1), np.float32) as back_off:
            for start in range(0, contexts, BLOCK):
                back_off.append(np.log(withheld[start : start + BLOCK]))
    return p
