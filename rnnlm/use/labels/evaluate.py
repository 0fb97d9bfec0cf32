"""Evaluation of a network's labels: the labeled text, and predictions for it against the truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.artifacts import sha256_file
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.labels.labelled import NO_LABEL, UNSEEN, encode_labelled, encode_split
from rnnlm.corpus.labels.raw import labels_file
from rnnlm.corpus.sequences import LabelledSequences
from rnnlm.corpus.settings import FIELD, LABEL, check_columns
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import perplexity
from rnnlm.model.network import Network
from rnnlm.model.prediction import label_nats, predictions
from rnnlm.tables.series import Series
from rnnlm.use.forecasts.evaluate import choose_windows
from rnnlm.use.labels.frames import LinearLabels
from rnnlm.use.labels.metrics import Confusion
from rnnlm.use.labels.naive_bayes import fit
from rnnlm.use.labels.spans import SpanCounts, are_span_tags
from rnnlm.use.texts import choose_split, workspace_of

BASELINES = {"naive_bayes": "naive Bayes, 1 to 4 characters", "linear": "linear, without the order of rows"}


@dataclass(frozen=True)
class ChosenLabels:
    """A labeled text or table, its name, its `split` if it is one; not `same_split` where training had another.

    `train` are the windows of a table that the model was trained on, where they are at hand; `notices` are lines about
    labels that it does not know.
    """

    data: LabelledSequences
    name: str
    split: str | None
    digests: dict[str, str]
    same_split: bool = True
    train: Series | None = None
    notices: tuple[str, ...] = ()


def choose_labelled(
    found: FoundModel,
    split: str | None,
    text: str | None,
    directory: Path,
    *,
    field: str = FIELD,
    label: str = LABEL,
    decoding: Decoding | None = None,
) -> ChosenLabels:
    """The labeled file `text`, or a split of the model's workspace; ids of texts are kept in `directory`.

    Raises UsageError for a model without a workspace, or a workspace without such labels.
    """
    model = found.model
    per_token = model.task == "tag"
    if model.text is None:
        windows = choose_windows(found, split, text)
        digests = {"table_sha256": windows.table_sha256}
        return ChosenLabels(
            windows.series, windows.name, windows.split, digests, train=windows.train, notices=windows.notices
        )
    if text is not None:
        check_columns(field, label, tags=per_token)
        data = encode_labelled(
            text, model.rules, model.labels, per_token, directory, field=field, label=label, decoding=decoding
        )
        return ChosenLabels(data, text, None, _digests(directory, "all"))
    workspace = workspace_of(found, "a labeled file with --text FILE")
    manifest = workspace.verified("raw")
    if manifest.settings.get("labels") != ("token" if per_token else "text"):
        raise UsageError(f"{workspace.path} has no such labels", "name a labeled file with --text FILE")
    chosen, _ = choose_split(workspace, split)
    with workspace.opening("raw") as raw:
        data = encode_split(raw, chosen, model.rules, model.labels, per_token=per_token, directory=directory)
        digests = _digests(raw, chosen)
    same = manifest.identity == model.config.get("data", {}).get("raw")
    return ChosenLabels(data, f"{chosen} split", chosen, digests, same)


def _digests(raw: Path, name: str) -> dict[str, str]:
    return {"raw_sha256": sha256_file(raw / f"{name}.txt"), "labels_sha256": sha256_file(labels_file(raw, name))}


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
    model: Network, data: LabelledSequences, batch_size: int, offsets: NDArray[np.float64], *, forced: bool = False
) -> LabelEvaluation:
    """The label with the largest log p for each word or text, `offsets` (labels,) added, against the true one.

    `forced` feeds the previous true label back to a network that otherwise feeds back its own output.
    """
    confusion, nats = Confusion(data.labels), 0.0
    again = data.repeated() if isinstance(data, Series) and data.per_token else None
    spans = SpanCounts(data.labels) if data.per_token and are_span_tags(data.labels) else None
    for piece in predictions(model, data, batch_size, forced=forced):
        found, targets = (piece.outputs + offsets).argmax(-1), piece.targets
        if again is not None:  # a row counts once
            targets = np.where(np.arange(len(targets))[:, None] < again[piece.rows], NO_LABEL, targets)
        confusion.add(targets, found)
        if spans is not None:
            spans.add(targets, found)
        nats += float(label_nats(piece.outputs, targets).sum())
    return LabelEvaluation(confusion, nats, spans)


def check_baseline(found: FoundModel, text: str | None) -> None:
    """UsageError where a baseline has nothing to learn from."""
    plain = found.model.text is None or (found.model.task == "classify" and not text)
    if not plain or found.workspace is None:
        raise UsageError("--baseline without texts to learn from", "name a workspace of labeled texts and a split")


def baseline_labels(found: FoundModel, chosen: ChosenLabels) -> tuple[str, Confusion]:
    """Which of the `BASELINES` it is, learned from the same training split, and its counts; UsageError without it."""
    if isinstance(chosen.data, Series):
        if chosen.train is None:
            raise UsageError("--baseline without the windows of training", "name the workspace that still has them")
        return "linear", LinearLabels.fit(chosen.train).confusion(chosen.data)
    assert found.workspace is not None and chosen.split is not None
    with found.workspace.opening("raw") as raw:
        return "naive_bayes", naive_bayes_confusion(raw, chosen.split, found.model.labels)


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
