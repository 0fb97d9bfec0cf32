"""Evaluation of a network's labels: predictions for every word or text against the truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.labels.labelled import UNSEEN, LabelledText
from rnnlm.corpus.labels.raw import labels_file
from rnnlm.model.likelihood import perplexity
from rnnlm.model.network import Network
from rnnlm.model.prediction import label_nats, predictions
from rnnlm.use.labels.metrics import Confusion
from rnnlm.use.labels.naive_bayes import fit
from rnnlm.use.labels.spans import SpanCounts, are_span_tags


@dataclass(frozen=True)
class LabelEvaluation:
    """The counts, and `nats` summed over the labels that the network knows; `spans` of tags in BIO or BIOES."""

    confusion: Confusion
    nats: float
    spans: SpanCounts | None = None

    def report(self) -> dict[str, Any]:
        """The metrics by their full names; nats skip labels that training never saw, accuracy does not."""
        known = self.confusion.predictions - self.confusion.unseen
        per_label = self.nats / known if known else None
        return {
            **self.confusion.report(),
            "nats_per_label": per_label,
            "perplexity_of_labels": None if per_label is None else perplexity(per_label),
            **({} if self.spans is None else {"spans": self.spans.report()}),
        }


def evaluate_labels(
    model: Network, data: LabelledText, batch_size: int, offsets: NDArray[np.float64], *, forced: bool = False
) -> LabelEvaluation:
    """The label with the largest log p for each word or text, `offsets` (labels,) added, against the true one.

    `forced` feeds the previous true label back to a network that otherwise feeds back its own output.
    """
    confusion, nats = Confusion(data.labels), 0.0
    spans = SpanCounts(data.labels) if data.per_token and are_span_tags(data.labels) else None
    for piece in predictions(model, data, batch_size, forced=forced):
        found = (piece.outputs + offsets).argmax(-1)
        confusion.add(piece.targets, found)
        if spans is not None:
            spans.add(piece.targets, found)
        nats += float(label_nats(piece.outputs, piece.targets).sum())
    return LabelEvaluation(confusion, nats, spans)


def naive_bayes_confusion(raw: Path, split: str, labels: tuple[str, ...]) -> Confusion:
    """The baseline on a split of the `raw` stage: fitted on train, its smoothing chosen on valid."""
    model = fit(*_known(*_texts(raw, "train", labels)), len(labels))
    chosen, numbers = _known(*_texts(raw, "valid", labels))
    model = model.tuned(chosen, numbers) if chosen else model
    confusion = Confusion(labels)
    texts, truth = _texts(raw, split, labels)
    confusion.add(truth, model.predict(texts))
    return confusion


def _known(texts: list[str], numbers: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """The same without texts whose label is not in the set."""
    return [text for text, number in zip(texts, numbers, strict=True) if number >= 0], numbers[numbers >= 0]


def _texts(raw: Path, split: str, labels: tuple[str, ...]) -> tuple[list[str], NDArray[np.int64]]:
    """The texts of a split and the numbers of their labels."""
    numbers = {label: number for number, label in enumerate(labels)}
    texts = (raw / f"{split}.txt").read_text("utf-8").split("\n")[:-1]
    given = labels_file(raw, split).read_text("utf-8").split("\n")[:-1]
    return texts, np.array([numbers.get(label, UNSEEN) for label in given], np.int64)
