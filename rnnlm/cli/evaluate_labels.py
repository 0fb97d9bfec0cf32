"""`rnnlm evaluate` for a model that labels words or texts: which data it reads, and how its figures look."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from rnnlm.app.models import FoundModel
from rnnlm.app.reading import decoding
from rnnlm.app.request import Request
from rnnlm.app.texts import choose_split
from rnnlm.artifacts import sha256_file
from rnnlm.cli.terminal import count, table, terminal
from rnnlm.corpus.labels.labelled import LabelledText, encode_labelled, encode_split
from rnnlm.corpus.labels.raw import labels_file
from rnnlm.corpus.settings import check_columns
from rnnlm.errors import UsageError
from rnnlm.model.network import Network
from rnnlm.use.labels.choice import prior_offsets
from rnnlm.use.labels.evaluate import evaluate_labels, naive_bayes_confusion
from rnnlm.use.labels.metrics import Confusion
from rnnlm.use.settings import EvaluateSettings

_WHOLE_MATRIX = 12  # labels whose counts fit on a screen side by side
_WORST = 10


def evaluate_labelled(request: Request, found: FoundModel, network: Network) -> None:
    """Show how well a model labels a split or a labelled file."""
    given = request.settings(EvaluateSettings).settings
    model = found.model
    given.refuse_tables("labels")
    if given.context is not None or given.plot is not None:
        raise UsageError("--context or --plot with a model of labels", "they go with text and forecasts")
    if given.baseline and (model.task != "classify" or found.workspace is None or given.text):
        raise UsageError("--baseline without texts to learn from", "name a workspace of labelled texts and a split")
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        data, split, name = _data(request, found, Path(directory))
        offsets = prior_offsets(model.label_counts, given.balance)
        evaluation = evaluate_labels(network, data, given.batch_size, offsets)
        report: dict[str, Any] = {
            "task": model.task,
            "balance": given.balance,
            **evaluation.report(),
            "split": split,
            **_digests(found, split, Path(directory)),
            "model_sha256": model.model_sha256,
        }
        if network.feeds_back:
            forced = evaluate_labels(network, data, given.batch_size, offsets, forced=True).report()
            report["forced"] = {key: forced[key] for key in ("accuracy", "macro_f1", "nats_per_label")}
    if given.baseline and found.workspace is not None and split is not None:
        with found.workspace.opening("raw") as raw:
            bayes = naive_bayes_confusion(raw, split, model.labels)
        report["naive_bayes"] = {"accuracy": bayes.accuracy, "macro_f1": bayes.macro_f1}
    _show(request, report, evaluation.confusion, f"{model.name} on {name}")


def _digests(found: FoundModel, split: str | None, directory: Path) -> dict[str, str]:
    """The digests of the texts and of their labels, as they were read."""
    if split is None or found.workspace is None:
        return _two_digests(directory, "all")
    with found.workspace.opening("raw") as raw:
        return _two_digests(raw, split)


def _two_digests(raw: Path, name: str) -> dict[str, str]:
    return {"raw_sha256": sha256_file(raw / f"{name}.txt"), "labels_sha256": sha256_file(labels_file(raw, name))}


def _data(request: Request, found: FoundModel, directory: Path) -> tuple[LabelledText, str | None, str]:
    """The labelled text that the flags name, as ids by the model's own rules; its split and its name.

    Raises UsageError for a model without a workspace, or a workspace without such labels.
    """
    given, model = request.settings(EvaluateSettings).settings, found.model
    per_token = model.task == "tag"
    if given.text is not None:
        check_columns(given.field, given.label, tags=per_token)
        data = encode_labelled(
            given.text, model.rules, model.labels, per_token, directory, field=given.field, label=given.label,
            decoding=decoding(request, terminal(request)),
        )  # fmt: skip
        return data, None, given.text
    if found.workspace is None:
        raise UsageError(f"{model.path} is a model without a workspace", "name a labelled file with --text FILE")
    labels = found.workspace.verified("raw").settings.get("labels")
    if labels != ("token" if per_token else "text"):
        raise UsageError(f"{found.workspace.path} has no such labels", "name a labelled file with --text FILE")
    split, _ = choose_split(found.workspace, given.split)
    if found.workspace.verified("raw").identity != model.config.get("data", {}).get("raw"):
        terminal(request).notice(f"{model.name} was trained on another split: it may have seen what it is asked here")
    with found.workspace.opening("raw") as raw:
        data = encode_split(raw, split, model.rules, model.labels, per_token=per_token, directory=directory)
    return data, split, f"{split} split"


def _show(request: Request, report: dict[str, Any], confusion: Confusion, what: str) -> None:
    view = table("", "accuracy", "macro-F1", "nats/label")
    rows = [("its own labels fed back" if "forced" in report else what, report)]
    rows += [("true labels fed back", report["forced"])] if "forced" in report else []
    for name, figures in rows:
        nats = figures["nats_per_label"]
        shown = "-" if nats is None else f"{nats:.4f}"
        view.add_row(name, f"{figures['accuracy']:.2%}", f"{figures['macro_f1']:.4f}", shown)
    if "naive_bayes" in report:
        bayes = report["naive_bayes"]
        view.add_row("naive Bayes, 1 to 4 characters", f"{bayes['accuracy']:.2%}", f"{bayes['macro_f1']:.4f}", "-")
    labels = table("label", "precision", "recall", "F1", "true", "predicted")
    for score in confusion.per_label():
        shares = (f"{share:.3f}" for share in (score.precision, score.recall, score.f1))
        labels.add_row(score.label, *shares, count(score.support), count(score.predicted))
    words = f"{what}: {report['predictions']:,} labels, {report['unseen']:,} of them never seen in training"
    terminal(request).result(report, view, "", labels, "", _confusions(confusion), words)


def _confusions(confusion: Confusion) -> Table:
    """The whole matrix where it fits, otherwise the pairs most often taken for one another."""
    names, matrix = confusion.labels, confusion.matrix
    if len(names) <= _WHOLE_MATRIX:
        view = table("true \\ predicted", *names)
        for name, row in zip(names, matrix.tolist(), strict=True):
            view.add_row(name, *(str(number) if number else "·" for number in row))
        return view
    view = table("true", "taken for", "times")
    wrong = matrix - np.diag(np.diag(matrix))
    for place in np.argsort(-wrong, axis=None, kind="stable")[:_WORST]:
        row, column = divmod(int(place), len(names))
        if wrong[row, column]:
            view.add_row(names[row], names[column], count(int(wrong[row, column])))
    return view
