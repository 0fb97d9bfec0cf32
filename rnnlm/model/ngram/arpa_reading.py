"""From an ARPA file to the numbers of a model, in bounded memory: 16 bytes for each n-gram of the largest order.

A file may hold an n-gram u w without its prefix u, as pruned files of SRILM do. u is added with its backed-off
probability and a weight of 1, which changes no probability. Suffixes of u w may be missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import write_npy
from rnnlm.corpus.tokenizer import END_ID, START_ID
from rnnlm.errors import InputError
from rnnlm.model.ngram.arpa_rows import ArpaRows, arpa_rows, wrong
from rnnlm.model.ngram.arpa_words import ArpaWords, arpa_words
from rnnlm.model.ngram.grams import BACK_OFF, KEYS, LOG_P, GramRows
from rnnlm.model.ngram.levels import Levels
from rnnlm.model.ngram.scratch import Scratch

_BLOCK = 2**18
_LN_10 = float(np.log(10))


@dataclass(frozen=True)
class ArpaRead:
    """What was read: the vocabulary, the `order`, and properties of the file's n-grams.

    `lines_apart`: none continues after `</s>`. `put_in` prefixes were missing; `left_out` n-grams have `<s>` after
    their first word, which no text has.
    """

    words: ArpaWords
    order: int
    lines_apart: bool
    put_in: int
    left_out: int


@dataclass(frozen=True)
class _Section:
    """The n-grams of one order in the order of the file: words (rows, n) of ids, and (rows,) the rest."""

    words: NDArray[np.uint32]
    lines: NDArray[np.int64]
    log_p: NDArray[np.float32]
    back_off: NDArray[np.float32]
    left_out: int
    over_ends: bool


class _WordIds(dict[bytes, int]):
    """Ids by word, −1 for an unknown word."""

    def __missing__(self, word: bytes) -> int:
        return -1


def read_arpa(name: str, known: Sequence[str], directory: Path, scratch: Scratch, *, own: bool) -> ArpaRead:
    """Write the model of the ARPA file `name` to `directory`; `known` and `own` are those of `arpa_words`.

    Raises InputError, with the line number, for a file that is missing or broken.
    """
    orders = groupby(arpa_rows(name), key=lambda rows: rows.order)
    n, blocks = next(orders, (0, iter(())))
    if n != 1:
        raise InputError(f"{name} has no n-grams of order 1", "the file is damaged; write or fetch it again")
    words = arpa_words(name, list(blocks), known, own=own)
    levels = Levels(len(words.tokens), _nats(words.log10_p), _nats(words.log10_b))
    put_in = left_out = 0
    over_ends = False
    for n, blocks in orders:
        while levels.order < n - 1:
            levels.add_empty()
        section = _section(name, n, blocks, words.ids, scratch)
        put_in += _add(name, n, section, levels, scratch)
        left_out += section.left_out
        over_ends |= section.over_ends
    for n in range(1, levels.order + 1):
        write_npy(directory / LOG_P.format(n), levels.log_p[n - 1])
        if n > 1:
            write_npy(directory / KEYS.format(n), levels.keys[n - 2])
        if n < levels.order:
            write_npy(directory / BACK_OFF.format(n), levels.back_off[n - 1])
    return ArpaRead(words, levels.order, not over_ends, put_in, left_out)


def _section(name: str, n: int, blocks: Iterable[ArpaRows], ids: dict[bytes, int], scratch: Scratch) -> _Section:
    """The n-grams of order n > 1, except those that no text has."""
    words, lines = scratch.growing(np.uint32), scratch.growing(np.int64)
    log_p, back_off = scratch.growing(np.float32), scratch.growing(np.float32)
    numbers, left_out, over_ends = _WordIds(ids), 0, False
    for rows in blocks:
        found = np.fromiter(map(numbers.__getitem__, rows.words), np.int64, len(rows.words))
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            word, line = rows.words[unknown[0]].decode(), int(rows.lines[unknown[0] // n])
            raise wrong(name, line, f"{word!r} is none of the single words", "\\1-grams: lists every word")
        found = found.reshape(-1, n)
        good = (found[:, 1:] != START_ID).all(1)
        left_out += int((~good).sum())
        over_ends |= bool((found[good, :-1] == END_ID).any())
        words.append(found[good].ravel())
        lines.append(rows.lines[good])
        log_p.append(_nats(rows.log10_p[good]))
        back_off.append(_nats(rows.log10_b[good]))
    return _Section(
        words.finished().reshape(-1, n), lines.finished(), log_p.finished(), back_off.finished(), left_out, over_ends
    )


def _add(name: str, n: int, section: _Section, levels: Levels, scratch: Scratch) -> int:
    """Add the n-grams of order n to the levels, sorted, with missing prefixes; returns how many were missing."""
    missing = [np.empty((0, n - 1), np.int64)]
    for start in range(0, len(section.words), _BLOCK):
        prefixes = section.words[start : start + _BLOCK, :-1].astype(np.int64)
        found = levels.numbers(prefixes)
        missing.append(np.unique(prefixes[found < 0], axis=0))
    put_in = levels.put_in(np.unique(np.concatenate(missing), axis=0))
    keys = np.empty(len(section.words), np.uint64)
    for start in range(0, len(keys), _BLOCK):
        words = section.words[start : start + _BLOCK].astype(np.int64)
        keys[start : start + _BLOCK] = levels.numbers(words[:, :-1]) * levels.vocabulary + words[:, -1]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        raise wrong(name, int(section.lines[order[twice[0] + 1]]), "this n-gram stands twice", "each has one line")
    levels.add(
        _moved(keys, None, scratch), _moved(section.log_p, order, scratch), _moved(section.back_off, order, scratch)
    )
    return put_in


def _moved(values: NDArray[Any], order: GramRows | None, scratch: Scratch) -> NDArray[Any]:
    """The values in a file, in the given order if any."""
    moved = scratch.array(len(values), values.dtype)
    for start in range(0, len(values), _BLOCK):
        here = slice(start, start + _BLOCK)
        moved[here] = values[here] if order is None else values[order[here]]
    return moved


def _nats(log10: NDArray[np.float64]) -> NDArray[np.float32]:
    return (log10 * _LN_10).astype(np.float32)
