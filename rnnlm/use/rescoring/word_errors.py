"""Word errors: insertions, deletions and substitutions between a hypothesis and its reference."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rnnlm.errors import InputError


def edit_distances(reference: Sequence[str], hypotheses: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """Word errors of each hypothesis (n,), all hypotheses in a batch (Levenshtein distance of words).

    With d(i, j) the distance of the first i words of a hypothesis from the first j of the reference,

        d(i, j) = min(d(i − 1, j) + 1, d(i − 1, j − 1) + [wᵢ ≠ rⱼ], d(i, j − 1) + 1)

    whose last term is a running minimum of the others, each minus its j.
    """
    numbers = {word: number for number, word in enumerate(dict.fromkeys(reference))}
    wanted = np.array([numbers[word] for word in reference], np.int64)
    lengths = np.array([len(words) for words in hypotheses], np.int64)
    words = np.full((len(hypotheses), int(lengths.max(initial=0))), -1, np.int64)
    for row, own in enumerate(hypotheses):
        words[row, : len(own)] = [numbers.get(word, -1) for word in own]
    columns = np.arange(len(reference) + 1)
    distance = np.tile(columns, (len(hypotheses), 1))
    found = distance[:, -1].copy()
    for i in range(words.shape[1]):
        fresh = distance + 1
        fresh[:, 1:] = np.minimum(fresh[:, 1:], distance[:, :-1] + (words[:, i : i + 1] != wanted))
        distance = np.minimum.accumulate(fresh - columns, axis=1) + columns
        found = np.where(lengths == i + 1, distance[:, -1], found)
    return found


def read_references(lines: Iterable[str], name: str) -> dict[str, list[str]]:
    """References by utterance from lines `id words…`, as Kaldi's `text` has them; InputError for an id that repeats."""
    found: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        id_, *words = line.split()
        if id_ in found:
            raise InputError(f"{name}, line {number:,}: {id_!r} has a reference already", "keep one of them")
        found[id_] = words
    return found
