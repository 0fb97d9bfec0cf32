"""The distinct n-grams of a text and how often each occurs, in bounded memory.

Each order is built from the one below: the n-gram that ends at a position of the text is the index of the (n−1)-gram
that ends one position before it, and a word. Positions are distributed to buckets by that index, so that each bucket
can be sorted in memory and the sorted buckets, one after another, are the sorted whole.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import npy_writer, open_npy
from rnnlm.corpus.tokenizer import START_ID
from rnnlm.errors import UsageError
from rnnlm.model.ngram.grams import KEYS
from rnnlm.model.ngram.scratch import BLOCK, Scratch
from rnnlm.workers import in_threads

_NONE = np.uint32(2**32 - 1)  # no n-gram ends here: it would begin before the text or the sequence


@dataclass(frozen=True)
class Counted:
    """The distinct n-grams of one order, in the order of their keys.

    `keys` (n,) uint64 is the index of the first n−1 words' n-gram × vocabulary + the last word; `counts` (n,) how often
    each occurs; `suffixes` (n,) the index of its last n−1 words' n-gram. Single words, whose indices are their ids,
    have only counts.
    """

    keys: NDArray[np.uint64]
    counts: NDArray[np.uint32]
    suffixes: NDArray[np.uint32]


def count_grams(
    ids: NDArray[Any], starts: NDArray[np.int64], vocabulary: int, order: int, directory: Path, scratch: Scratch
) -> list[Counted]:
    """The n-grams of orders 1 to `order` of a text; their keys are written to `directory` as those of a model.

    `ids` (tokens,) is the text, `starts` the positions where its sequences begin: each has `<s>` before it, and no
    n-gram crosses a beginning. Raises UsageError for a text of 2³² tokens or more.
    """
    if len(ids) + len(starts) >= int(_NONE):
        raise UsageError("the text has more than 4,294,967,294 tokens", "train on a part of it")
    text = _with_starts(scratch.mapped(ids), starts, scratch)
    counts = np.zeros(vocabulary, np.uint32)
    ends = scratch.array(len(text), np.uint32)  # for each position the index of the n-gram that ends there
    for begin in range(0, len(text), BLOCK):
        words = text[begin : begin + BLOCK]
        ends[begin : begin + BLOCK] = words
        counts += np.bincount(words, minlength=vocabulary).astype(np.uint32)
        scratch.relieve()
    empty = np.empty(0, np.uint32)
    orders = [Counted(empty.astype(np.uint64), counts, empty)]
    for n in range(2, order + 1):
        after = scratch.array(len(text) if n < order else 0, np.uint32)
        orders.append(
            _next_order(text, ends, after, orders[-1].counts, vocabulary, directory / KEYS.format(n), scratch)
        )
        ends = after
    return orders


def _with_starts(ids: NDArray[Any], starts: NDArray[np.int64], scratch: Scratch) -> NDArray[Any]:
    """The text with `<s>` before each sequence."""
    text = scratch.array(len(ids) + len(starts), ids.dtype)
    for begin in range(0, len(ids), BLOCK):
        end = min(begin + BLOCK, len(ids))
        first, last = np.searchsorted(starts, [begin, end])
        text[begin + first : end + last] = np.insert(ids[begin:end], starts[first:last] - begin, START_ID)
    return text


def _next_order(
    text: NDArray[Any], ends: NDArray[np.uint32], after: NDArray[np.uint32], contexts: NDArray[np.uint32],
    vocabulary: int, path: Path, scratch: Scratch,
) -> Counted:  # fmt: skip
    """The n-grams whose first n−1 words have the indices `ends` and occur `contexts` times.

    `after`, unless it is empty, receives the index of the n-gram that ends at each position.
    """
    limits, offsets = _buckets(contexts, scratch.bucket)
    positions, filled = _distributed(text, ends, limits, offsets, scratch)
    after[:] = _NONE
    counts, suffixes = scratch.growing(np.uint32), scratch.growing(np.uint32)

    def in_order(number: int) -> tuple[NDArray[Any], ...]:
        """The positions of a bucket by their n-grams, the number of each, and keys, counts and suffixes of these."""
        here, first = positions[offsets[number] : filled[number]].astype(np.int64), int(limits[number])
        key = (ends[here - 1] - limits[number]).astype(np.uint64) * np.uint64(vocabulary) + text[here]
        order = np.argsort(key)
        key, here = key[order], here[order]
        new = np.append(True, key[1:] != key[:-1])
        begins = np.flatnonzero(new)
        numbers = np.cumsum(new) - 1 if len(after) else np.empty(0, np.int64)
        found = key[begins] + np.uint64(first * vocabulary)
        return here, numbers, found, np.diff(begins, append=len(here)), ends[here[begins]]

    filled_ones = np.flatnonzero(filled > offsets).tolist()
    with npy_writer(path, np.uint64) as keys:
        for _, (here, numbers, key, count, suffix) in in_threads(in_order, filled_ones, scratch.threads):
            if len(after):
                after[here] = numbers + keys.rows
            keys.append(key)
            counts.append(count)
            suffixes.append(suffix)
            scratch.relieve()
    opened = scratch.mapped(open_npy(path, kinds="u", dimensions=1, remedy="run the command again"))
    return Counted(opened, counts.finished(), suffixes.finished())


def _buckets(contexts: NDArray[np.uint32], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(buckets,) the first index of each bucket of about `size` positions, and how many those before it hold."""
    limits, offsets, before, last = [], [], 0, -1
    for start in range(0, len(contexts), BLOCK):
        through = before + np.cumsum(contexts[start : start + BLOCK], dtype=np.int64)
        ahead = np.append(before, through[:-1])
        number = ahead // size
        begins = np.flatnonzero(np.diff(number, prepend=last))
        limits.append(begins + start)
        offsets.append(ahead[begins])
        before, last = int(through[-1]), int(number[-1])
    if not limits:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(limits), np.concatenate(offsets)


def _distributed(
    text: NDArray[Any],
    ends: NDArray[np.uint32],
    limits: NDArray[np.int64],
    offsets: NDArray[np.int64],
    scratch: Scratch,
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The positions where n-grams end, bucket by bucket from `offsets` on, and the end of each bucket (buckets,)."""
    positions, filled = scratch.array(len(text), np.uint32), offsets.copy()

    def placed(begin: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The positions of a block by their buckets, and how many each has."""
        end = min(begin + BLOCK, len(text))
        context = ends[begin - 1 : end - 1]
        here = np.flatnonzero((context != _NONE) & (text[begin:end] != START_ID))
        number = (np.searchsorted(limits, context[here], "right") - 1).astype(np.uint16)
        here = here[np.argsort(number, kind="stable")] + begin
        return here, np.bincount(number, minlength=len(limits))

    for _, (here, sizes) in in_threads(placed, range(1, len(text), BLOCK), scratch.threads):
        cuts = np.cumsum(sizes)
        for bucket in np.flatnonzero(sizes):
            size, cut = int(sizes[bucket]), int(cuts[bucket])
            positions[filled[bucket] : filled[bucket] + size] = here[cut - size : cut]
            filled[bucket] += size
        scratch.relieve()
    return positions, filled
