"""The body of `rnnlm ngram`: an n-gram model of a workspace's text, made again only where something changed."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rnnlm.artifacts import Manifest, read_manifest, rebuilt, write_bytes, write_json
from rnnlm.cli.opening import open_pipeline
from rnnlm.cli.options import Invocation
from rnnlm.cli.reports import report_of
from rnnlm.cli.show import show_plan
from rnnlm.cli.stages import Pipeline, terminal
from rnnlm.cli.terminal import Terminal, table
from rnnlm.config import to_toml
from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import load_tokenizer, tokens_by_id
from rnnlm.errors import ArtifactError, UsageError
from rnnlm.model.ngram.grams import grams_names, read_grams
from rnnlm.model.ngram.kneser_ney import Discounts, estimate
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.model.sealed import (
    CONFIG,
    FORMAT,
    TOKENIZER,
    VERSION,
    NgramShape,
    ngram_config,
    read_sealed,
    seal_model,
    text_description,
)
from rnnlm.use.settings import NgramSettings

_NAME = "ngram"


def show_ngram(invocation: Invocation) -> None:
    """Train an n-gram model on the ids of train, or find it up to date, and show it."""
    if invocation.arguments.get("dry_run"):
        show_plan(invocation, "vocab")
        return
    screen = terminal(invocation)
    pipeline = open_pipeline(invocation, screen)
    if pipeline.task != "language":
        raise UsageError(f"an n-gram model of a corpus for {pipeline.task}", "it models plain text alone")
    with pipeline.workspace.lock():
        vocab = pipeline.ensure("vocab", asked=False).manifest
        pipeline.record()
        given: NgramSettings = invocation.settings("ngram").settings
        directory = pipeline.workspace.path / "models" / _NAME
        if invocation.run.force or not _current(directory, given, vocab):
            _make(pipeline, given, vocab, directory)
        else:
            screen.notice(f"{directory} is up to date")
    _show(screen, pipeline, directory)


def _current(directory: Path, given: NgramSettings, vocab: Manifest) -> bool:
    """Whether the model there is of these settings and this text."""
    try:
        manifest = read_manifest(directory, FORMAT, VERSION, remedy="")
    except ArtifactError:
        return False
    return manifest is not None and (dict(manifest.settings), dict(manifest.inputs)) == (
        asdict(given),
        {"vocab": vocab.identity},
    )


def _make(pipeline: Pipeline, given: NgramSettings, vocab: Manifest, directory: Path) -> None:
    path = pipeline.workspace.directory("vocab") / "tokenizer.json"
    content = path.read_bytes()
    tokenizer = load_tokenizer(content.decode(), str(path))
    units = UnitRule.of(pipeline.settings("clean").settings, pipeline.kind)
    rules = TextRules(pipeline.kind, pipeline.rule, units, tokenizer)
    shape = NgramShape(given.order, len(tokens_by_id(tokenizer)), given.context == "sentence")
    ids = pipeline.ids("train")
    starts = ids.offsets[:-1] if shape.lines_apart else ids.offsets[:1]
    with rebuilt(directory) as fresh:
        with tempfile.TemporaryDirectory(prefix="rnnlm-") as scratch:
            found = estimate(ids.ids, starts, shape.vocabulary, shape.order, fresh, Scratch(Path(scratch)))
        described = {
            "text": text_description(rules),
            "context": given.context,
            "data": {"vocab": vocab.identity},
        }
        write_json(fresh / CONFIG, ngram_config(shape, described))
        write_bytes(fresh / TOKENIZER, content)
        write_bytes(fresh / "settings.toml", to_toml({"ngram": asdict(given)}).encode())
        report = _report(found, read_grams(fresh, shape.vocabulary, shape.order).counts)
        seal_model(
            fresh, settings=asdict(given), inputs={"vocab": vocab.identity}, report=report,
            more=grams_names(shape.order),
        )  # fmt: skip
    guessed = [str(n) for n, each in enumerate(found, 1) if not each.estimated]
    if guessed:
        pipeline.screen.notice(
            f"too few n-grams of order {', '.join(guessed)} to estimate discounts: 0.5, 1 and 1.5 are taken"
        )


def _report(found: list[Discounts], counts: tuple[int, ...]) -> dict[str, Any]:
    orders = [
        {"order": n, "ngrams": count, "discounts": list(each.values), "discounts_estimated": each.estimated}
        for n, (count, each) in enumerate(zip(counts, found, strict=True), 1)
    ]
    return {"order": len(counts), "ngrams": sum(counts), "orders": orders}


def _show(screen: Terminal, pipeline: Pipeline, directory: Path) -> None:
    model = read_sealed(directory)
    view = table("order", "n-grams", "D₁", "D₂", "D₃₊")
    with report_of(directory, "make it anew with: rnnlm ngram --force"):
        for row in model.report["orders"]:
            view.add_row(str(row["order"]), f"{row['ngrams']:,}", *(f"{each:.3f}" for each in row["discounts"]))
    report = {**model.report, "model": str(directory), "model_sha256": model.model_sha256}
    screen.result(report, view)
    screen.notice(f"next: rnnlm evaluate {pipeline.workspace.path} --model {_NAME}")
