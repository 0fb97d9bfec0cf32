"""`rnnlm ngram`: an n-gram model of a workspace, rebuilt only if something changed, and shown."""

import sys
from pathlib import Path
from typing import Any

from rnnlm.app.ngram import ngram_model
from rnnlm.app.opening import open_pipeline
from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import Request
from rnnlm.artifacts import report_of
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.errors import InputError, UsageError
from rnnlm.model.ngram.arpa import arpa_blocks, arpa_tokens, write_arpa
from rnnlm.model.ngram.grams import read_grams
from rnnlm.model.sealed import NgramShape, Sealed, read_sealed
from rnnlm.screen import Grid
from rnnlm.use.settings import NgramSettings


def ngram(request: Request) -> None:
    """Train an n-gram model on the ids of train or read one from an ARPA file, unless it is up to date; show it."""
    given = request.settings(NgramSettings).settings
    if given.arpa == "-" and request.run.json:
        raise UsageError("--arpa - with --json", "both go to standard output; name a file")
    if given.from_ is not None and not Path(given.from_).is_file():
        raise InputError(f"{given.from_} is not a file", "check the path of the ARPA file")
    screen = terminal(request)
    pipeline = open_pipeline(request, screen)
    model = read_sealed(ngram_model(pipeline, given))
    if given.arpa is not None:
        _write(screen, model, given.arpa)
    if given.arpa != "-":
        _show(screen, pipeline, model)


def _write(screen: Terminal, model: Sealed, target: str) -> None:
    """The model as ARPA text, to a file or to standard output."""
    assert isinstance(model.built, NgramShape)
    grams, tokens = read_grams(model.path, model.built.vocabulary, model.built.order), arpa_tokens(model.rules)
    if target == "-":
        for block in arpa_blocks(grams, tokens):
            sys.stdout.write(block.decode())
        return
    write_arpa(grams, tokens, Path(target))
    screen.notice(f"written: {target}")


def _show(screen: Terminal, pipeline: Pipeline, model: Sealed) -> None:
    with report_of(model.path, "rebuild it with: rnnlm ngram --force"):
        rows: list[dict[str, Any]] = model.report["orders"]
        trained = "discounts" in rows[0]
        view = Grid("order", "n-grams", *(("D₁", "D₂", "D₃₊") if trained else ()))
        for row in rows:
            discounts = [f"{each:.3f}" for each in row.get("discounts", ())]
            view.add_row(str(row["order"]), f"{row['ngrams']:,}", *discounts)
    screen.result({**model.report, "model": str(model.path), "model_sha256": model.model_sha256}, view)
    screen.notice(f"next: rnnlm evaluate {pipeline.workspace.path} --model {model.name}")
