"""`rnnlm predict`: rows on standard output, in the order of the input."""

import json
import sys
from pathlib import Path

from rnnlm.app.models import open_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.cli.terminal import terminal
from rnnlm.corpus.sources import text_lines
from rnnlm.errors import UsageError
from rnnlm.model.network import Network
from rnnlm.model.sealed import Sealed
from rnnlm.tables.apply import unseen
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.source import read_table
from rnnlm.use.forecasts.rows import forecast_table
from rnnlm.use.labels.predict import LabelChoice, Labelled, Labeller, prior_offsets
from rnnlm.use.settings import PredictSettings
from rnnlm.views.charts import draw_forecast

_PLOTTED = 500  # rows of a picture


def predict(request: Request) -> None:
    """Labels or forecasts, by the model's task."""
    found, network = open_model(request)
    if found.model.task == "language":
        raise UsageError(
            f"{found.model.path} is a language model", f"use: rnnlm generate or rnnlm next {found.model.path}"
        )
    (predict_series if found.model.task == "forecast" else predict_labels)(request, found.model, network)


def predict_labels(request: Request, model: Sealed, network: Network) -> None:
    """A row for each text: label, probability, …, text; or a row for each word, a blank line after each sentence."""
    given = request.settings(PredictSettings).settings
    if given.plot is not None or given.all:
        raise UsageError("--plot or --all with a model of labels", "they apply to forecasts")
    tag = model.task == "tag"
    lines = text_lines(request.arguments["file"], decoding(request, terminal(request)))
    offsets = prior_offsets(model.label_counts, given.balance)
    labeller = Labeller(network, model.rules, model.labels, offsets, given.k, given.batch_size)
    for labelled in labeller.label(lines):
        if request.run.json:
            sys.stdout.write(json.dumps(_record(labelled, tag), ensure_ascii=False) + "\n")
        elif tag:
            rows = zip(labelled.parts, labelled.choices, strict=True)
            sys.stdout.write("".join(f"{word}\t{_cells(choices)}\n" for word, choices in rows) + "\n")
        else:
            sys.stdout.write(f"{_cells(labelled.choices[0])}\t{labelled.text}\n")
    sys.stdout.flush()


def _record(labelled: Labelled, tag: bool) -> dict[str, object]:
    """A line as JSON."""

    def listed(choices: tuple[LabelChoice, ...]) -> list[dict[str, object]]:
        return [{"label": choice.label, "probability": choice.probability} for choice in choices]

    if not tag:
        return {"text": labelled.text, "labels": listed(labelled.choices[0])}
    pairs = zip(labelled.parts, labelled.choices, strict=True)
    return {"text": labelled.text, "words": [{"word": word, "labels": listed(choices)} for word, choices in pairs]}


def _cells(choices: tuple[LabelChoice, ...]) -> str:
    return "\t".join(f"{choice.label}\t{choice.probability:.4f}" for choice in choices)


def predict_series(request: Request, model: Sealed, network: Network) -> None:
    """A row for each forecast: its row number, from 1 in its sequence, and one number per target in its units."""
    given = request.settings(PredictSettings).settings
    rules = SeriesRules.from_json(model.config["series"])
    name = request.arguments["file"]
    table = read_table(Path(name))
    found = forecast_table(network, rules, table, name, given.batch_size, all=given.all)
    for notice in unseen(table, rules):
        terminal(request).notice(f"{name}: {notice}")
    if not request.run.json:
        sys.stdout.write("\t".join([*([rules.group] if rules.group else []), "row", *rules.targets]) + "\n")
    for each in found.rows(all=given.all):
        if request.run.json:
            group = {"group": each.group} if rules.group else {}
            record = {**group, "row": each.row, "forecast": each.values}
            sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
        else:
            cells = [each.group or ""] if rules.group else []
            cells += [str(each.row), *(f"{value:.6g}" for value in each.values.values())]
            sys.stdout.write("\t".join(cells) + "\n")
    sys.stdout.flush()
    if given.plot is not None:
        last = slice(-_PLOTTED, None)
        times = None if found.times is None else found.times[last]
        title = f"{model.name}: {rules.ahead}, {name}"
        draw_forecast(
            Path(given.plot), rules.targets, found.truth[last], found.forecast[last], title=title, times=times
        )
        windows = min(_PLOTTED, len(found.forecast))
        terminal(request).notice(f"{given.plot}: the last {windows:,} windows of {name}")
