"""Word errors against references, and the rates of lists before and after rescoring."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.errors import InputError
from rnnlm.use.comparison.bootstrap import FEWEST_UNITS, paired_difference
from rnnlm.use.rescoring.rescorer import Rescored

_SUBSTITUTION, _OTHER = 2**20, 2**20 + 1  # costs by which a sum tells how many of either there are
_RESAMPLES, _SEED = 2_000, 1
RATES = {"listed": "as listed", "rescored": "rescored", "tuned": "tuned on these",
         "cross_validated": "tuned on the others", "fewest": "best there is"}  # fmt: skip


@dataclass(frozen=True)
class Edits:
    """What turns a reference into a hypothesis, with the fewest edits and among those the most substitutions."""

    insertions: int = 0
    deletions: int = 0
    substitutions: int = 0

    @property
    def errors(self) -> int:
        """All of them."""
        return self.insertions + self.deletions + self.substitutions

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            self.insertions + other.insertions, self.deletions + other.deletions,
            self.substitutions + other.substitutions,
        )  # fmt: skip


def edits_of(reference: Sequence[str], hypotheses: Sequence[Sequence[str]]) -> list[Edits]:
    """The edits of each hypothesis (words of a sentence)."""
    found = []
    for words, cost in zip(hypotheses, _distances(reference, hypotheses, _SUBSTITUTION, _OTHER).tolist(), strict=True):
        errors, others = divmod(cost, _SUBSTITUTION)
        longer = len(words) - len(reference)  # by insertions less deletions
        found.append(Edits((others + longer) // 2, (others - longer) // 2, errors - others))
    return found


def _distances(
    reference: Sequence[str], hypotheses: Sequence[Sequence[str]], substitution: int, other: int
) -> NDArray[np.int64]:
    """The least cost of edits for each hypothesis (n,), all hypotheses in a batch (Levenshtein distance of words).

    With d(i, j) that of the first i words of a hypothesis and the first j of the reference, s the cost of a
    substitution and a that of any other edit,

        d(i, j) = min(d(i − 1, j) + a, d(i − 1, j − 1) + s [wᵢ ≠ rⱼ], d(i, j − 1) + a)

    whose last term is a running minimum of the others, each minus a j.
    """
    numbers = {word: number for number, word in enumerate(dict.fromkeys(reference))}
    wanted = np.array([numbers[word] for word in reference], np.int64)
    lengths = np.array([len(words) for words in hypotheses], np.int64)
    words = np.full((len(hypotheses), int(lengths.max(initial=0))), -1, np.int64)
    for row, own in enumerate(hypotheses):
        words[row, : len(own)] = [numbers.get(word, -1) for word in own]
    columns = other * np.arange(len(reference) + 1)
    distance = np.tile(columns, (len(hypotheses), 1))
    found = distance[:, -1].copy()
    for i in range(words.shape[1]):
        fresh = distance + other
        fresh[:, 1:] = np.minimum(fresh[:, 1:], distance[:, :-1] + substitution * (words[:, i : i + 1] != wanted))
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
        self._words, self._fewest = list[int](), 0
        self._names, self._listed, self._rescored = list[str](), list[Edits](), list[Edits]()
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
        edits = edits_of(reference, [each.words for each in rescored.hypotheses])
        errors = np.array([each.errors for each in edits])
        self._names.append(rescored.utterance.id)
        self._words.append(len(reference))
        self._listed.append(edits[0])
        self._rescored.append(edits[rescored.order[0]])
        self._fewest += int(errors.min())
        return errors

    def lines(self) -> Iterator[str]:
        """A line for each utterance: its words, and insertions, deletions, substitutions as listed and rescored."""
        kinds = ("insertions", "deletions", "substitutions")
        yield "\t".join(
            ["utterance", "words", *(f"{when} {kind}" for when in ("listed", "rescored") for kind in kinds)]
        )
        for name, words, *edits in zip(self._names, self._words, self._listed, self._rescored, strict=True):
            counts = [getattr(each, kind) for each in edits for kind in kinds]
            yield "\t".join([name, *map(str, (words, *counts))])
        for name, reference in self._missing.items():
            lost = ("0", str(len(reference)), "0")
            yield "\t".join([name, str(len(reference)), *lost, *lost])

    def metrics(self) -> dict[str, Any]:
        """Words of the references, and errors and rates (None without a word).

        All words of a reference without a list count as deleted.
        """
        listed, rescored = (sum(each, Edits(deletions=self._deleted)) for each in (self._listed, self._rescored))
        return {
            "reference_words": sum(self._words) + self._deleted, "references_without_list": len(self._missing),
            **self._rate("listed", listed.errors - self._deleted),
            **self._rate("rescored", rescored.errors - self._deleted), **self._rate("fewest", self._fewest),
            "listed_edits": asdict(listed), "rescored_edits": asdict(rescored), "difference": self._difference(),
        }  # fmt: skip

    def _difference(self) -> dict[str, float] | None:
        """The rate as listed less that rescored, by a paired bootstrap over utterances; None for few of them."""
        if len(self._words) < FEWEST_UNITS or not sum(self._words):
            return None
        a, b = (np.array([each.errors for each in side], np.float64) for side in (self._listed, self._rescored))
        return asdict(paired_difference(a, b, np.array(self._words, np.float64), _RESAMPLES, _SEED))

    def tuned(self, errors: int, key: str = "tuned") -> dict[str, Any]:
        """Errors and rate after tuning."""
        return self._rate(key, errors)

    @property
    def _deleted(self) -> int:
        return sum(map(len, self._missing.values()))

    def _rate(self, key: str, errors: int) -> dict[str, Any]:
        errors, words = errors + self._deleted, sum(self._words) + self._deleted
        rate = errors / words if words else None
        return {f"{key}_word_errors": errors, f"{key}_word_error_rate": rate}


def rate_rows(report: Mapping[str, Any]) -> list[tuple[str, int, float]]:
    """What was taken, its word errors and its rate, for each rate of a report, in order."""
    known = [key for key in RATES if report.get(f"{key}_word_error_rate") is not None]
    return [(RATES[key], report[f"{key}_word_errors"], report[f"{key}_word_error_rate"]) for key in known]
