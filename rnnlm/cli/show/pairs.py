"""`rnnlm pairs`: how often the better of two lines is more likely."""

import sys
from pathlib import Path

from rnnlm.app.models import find_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.artifacts import write_json
from rnnlm.cli.show.score import open_exact
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.corpus.sources import check_text, read_lines
from rnnlm.errors import InputError
from rnnlm.screen import Grid, count
from rnnlm.use.scoring.formats import json_line, tsv_line
from rnnlm.use.scoring.pairs import Tallies, read_pairs, score_pairs
from rnnlm.use.scoring.scorer import Scorer
from rnnlm.use.scoring.settings import PairSettings


def pairs(request: Request) -> None:
    """Accuracy on a file of minimal pairs by type; with --level line one row for each pair."""
    given, source, screen = request.settings(PairSettings).settings, request.arguments["file"], terminal(request)
    json = request.run.json or given.format == "jsonl"
    check_text(source)
    found = find_model(request)
    network = open_exact(request, found, given.precision)
    scorer = Scorer(network, found.model.rules, batch_size=given.batch_size, unknown=given.unknown)
    tallies, header = Tallies(), not json
    for scored in score_pairs(scorer, read_pairs(read_lines(source, decoding(request, screen)), source)):
        tallies.add(scored)
        if given.level == "line":
            row = scored.row()
            sys.stdout.write((tsv_line(row) if header else "") + (json_line(row) if json else tsv_line(row.values())))
            header = False
    if not tallies.all.pairs:
        raise InputError(f"{source} has no pair", "write the better text, a tab and the worse text on each line")
    report = {**tallies.metrics(), "file": source, "context": "sentence", "precision": given.precision,
              "model": found.model.name, "model_sha256": found.model.model_sha256}  # fmt: skip
    if given.level == "corpus":
        if json:
            sys.stdout.write(json_line(report))
        else:
            _show_tallies(screen, tallies)
    sys.stdout.flush()
    if tallies.all.unknown:
        screen.notice(f"{source}: a sentence has a word outside the vocabulary in {tallies.all.unknown:,} pairs")
    if given.report is not None:
        write_json(Path(given.report), report)


def _show_tallies(screen: Terminal, tallies: Tallies) -> None:
    view = Grid("type", "pairs", "correct", "accuracy", "95% interval", "margin, bits", named=0)
    types = [(name, tally) for _, name, tally in tallies.types()]
    fields = [(f"{name} (field)", tally) for name, tally in tallies.fields()]
    for name, tally in [*types, *fields, ("all", tallies.all)]:
        metrics = tally.metrics()
        low, high = metrics["accuracy_interval"]
        view.add_row(
            name, count(tally.pairs), count(tally.correct), f"{metrics['accuracy']:.1%}", f"{low:.1%}–{high:.1%}",
            f"{metrics['margin_bits']:.2f}",
        )  # fmt: skip
    same = tallies.all.same
    notes = [f"{same:,} pairs have the same ids, which counts as not correct"] if same else []
    screen.result({}, view, *notes)
