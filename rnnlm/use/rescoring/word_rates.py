"""Word error rates over lists: of the first hypotheses, of the best after rescoring, and of the best in each list."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.errors import InputError
from rnnlm.use.rescoring.rescorer import Rescored
from rnnlm.use.rescoring.word_errors import edit_distances


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
