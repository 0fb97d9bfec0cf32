"""`rnnlm compare`: whether one model is better than another, or only luckier."""

from typing import Annotated

import typer

from rnnlm.app.request import Request
from rnnlm.cli.options import command

MODELS = Annotated[
    list[str],
    typer.Argument(help="models' directories or workspaces; or a workspace, then names in it", show_default=False),
]


@command(
    "compare",
    arguments={"paths": (MODELS, ...)},
    examples=("rnnlm compare work lstm gru", "rnnlm compare work/models/lstm other/models/lstm --text test.txt"),
)
def compare(request: Request) -> None:
    """Test the differences of models on one text in pairs; what cannot be compared is refused."""
    from rnnlm.cli.compare_run import compare_models

    compare_models(request)
