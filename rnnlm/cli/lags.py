"""`rnnlm lags`: how far back networks remember."""

from typing import Annotated

import typer

from rnnlm.app.request import Request
from rnnlm.cli.options import command
from rnnlm.training.lags.settings import LagTaskName

TASK = Annotated[
    LagTaskName,
    typer.Argument(help="name a cue after the lag, copy ten symbols after it, or add two of so many numbers"),
]


@command(
    "lags", arguments={"task": (TASK, "recall")}, examples=("rnnlm lags recall", "rnnlm lags adding --plot lags.png")
)
def lags(request: Request) -> None:
    """The problem of long-term dependencies: networks trained alike, and how far back each remembers.

    Such small networks gain nothing from several threads, so one works unless --threads says otherwise.
    """
    from rnnlm.cli.lags_run import study_lags

    study_lags(request)
