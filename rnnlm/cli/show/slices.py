"""`rnnlm slices`: the loss by slices, the calibration, and the keystrokes saved."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnlm.app.models import open_language_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.text import encode_text
from rnnlm.model.likelihood import perplexity
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.screen import Grid, View, count, percent
from rnnlm.use.evaluation.keystrokes import OFFERS
from rnnlm.use.evaluation.settings import SliceSettings
from rnnlm.use.evaluation.sliced import Sliced, evaluate_slices
from rnnlm.use.texts import choose_text
from rnnlm.views.charts import reliability_plot


def slices(request: Request) -> None:
    """The parts of a text's loss, the calibration and the keystrokes saved."""
    given, screen = request.settings(SliceSettings).settings, terminal(request)
    found, model = open_language_model(request)
    chosen = choose_text(found, given.split, given.text, decoding(request, screen))
    context, rules = given.context or found.model.context, found.model.rules
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as name:
        directory = Path(name)
        kept = directory / "text"  # read twice, unlike standard input
        text = encode_text(_kept(chosen.blocks, kept), rules, directory)
        sliced = evaluate_slices(model, rules, text, context, Scratch(directory), line_blocks(kept))
        report = {
            **sliced.evaluation.report(), "context": context, "split": chosen.split,
            "model_sha256": found.model.model_sha256, **_parts(sliced),
        }  # fmt: skip
    if "frequency" not in sliced.slices:
        screen.notice(f"no slices by frequency: the ids of {rules.kind} tokens are not ordered by frequency")
    if sliced.keystrokes is None:
        screen.notice("no keystrokes saved: the model's tokens are not words")
    if given.plot is not None:
        reliability_plot(Path(given.plot), report["calibration"]["bins"], f"{found.model.name} on {chosen.name}")
        screen.notice(f"{given.plot}: accuracy against confidence")
    _show(screen, report, sliced, f"{found.model.name} on {chosen.name}")


def _kept(blocks: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """The blocks, copied to a file."""
    with path.open("wb") as file:
        for block in blocks:
            file.write(block)
            yield block


def _parts(sliced: Sliced) -> dict[str, Any]:
    keys = sliced.keystrokes
    return {
        "slices": {name: each.rows() for name, each in sliced.slices.items()},
        "calibration": {"expected_calibration_error": sliced.calibration.error(), "bins": sliced.calibration.rows()},
        "keystrokes": None if keys is None else {
            "saved_fraction": keys.savings(), "saved": keys.saved, "keystrokes": keys.plain, "words": keys.words,
            "offers": OFFERS,
        },
    }  # fmt: skip


def _show(screen: Terminal, report: dict[str, Any], sliced: Sliced, what: str) -> None:
    views: list[View] = [f"{what}, context {report['context']}: perplexity {report['perplexity']:.2f}"]
    nats = sliced.evaluation.nats
    for name, rows in report["slices"].items():
        view = Grid(sliced.slices[name].title, "predictions", "fraction", "perplexity", "fraction of loss")
        for row in rows:
            view.add_row(
                row["slice"], count(row["tokens"]), percent(row["tokens"], report["tokens"]),
                f"{perplexity(row['nats_per_token']):,.2f}", f"{100 * row['nats'] / nats:.2f} %" if nats else "-",
            )  # fmt: skip
        views += ["", view]
    view = Grid("confidence", "predictions", "mean", "accuracy")
    for row in report["calibration"]["bins"]:
        means = (f"{row[key]:.3f}" for key in ("confidence", "accuracy"))
        view.add_row(f"{row['from']:.2f}-{row['to']:.2f}", count(row["predictions"]), *means)
    views += ["", view, f"expected calibration error {report['calibration']['expected_calibration_error']:.4f}"]
    keys = report["keystrokes"]
    if keys is not None and keys["saved_fraction"] is not None:
        views.append(
            f"the {keys['offers']} best completions save {keys['saved_fraction']:.1%} "
            f"of {keys['keystrokes']:,} keystrokes"
        )
    screen.result(report, *views)
