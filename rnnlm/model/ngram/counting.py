"""The distinct n-grams of a text and how often each occurs, in bounded memory; knows nothing of probabilities.

An order is made from the one below it: the n-gram that ends at a place of the text is the (n−1)-gram that ends one
place before it, by its number, and a word. Places are dealt out to buckets by that number, so that each bucket can be
sorted in memory and the sorted buckets, one after another, are the sorted whole.
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
from rnnlm.model.ngram.scratch import Scratch

BLOCK = 2**20  # entries handled at once where an array is read from end to end
_BUCKET = 2**21  # places sorted together: about 100 MB at work
_NONE = np.uint32(2**32 - 1)  # no n-gram ends here: it would begin before the text's, or the sequence's, beginning


@dataclass(frozen=True)
class Counted:
    """The distinct n-grams of one order, in the order of their keys.

    `keys` (n,) uint64 is the number of the first n−1 words' gram × vocabulary + the last word; `counts` (n,) how often
    each occurs; `suffixes` (n,) the number of its last n−1 words' gram. Of single words, whose numbers are their ids,
    there are only the counts.
    """

    keys: NDArray[np.uint64]
    counts: NDArray[np.uint32]
    suffixes: NDArray[np.uint32]


def count_grams(
    ids: NDArray[Any], starts: NDArray[np.int64], vocabulary: int, order: int, directory: Path, scratch: Scratch
) -> list[Counted]:
    """The n-grams of orders 1 to `order` of a text; their keys are written to `directory`, as a model's.

    `ids` (tokens,) is the text, `starts` the places where its sequences begin: each has `<s>` before it, and no n-gram
    reaches over a beginning. Raises UsageError for a text of 2³² tokens or more.
    """
    if len(ids) + len(starts) >= int(_NONE):
        raise UsageError("the text has more than 4,294,967,294 tokens", "train on a part of it")
    text = _with_starts(ids, starts, scratch)
    counts = np.zeros(vocabulary, np.uint32)
    ends = scratch.array(len(text), np.uint32)  # for each place the number of the n-gram that ends there
    for begin in range(0, len(text), BLOCK):
        block = text[begin : begin + BLOCK]
        ends[begin : begin + BLOCK] = block
        counts += np.bincount(block, minlength=vocabulary).astype(np.uint32)
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
    """The n-grams whose first n−1 words are numbered by `ends` and occur `contexts` times.

    `after`, unless it is empty, is given the number of the n-gram that ends at each place.
    """
    limits, offsets = _buckets(contexts)
    places, filled = _dealt_out(text, ends, limits, offsets, scratch)
    after[:] = _NONE
    counts, suffixes = scratch.growing(np.uint32), scratch.growing(np.uint32)
    with npy_writer(path, np.uint64) as keys:
        for number, first in enumerate(limits):
            here = places[offsets[number] : filled[number]].astype(np.int64)
            if not len(here):
                continue
            key = (ends[here - 1] - first).astype(np.uint64) * np.uint64(vocabulary) + text[here]
            order = np.argsort(key)
            key, here = key[order], here[order]
            new = np.append(True, key[1:] != key[:-1])
            begins = np.flatnonzero(new)
            if len(after):
                after[here] = np.cumsum(new) - 1 + keys.rows
            keys.append(key[begins] + np.uint64(int(first) * vocabulary))
            counts.append(np.diff(begins, append=len(here)))
            suffixes.append(ends[here[begins]])
    remedy = "run the command again"
    return Counted(open_npy(path, kinds="u", dimensions=1, remedy=remedy), counts.finished(), suffixes.finished())


def _buckets(contexts: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(buckets,) the first number of each bucket, and how many places those before it have room for."""
    limits, offsets, before, last = [], [], 0, -1
    for start in range(0, len(contexts), BLOCK):
        through = before + np.cumsum(contexts[start : start + BLOCK], dtype=np.int64)
        ahead = np.append(before, through[:-1])
        number = ahead // _BUCKET
        begins = np.flatnonzero(np.diff(number, prepend=last))
        limits.append(begins + start)
        offsets.append(ahead[begins])
        before, last = int(through[-1]), int(number[-1])
    if not limits:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(limits), np.concatenate(offsets)


def _dealt_out(
    text: NDArray[Any],
    ends: NDArray[np.uint32],
    limits: NDArray[np.int64],
    offsets: NDArray[np.int64],
    scratch: Scratch,
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The places where n-grams end, bucket by bucket from `offsets` on, and where each bucket's end (buckets,)."""
    places, filled = scratch.array(len(text), np.uint32), offsets.copy()
    for begin in range(1, len(text), BLOCK):
        end = min(begin + BLOCK, len(text))
        context = ends[begin - 1 : end - 1]
        here = np.flatnonzero((context != _NONE) & (text[begin:end] != START_ID))
        number = (np.searchsorted(limits, context[here], "right") - 1).astype(np.uint16)
        here = here[np.argsort(number, kind="stable")] + begin
        sizes = np.bincount(number, minlength=len(limits))
        cuts = np.cumsum(sizes)
        for bucket in np.flatnonzero(sizes):
            size, cut = int(sizes[bucket]), int(cuts[bucket])
            places[filled[bucket] : filled[bucket] + size] = here[cut - size : cut]
            filled[bucket] += size
    return places, filled
