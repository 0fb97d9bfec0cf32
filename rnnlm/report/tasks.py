"""Models of labels and of series: the confusions and the worst errors; the forecast and its baselines."""

from functools import partial

import numpy as np

from rnnlm.corpus.labels.labelled import LabelledText
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.model.network import Network
from rnnlm.model.prediction import predictions
from rnnlm.report.parts import Part, Picture, Section, Table
from rnnlm.report.pictures import draw_confusion, svg
from rnnlm.report.subject import Subject
from rnnlm.tables.series import Series
from rnnlm.use.forecasts.baselines import SEASON
from rnnlm.use.forecasts.evaluate import choose_windows, over_horizons
from rnnlm.use.forecasts.paths import by_rows_ahead, last_paths
from rnnlm.use.forecasts.report import measure
from rnnlm.use.generation.prompt import text_of
from rnnlm.use.labels.evaluate import BASELINES, choose_labelled, evaluate_labels
from rnnlm.use.labels.frames import LinearLabels
from rnnlm.use.labels.predict import prior_offsets
from rnnlm.views.charts import draw_forecast

_WORST, _SHOWN, _LABELS = 15, 200, 40
_PLOTTED = 300
_BATCH = 64


def labels(subject: Subject, network: Network) -> list[Section]:
    """Accuracy and scores by label; the confusions, and the labels that cost most."""
    sealed = subject.found.model
    chosen = choose_labelled(
        subject.found, subject.given.split, subject.given.text, subject.scratch("labels"), decoding=subject.reading
    )
    found = evaluate_labels(network, chosen.data, _BATCH, prior_offsets(sealed.label_counts, 0.0))
    report = found.report()
    each, whole = ("words", "texts") if isinstance(chosen.data, LabelledText) else ("rows", "sequences")
    what = each if chosen.data.per_token else whole
    metrics = [
        ("accuracy", f"{report['accuracy']:.2%}"), ("macro F1", f"{report['macro_f1']:.4f}"),
        ("nats per label", "-" if report["nats_per_label"] is None else f"{report['nats_per_label']:.4f}"),
        (f"{what} labeled", f"{report['predictions']:,}"), ("of a label unseen in training", f"{report['unseen']:,}"),
    ]  # fmt: skip
    if isinstance(chosen.data, Series) and chosen.train is not None:
        simple = LinearLabels.fit(chosen.train).confusion(chosen.data)
        metrics.append((f"accuracy, {BASELINES['linear']}", f"{simple.accuracy:.2%}"))
    total = Table(f"On {chosen.name}", ("metric", "value"), metrics)
    scores = [
        (each.label, f"{each.precision:.3f}", f"{each.recall:.3f}", f"{each.f1:.3f}", f"{each.support:,}")
        for each in found.confusion.per_label()
    ]
    by_label = Table("By label", ("label", "precision", "recall", "F1", "true"), scores)
    sentence = (
        f"How often the most probable label is right on {chosen.name}, {report['predictions']:,} {what}: precision "
        "of those that got a label, recall of those that have it, F1 their harmonic mean; macro F1 counts every label "
        "alike."
    )
    shown = slice(_LABELS)  # labels are in the order of their frequency
    picture = Picture(
        svg(lambda path: draw_confusion(path, sealed.labels[shown], found.confusion.matrix[shown, shown]), "confusion"),
        "How often the label of the row was true and that of the column predicted; right ones are on the diagonal"
        + (f"; the {_LABELS} most frequent of {len(sealed.labels):,} labels" if len(sealed.labels) > _LABELS else ""),
    )
    metric = Section("metric", "How well it labels", sentence, [total, picture, by_label])
    if subject.given.without_corpus or not isinstance(chosen.data, LabelledText):
        return [metric]
    sentence = (
        f"The {what} of {chosen.name} whose true label was least probable, in nats: −ln p of the true label. A label "
        "that is wrong in the data stands here too."
    )
    rows = _worst(subject, network, chosen.data)
    table = Table("The largest errors", ("text", "true", "predicted", "nats of the true label"), rows, prose=True)
    return [metric, Section("surprise", "Where it errs", sentence, [table])]


def _worst(subject: Subject, network: Network, data: LabelledText) -> list[tuple[str, str, str, str]]:
    """The texts, or words with their sentences, whose true label was missed and costs most."""
    rules, found = subject.found.model.rules, list[tuple[float, int, int, int, int]]()
    names = tokens_by_id(rules.tokenizer)
    for piece in predictions(network, data, _BATCH):
        outputs = piece.outputs if data.per_token else piece.outputs[None]
        targets = piece.targets if data.per_token else piece.targets[None]
        wrong = (targets >= 0) & (outputs.argmax(-1) != targets)
        for step, column in np.argwhere(wrong):
            row = outputs[step, column]
            true = int(targets[step, column])
            found.append((float(-row[true]), int(piece.rows[column]), int(step), true, int(row.argmax())))
        found = sorted(found, reverse=True)[:_WORST]
    rows = []
    for nats, line, step, true, predicted in found:
        ids = data.ids.line(line)[:-1].tolist()
        text = f"{names[ids[step]]}, in: {text_of(rules, ids)}" if data.per_token else text_of(rules, ids)
        rows.append((text[:_SHOWN], data.labels[true], data.labels[predicted], f"{nats:.2f}"))
    return rows


def series(subject: Subject, network: Network) -> list[Section]:
    """Errors beside baselines, by rows ahead where there are several, and the forecast over its rows or times."""
    chosen = choose_windows(subject.found, subject.given.split, subject.given.text)
    data, rules = chosen.series, chosen.series.rules
    measured = measure(subject.found, network, chosen, _BATCH, SEASON)
    rows, columns = [], [f"{metric} {target}" for target in rules.targets for metric in ("RMSE", "MAE")]
    for method, each in measured.errors.items():
        found = over_horizons(each, rules)
        pairs = zip(found.root_mean_square, found.mean_absolute, strict=True)
        rows.append((measured.names[method], *(f"{number:,.4g}" for pair in pairs for number in pair)))
    sentence = (
        f"The error of the forecast {rules.ahead} on {chosen.name}, {len(data):,} windows, in the units of the table: "
        "RMSE is the root of the mean square, MAE the mean distance. A baseline that is better than the network would "
        "be the better choice."
    )
    parts: list[Part] = [Table("Errors of the network and of baselines", ("method", *columns), rows)]
    band = measured.interval
    caption = "" if band is None else f"Interval of {band.share:.0%} by {band.origin}"
    if rules.first is not None:
        view = by_rows_ahead(measured, rules)
        parts.append(Table(f"By rows ahead. {caption}".strip(), view.columns, view.rows))
    elif band is not None:
        interval = measured.report["interval"]
        held = zip(rules.targets, interval["half_width"], interval["coverage"], strict=True)
        inside = [(target, f"± {half:,.4g}", f"{share:.1%}") for target, half, share in held]
        parts.append(Table(caption, ("target", "around the forecast", f"share of {chosen.name} inside"), inside))
    shown = last_paths(chosen, measured, _PLOTTED)
    draw = partial(draw_forecast, targets=rules.targets, truth=shown.truth, forecast=shown.forecast,
                   baseline=shown.baseline, title=f"{subject.name}: {rules.ahead}, {chosen.name}", times=shown.times,
                   ends=shown.ends)  # fmt: skip
    first = next((each for each in measured.baselines if each.forecast is not None), None)
    gray = "" if first is None else f"; the dashed line is the baseline “{first.name}”"
    blue = "" if band is None else "; the band is the interval"
    what = "windows" if rules.first is None else f"rows in paths of {len(rules.horizons)}"
    parts.append(Picture(svg(draw, "forecast"), f"The last {len(shown.truth):,} {what} of {chosen.name}{gray}{blue}"))
    return [Section("metric", "How well it forecasts", sentence, parts)]
