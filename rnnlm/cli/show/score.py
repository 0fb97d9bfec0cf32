"""`rnnlm score`: texts in, rows on standard output as soon as they are known, and a report."""

import sys
from pathlib import Path
from typing import Any

from rnnlm.app.models import find_models, language_model_of
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.artifacts import write_json
from rnnlm.cli.terminal import terminal
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.network import Network
from rnnlm.use.scoring.formats import json_line, tsv_line
from rnnlm.use.scoring.run import PLAIN, Scoring
from rnnlm.use.scoring.settings import ScoreSettings
from rnnlm.use.scoring.texts import check_files


def score(request: Request) -> None:
    """Score files, or standard input, one after the other; rows are in the order of the input."""
    given = request.settings(ScoreSettings).settings
    name, level = _form_and_level(request, given)
    files = request.arguments["files"] or ["-"]
    check_files(files, given)
    screen, out = terminal(request), sys.stdout
    reading = decoding(request, screen)
    models = [(found, open_exact(request, found, given.precision, given.engine)) for found in find_models(request)]
    scoring = Scoring(given, models, name, level, screen)
    if not (given.sentences or given.field or given.ids or given.regions) and any(
        found.model.rules.units.sentences for found, _ in models
    ):
        screen.notice("the model was trained on sentences; here each line is one: --sentences splits prose into them")
    with screen.rate_progress("scoring", "predictions") as advance:
        for text, tokens in scoring.rows(files, reading, out.flush):
            out.write(text)
            advance(tokens)
    reports = scoring.reports(files)
    if level == "corpus" and name in PLAIN:
        _write_rows(name, reports)
    out.flush()
    if given.report is not None:
        write_json(Path(given.report), scoring.written(reports))
    scoring.tell(files, reports)


def _form_and_level(request: Request, given: ScoreSettings) -> tuple[str, str]:
    """The format and the level; `--json` is JSON Lines, of the corpus unless a level is given."""
    own = None if given.regions is None else "region"
    if not request.run.json:
        return given.format or "tsv", given.level or own or "line"
    if given.format not in (None, "jsonl"):
        raise UsageError(f"--json with --format {given.format}", "give one of them")
    return "jsonl", given.level or own or "corpus"


def open_exact(request: Request, found: FoundModel, precision: str, engine: str = "fused") -> LanguageModel:
    """A language model that computes in `precision` by an engine."""
    model = language_model_of(request, found)
    if not isinstance(model, Network):
        return model
    model.use_engine(engine)
    return model.double() if precision == "float64" else model


def _write_rows(name: str, reports: list[dict[str, Any]]) -> None:
    """The corpus as one row for each model."""
    for number, report in enumerate(reports):
        if name == "jsonl":
            sys.stdout.write(json_line(report))
            continue
        row = {key: value for key, value in report.items() if not isinstance(value, list)}
        sys.stdout.write((tsv_line(row) if number == 0 else "") + tsv_line(row.values()))
