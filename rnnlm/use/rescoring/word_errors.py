"""Word errors against references, and the rates of lists before and after rescoring."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.errors import InputError
from rnnlm.use.rescoring.rescorer import Rescored


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


class WordRates:
    """Counts word errors against references by utterance, from the file `name`."""

    def __init__(self, references: dict[str, list[str]], name: str) -> None:
        self._references, self._name = references, name
        self._words = self._listed = self._rescored = self._fewest = 0
        self._missing = dict(references)  # those whose list has not come

    def add(self, rescored: Rescored) -> NDArray[np.int64]:
        """Count an utterance; returns the word errors of its hypotheses (n,). InputError without a reference."""
        first = rescored.hypotheses[0]
        reference = self._references.get(rescored.utterance.id)
        if reference is None:
            raise InputError(
                f"{first.file}, line {first.number:,}: {self._name} has no reference for {rescored.utterance.id!r}",
                "begin every line of both files with the utterance's id",
            )
        self._missing.pop(rescored.utterance.id, None)
        errors = edit_distances(reference, [each.words for each in rescored.hypotheses])
        self._words += len(reference)
        self._listed += int(errors[0])
        self._rescored += int(errors[rescored.order[0]])
        self._fewest += int(errors.min())
        return errors

    def metrics(self) -> dict[str, Any]:
        """Words of the references, and errors and rates (None without a word).

        All words of a reference without a list count as deleted.
        """
        return {
            "reference_words": self._words + self._deleted,
            "references_without_list": len(self._missing),
            **self._rate("listed", self._listed),
            **self._rate("rescored", self._rescored),
            **self._rate("fewest", self._fewest),
        }

    def tuned(self, errors: int) -> dict[str, Any]:
        """Errors and rate after tuning."""
        return self._rate("tuned", errors)

    @property
    def _deleted(self) -> int:
        return sum(map(len, self._missing.values()))

    def _rate(self, key: str, errors: int) -> dict[str, Any]:
        errors, words = errors + self._deleted, self._words + self._deleted
        rate = errors / words if words else None
        return {f"{key}_word_errors": errors, f"{key}_word_error_rate": rate}
