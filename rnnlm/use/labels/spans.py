"""Spans in BIO and BIOES tags, `B-LOC I-LOC O`: precision, recall and F1 as conlleval counts them.

A span is right if its first and last word and its type are. A tag that continues no span begins one. Source: Tjong Kim
Sang & De Meulder 2003 (the CoNLL-2003 shared task).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.labels.labelled import NO_LABEL

_TAG = re.compile(r"([BIES])-(.+)")
Span = tuple[int, int, str]  # first word, word after the last, type


def are_span_tags(labels: Sequence[str]) -> bool:
    """Whether all labels are `O` or one of `B-`, `I-`, `E-`, `S-` and a type, and there are some of the latter."""
    return all(label == "O" or _TAG.fullmatch(label) for label in labels) and any(label != "O" for label in labels)


def spans_of(tags: Sequence[str]) -> tuple[set[Span], bool]:
    """The spans of a sequence, and whether it is well formed: each begins with B or S and keeps its type."""
    found: set[Span] = set()
    start, kind, before, good = 0, "", "O", True
    for position, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        begins = prefix in "BS" or (prefix in "IE" and (not kind or name != kind or before in "ES"))
        if kind and (begins or tag == "O"):
            found.add((start, position, kind))
            kind = ""
        if begins:
            good &= prefix in "BS"
            start, kind = position, name
        before = prefix
    return found, good


@dataclass
class SpanCounts:
    """Counts of spans over sequences with these `labels`: in the truth, predicted, right; and sequences ill formed."""

    labels: tuple[str, ...]
    counts: dict[str, list[int]] = field(default_factory=dict)
    ill_formed: int = 0

    def add(self, truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> None:
        """Count sequences, (time, n) of label numbers each; a label that training never saw counts as `O`."""
        for column in range(truth.shape[1]):
            here = truth[:, column] != NO_LABEL
            given, _ = spans_of([self.labels[number] if number >= 0 else "O" for number in truth[here, column]])
            found, good = spans_of([self.labels[number] for number in predicted[here, column]])
            self.ill_formed += not good
            for index, some in enumerate((given, found, given & found)):
                for _, _, kind in some:
                    self.counts.setdefault(kind, [0, 0, 0])[index] += 1

    def report(self) -> dict[str, Any]:
        """The scores of all spans and of each type; 0 where nothing is predicted, or there is nothing."""
        total = [sum(column) for column in zip([0, 0, 0], *self.counts.values(), strict=True)]
        types = {kind: _scores(*counts) for kind, counts in sorted(self.counts.items())}
        return {**_scores(*total), "ill_formed_sequences": self.ill_formed, "types": types}


def _scores(true: int, predicted: int, right: int) -> dict[str, Any]:
    precision, recall = right / predicted if predicted else 0.0, right / true if true else 0.0
    f1 = 2 * right / (true + predicted) if right else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "true": true, "predicted": predicted}
