"""`rnnlm rescore`: lists in, lists out as soon as they are known; or the best weights for them."""

import sys
from pathlib import Path
from typing import Any

from rnnlm.app.models import load_language_model, open_language_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.artifacts import write_json
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.screen import Grid, count
from rnnlm.use.rescoring.run import ListRescoring
from rnnlm.use.rescoring.settings import RescoreSettings

_RATES = {"listed": "as listed", "rescored": "rescored", "tuned": "tuned", "fewest": "best there is"}


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
    rows = [
        (_RATES[key], report[f"{key}_word_errors"], report[f"{key}_word_error_rate"])
        for key in _RATES
        if report.get(f"{key}_word_error_rate") is not None
    ]
    if not quiet:
        for name, errors, rate in rows:
            screen.notice(f"{name}: word error rate {rate:.2%} ({errors:,} errors)")
        return
    view = Grid("hypotheses taken", "word errors", "word error rate")
    for name, errors, rate in rows:
        view.add_row(name, count(errors), f"{rate:.2%}")
    screen.result(report, view, *([f"continue with: {report['flags']}"] if "flags" in report else []))
