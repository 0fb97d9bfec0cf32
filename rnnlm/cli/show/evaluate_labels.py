"""`rnnlm evaluate` of a model that labels words or texts."""

import tempfile
from pathlib import Path
from typing import Any

from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.screen import Grid, View, count
from rnnlm.use.evaluation.settings import EvaluateSettings
from rnnlm.use.labels.evaluate import BASELINES, baseline_labels, check_baseline, choose_labelled, evaluate_labels
from rnnlm.use.labels.metrics import Confusion
from rnnlm.use.labels.predict import prior_offsets

_WHOLE_MATRIX = 12  # most labels whose matrix fits on a screen
_WORST = 10


def evaluate_labelled(request: Request, found: FoundModel, network: Network) -> None:
    """Evaluate a model of labels on a split or a labeled file."""
    given, screen = request.settings(EvaluateSettings).settings, terminal(request)
    model = found.model
    if given.context is not None or given.plot is not None:
        raise UsageError("--context or --plot with a model of labels", "they apply to text and forecasts")
    if given.baseline:
        check_baseline(found, given.text)
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        chosen = choose_labelled(
            found, given.split, given.text, Path(directory), field=given.field, label=given.label,
            decoding=decoding(request, screen),
        )  # fmt: skip
        for notice in chosen.notices:
            screen.notice(notice)
        if not chosen.same_split:
            screen.notice(f"{model.name} was trained on another split: it may have been trained on these texts")
        offsets = prior_offsets(model.label_counts, given.balance)
        evaluation = evaluate_labels(network, chosen.data, given.batch_size, offsets)
        report: dict[str, Any] = {
            "task": model.task, "balance": given.balance, **evaluation.report(), "split": chosen.split,
            **chosen.digests, "model_sha256": model.model_sha256,
        }  # fmt: skip
        if network.feeds_back:
            forced = evaluate_labels(network, chosen.data, given.batch_size, offsets, forced=True).report()
            report["forced"] = {key: forced[key] for key in ("accuracy", "macro_f1", "nats_per_label")}
    if given.baseline:
        name, beside = baseline_labels(found, chosen)
        report[name] = {"accuracy": beside.accuracy, "macro_f1": beside.macro_f1}
    _show(screen, report, evaluation.confusion, f"{model.name} on {chosen.name}")


def _show(screen: Terminal, report: dict[str, Any], confusion: Confusion, what: str) -> None:
    view = Grid("", "accuracy", "macro-F1", "nats/label", named=0)
    rows = [("its own labels fed back" if "forced" in report else what, report)]
    rows += [("true labels fed back", report["forced"])] if "forced" in report else []
    for name, metrics in rows:
        nats = metrics["nats_per_label"]
        shown = "-" if nats is None else f"{nats:.4f}"
        view.add_row(name, f"{metrics['accuracy']:.2%}", f"{metrics['macro_f1']:.4f}", shown)
    for name in BASELINES.keys() & report.keys():
        view.add_row(BASELINES[name], f"{report[name]['accuracy']:.2%}", f"{report[name]['macro_f1']:.4f}", "-")
    labels = Grid("label", "precision", "recall", "F1", "true", "predicted", named=0)
    for score in confusion.per_label():
        fractions = (f"{each:.3f}" for each in (score.precision, score.recall, score.f1))
        labels.add_row(score.label, *fractions, count(score.support), count(score.predicted))
    more: list[View] = []
    if "spans" in report:
        spans = Grid("span", "precision", "recall", "F1", "true", "predicted", named=0)
        for name, each in [*report["spans"]["types"].items(), ("all", report["spans"])]:
            fractions = (f"{each[key]:.3f}" for key in ("precision", "recall", "f1"))
            spans.add_row(name, *fractions, count(each["true"]), count(each["predicted"]))
        more = [spans, f"ill-formed sequences of tags: {report['spans']['ill_formed_sequences']:,}", ""]
    words = f"{what}: {report['predictions']:,} labels, {report['unseen']:,} of them never seen in training"
    screen.result(report, view, "", labels, "", *more, _confusions(confusion), words)


def _confusions(confusion: Confusion) -> Grid:
    """The whole matrix if it fits, otherwise the most frequent confusions."""
    names, matrix = confusion.labels, confusion.matrix
    if len(names) <= _WHOLE_MATRIX:
        view = Grid("true \\ predicted", *names)
        for name, row in zip(names, matrix.tolist(), strict=True):
            view.add_row(name, *(str(number) if number else "·" for number in row))
        return view
    view = Grid("true", "predicted", "times")
    for truth, predicted, times in confusion.worst(_WORST):
        view.add_row(truth, predicted, count(times))
    return view
