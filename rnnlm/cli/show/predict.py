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
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.model.sealed import Sealed
from rnnlm.tables.apply import unseen
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.source import read_table
from rnnlm.use.forecasts.paths import last_rows
from rnnlm.use.forecasts.rows import forecast_future, forecast_table
from rnnlm.use.labels.frames import label_table
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
    if found.model.task == "forecast":
        predict_series(request, found, network)
    else:
        predict_labels(request, found.model, network)


def predict_labels(request: Request, model: Sealed, network: Network) -> None:
    """A row for each text: label, probability, …, text; or a row for each word, a blank line after each sentence."""
    given = request.settings(PredictSettings).settings
    if given.plot is not None or given.all or given.future:
        raise UsageError("--plot, --all or --future with a model of labels", "they apply to forecasts")
    tag = model.task == "tag"
    if model.text is None:
        _predict_frames(request, model, network)
        return
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
    if not tag:
        return {"text": labelled.text, "labels": _listed(labelled.choices[0])}
    pairs = zip(labelled.parts, labelled.choices, strict=True)
    return {"text": labelled.text, "words": [{"word": word, "labels": _listed(choices)} for word, choices in pairs]}


def _listed(choices: tuple[LabelChoice, ...]) -> list[dict[str, object]]:
    return [{"label": choice.label, "probability": choice.probability} for choice in choices]


def _cells(choices: tuple[LabelChoice, ...]) -> str:
    return "\t".join(f"{choice.label}\t{choice.probability:.4f}" for choice in choices)


def _predict_frames(request: Request, model: Sealed, network: Network) -> None:
    """A row for each sequence of a table, or for each of its rows: group, row, label, probability, …"""
    given, rules = request.settings(PredictSettings).settings, SeriesRules.from_json(model.config["series"])
    table, offsets = read_table(Path(request.arguments["file"])), prior_offsets(model.label_counts, given.balance)
    for found in label_table(network, rules, table, given.k, offsets, given.batch_size):
        place = {"group": found.group, "row": found.row}
        place = {name: value for name, value in place.items() if value is not None}
        if request.run.json:
            sys.stdout.write(json.dumps({**place, "labels": _listed(found.choices)}, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("\t".join([*map(str, place.values()), _cells(found.choices)]) + "\n")
    sys.stdout.flush()


def predict_series(request: Request, found: FoundModel, network: Network) -> None:
    """A row for each forecast; with --future those after the last row of each series, with an interval."""
    given, screen = request.settings(PredictSettings).settings, terminal(request)
    rules, name = SeriesRules.from_json(found.model.config["series"]), request.arguments["file"]
    table = read_table(Path(name))
    for notice in unseen(table, rules):
        screen.notice(f"{name}: {notice}")
    if given.future:
        if given.all or given.plot is not None:
            raise UsageError("--all or --plot with --future", "give one of them")
        future = forecast_future(found, network, rules, table, given.batch_size)
        if not future.rows or future.rows[0].lower is None:
            screen.notice("no interval: there are too few validation windows, or no workspace beside the model")
        sys.stdout.writelines(f"{line}\n" for line in future.lines(as_json=request.run.json))
        sys.stdout.flush()
        return
    made = forecast_table(network, rules, table, name, given.batch_size, all=given.all)
    sys.stdout.writelines(f"{line}\n" for line in made.lines(all=given.all, as_json=request.run.json))
    sys.stdout.flush()
    if given.plot is not None:
        last = last_rows(made.forecast, made.truth, made.times, rules, _PLOTTED)
        title = f"{found.model.name}: {rules.ahead}, {name}"
        draw_forecast(Path(given.plot), rules.targets, last.truth, last.forecast, title=title, times=last.times)
        screen.notice(f"{given.plot}: the last {len(last.truth):,} forecasts of {name}")
