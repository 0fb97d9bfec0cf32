"""`rnnlm ladder`: n-gram, network, their mixture, neural cache and dynamic evaluation, one row each."""

from typing import Any

from rnnlm.app.models import load_language_model, open_language_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.cli.terminal import terminal
from rnnlm.screen import Grid
from rnnlm.use.ladder.report import measure_ladder
from rnnlm.use.ladder.settings import LadderSettings

_ADAPTS = "*"


def ladder(request: Request) -> None:
    """A text's metrics under the network and under mixtures with it."""
    given, screen = request.settings(LadderSettings).settings, terminal(request)
    found, network = open_language_model(request)
    reading = decoding(request, screen)
    report = measure_ladder(found, network, given, reading, load_language_model(request), screen)
    view = Grid("", "perplexity", "95 %", "bits/char", "valid", "seconds", "fitting", "weights", named=7)
    for row in report["rows"]:
        interval = row["perplexity_95_percent"]
        view.add_row(
            row["name"] + (_ADAPTS if row["adapts"] else ""), f"{row['perplexity']:.2f}",
            "-" if interval is None else f"{interval[0]:.2f}-{interval[1]:.2f}", f"{row['bits_per_character']:.4f}",
            f"{row['valid_perplexity']:.2f}", f"{row['seconds']:.1f}", f"{row['fit_seconds']:.1f}",
            " ".join(f"{part['weight']:.2f}" for part in row["parts"]),
        )  # fmt: skip
    words = [
        f"{found.model.name} on {report['measured_on']}, context {report['context']}, {report['tokens']:,} predictions"
        f"; weights fitted on {report['fit_tokens']:,} tokens of valid, intervals from {report['units']}",
        f"{_ADAPTS} learns from the text that it is measured on, each token after it was predicted",
        _legend([row for row in report["rows"] if not row["apart"]][-1]),
    ]
    screen.result(report, view, *words)


def _legend(row: dict[str, Any]) -> str:
    """The order of the weights in a row, and the chosen hyperparameters."""
    chosen = (
        part["name"] + "".join(f" {key} {value:g}" for key, value in part.items() if key not in ("name", "weight"))
        for part in row["parts"]
    )
    return "weights are of: " + ", ".join(chosen)
