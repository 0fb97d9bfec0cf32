"""The body of `rnnlm predict`: rows on standard output, one after the other, in the order of the input."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rnnlm.cli.evaluate_series import ahead
from rnnlm.cli.options import Invocation
from rnnlm.cli.reading import decoding
from rnnlm.cli.stages import terminal
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.series import Series
from rnnlm.corpus.series_rules import SeriesRules
from rnnlm.corpus.series_table import apply_rules, sequence_rows
from rnnlm.corpus.sources import find_corpus, read_blocks, whole_lines
from rnnlm.corpus.table import Table
from rnnlm.corpus.table_source import read_table
from rnnlm.errors import InputError, UsageError
from rnnlm.model.network import Network
from rnnlm.model.sealed import Sealed
from rnnlm.use.evaluate_series import forecasts
from rnnlm.use.label_choice import prior_offsets
from rnnlm.use.predict import Choice, Labelled, Labeller
from rnnlm.views.forecast_plot import draw_forecast

_PLOTTED = 500  # rows of a picture


def predict_labels(invocation: Invocation, model: Sealed, network: Network) -> None:
    """A row for each text: label, probability, …, text; or a row for each word, a blank line after each sentence."""
    given = invocation.settings("predict").settings
    if given.plot is not None or given.all:
        raise UsageError("--plot or --all with a model of labels", "they go with forecasts")
    tag = model.task == "tag"
    lines = _lines(invocation.arguments["file"], decoding(invocation, terminal(invocation)))
    offsets = prior_offsets(model.label_counts, given.balance)
    labeller = Labeller(network, model.rules, model.labels, offsets, given.k, given.batch_size)
    for labelled in labeller.label(lines):
        if invocation.run.json:
            sys.stdout.write(json.dumps(_record(labelled, tag), ensure_ascii=False) + "\n")
        elif tag:
            rows = zip(labelled.parts, labelled.choices, strict=True)
            sys.stdout.write("".join(f"{word}\t{_cells(choices)}\n" for word, choices in rows) + "\n")
        else:
            sys.stdout.write(f"{_cells(labelled.choices[0])}\t{labelled.text}\n")
    sys.stdout.flush()


def _lines(name: str, reading: Decoding) -> Iterator[str]:
    """The raw lines of a text."""
    names = find_corpus([name]).stream
    if not names:
        raise InputError(f"{name} is a directory", "name one text file")
    for block in whole_lines(block for source in names for block in read_blocks(source, "text", reading)):
        yield from block.decode().split("\n")[:-1]


def _record(labelled: Labelled, tag: bool) -> dict[str, object]:
    """A line as JSON."""

    def listed(choices: tuple[Choice, ...]) -> list[dict[str, object]]:
        return [{"label": choice.label, "probability": choice.probability} for choice in choices]

    if not tag:
        return {"text": labelled.text, "labels": listed(labelled.choices[0])}
    pairs = zip(labelled.parts, labelled.choices, strict=True)
    return {"text": labelled.text, "words": [{"word": word, "labels": listed(choices)} for word, choices in pairs]}


def _cells(choices: tuple[Choice, ...]) -> str:
    return "\t".join(f"{choice.label}\t{choice.probability:.4f}" for choice in choices)


def predict_series(invocation: Invocation, model: Sealed, network: Network) -> None:
    """A row for each forecast: the row that it is of, from 1 in its sequence, and a number a target in its units."""
    given = invocation.settings("predict").settings
    rules = SeriesRules.from_json(model.config["series"])
    name = invocation.arguments["file"]
    table = read_table(Path(name))
    series = apply_rules(table, rules, future=True)
    forecast, truth = forecasts(network, series, given.batch_size), series.truth()
    wanted = np.arange(len(series))
    if not given.all:
        wanted = np.flatnonzero(np.isnan(truth).any(1))
    if not len(wanted):
        raise InputError(f"{name} holds every value that could be forecast", "use --all for all of them")
    rows = series.windows[:, 1] - series.sequence_starts(np.arange(len(series))) + rules.horizon
    groups = _groups(table, series)
    if not invocation.run.json:
        sys.stdout.write("\t".join([*([rules.group] if rules.group else []), "row", *rules.targets]) + "\n")
    for place in wanted:
        row, values = int(rows[place]), dict(zip(rules.targets, forecast[place].tolist(), strict=True))
        if invocation.run.json:
            group = {"group": groups[place]} if rules.group else {}
            sys.stdout.write(json.dumps({**group, "row": row, "forecast": values}, ensure_ascii=False) + "\n")
        else:
            cells = [groups[place]] if rules.group else []
            sys.stdout.write("\t".join([*cells, str(row), *(f"{value:.6g}" for value in values.values())]) + "\n")
    sys.stdout.flush()
    if given.plot is not None:
        last = slice(-_PLOTTED, None)
        title = f"{rules.targets[0]}, {ahead(rules)}, {name}"
        draw_forecast(Path(given.plot), truth[last, 0], forecast[last, 0], title=title)
        terminal(invocation).notice(f"{given.plot}: the last {min(_PLOTTED, len(series)):,} windows of {name}")


def _groups(table: Table, series: Series) -> list[str]:
    """The name of the sequence of each window; none where the table is one sequence."""
    if series.rules.group is None:
        return []
    order, _ = sequence_rows(table, series.rules.group)
    codes, names = table.labels(series.rules.group)
    return [names[code] for code in codes[order[series.windows[:, 0]]]]
