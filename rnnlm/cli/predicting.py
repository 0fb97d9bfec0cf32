"""`rnnlm predict`: labels for the words or lines of a text, or the forecast of a table."""

from typing import Annotated

import typer

from rnnlm.app.request import Request
from rnnlm.cli.options import MODEL, command

FILE = Annotated[
    str, typer.Argument(help="a text, a line each; or a table to forecast; - for standard input", show_default=False)
]


@command(
    "predict",
    "model",
    arguments={"path": (MODEL, ...), "file": (FILE, ...)},
    examples=("rnnlm predict classes new.txt", "rnnlm predict air weather.csv --json"),
)
def predict(request: Request) -> None:
    """Labels with their probabilities, a tag for every word, or the forecast: as TSV, or JSON Lines with --json."""
    from rnnlm.app.models import open_model
    from rnnlm.cli.predict_run import predict_labels, predict_series
    from rnnlm.errors import UsageError

    found, network = open_model(request)
    if found.model.task == "language":
        raise UsageError(
            f"{found.model.path} is a language model", f"use: rnnlm generate or rnnlm next {found.model.path}"
        )
    (predict_series if found.model.task == "forecast" else predict_labels)(request, found.model, network)
