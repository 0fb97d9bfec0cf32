"""`rnnlm rescore`: lists in, lists out as soon as they are known; or the best weights for them."""

import sys
from pathlib import Path
from typing import Any

from rnnlm.app.models import load_language_model, open_language_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.artifacts import write_bytes, write_json
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.screen import Grid, count
from rnnlm.use.rescoring.run import ListRescoring
from rnnlm.use.rescoring.settings import RescoreSettings
from rnnlm.use.rescoring.word_errors import rate_rows


def rescore(request: Request) -> None:
    """Rescore the lists of files, or of standard input."""
    given, screen = request.settings(RescoreSettings).settings, terminal(request)
    lists = ListRescoring(request.arguments["files"] or ["-"], given, decoding(request, screen))
    found, model = open_language_model(request)
    quiet = given.tune or request.run.json
    with screen.rate_progress("rescoring", "hypotheses") as advance:
        for rescored in lists.rescored(found, model, load_language_model(request), advance):
            if not quiet:
                sys.stdout.writelines(lists.written(rescored))
    sys.stdout.flush()
    report = {**lists.report(), "model": found.model.name, "model_sha256": found.model.model_sha256}
    if given.report is not None:
        write_json(Path(given.report), report)
    if given.word_errors is not None:
        write_bytes(Path(given.word_errors), lists.word_errors())
    _show(screen, report, quiet=quiet)


def _show(screen: Terminal, report: dict[str, Any], *, quiet: bool) -> None:
    """The report as the result if there is no other, otherwise as notices."""
    screen.notice(
        f"{report['utterances']:,} utterances, {report['hypotheses']:,} hypotheses, context {report['context']}, "
        f"model {report['model_sha256'][:12]}"
    )
    if report["utterances"] and report["utterances"] == report["hypotheses"] > 1:
        screen.notice("every utterance has only one hypothesis: check that each line begins with its utterance's id")
    if missing := report.get("references_without_list"):
        screen.notice(f"{missing:,} references have no list: all their words count as deleted")
    rows = rate_rows(report)
    if difference := report.get("difference"):
        mean, low, high = (f"{difference[key]:.2%}" for key in ("mean", "low", "high"))
        screen.notice(f"rate as listed less the rate rescored: {mean}, 95 % interval {low} to {high}")
    if report.get("ngram_tried") is False:
        screen.notice("no n-gram model to mix with was tried: rnnlm ngram makes one")
    elif (alone := report.get("no_ngram_word_error_rate")) is not None:
        screen.notice(f"tuned without the n-gram model: word error rate {alone:.2%}")
    if not quiet:
        for name, errors, rate in rows:
            screen.notice(f"{name}: word error rate {rate:.2%} ({errors:,} errors)")
        return
    view = Grid("hypotheses taken", "word errors", "word error rate")
    for name, errors, rate in rows:
        view.add_row(name, count(errors), f"{rate:.2%}")
    screen.result(report, view, *([f"continue with: {report['flags']}"] if "flags" in report else []))
