"""`rnnlm export`: a trained model for other programs and smaller machines."""

from pathlib import Path
from typing import Annotated

import typer

from rnnlm.app.request import Request
from rnnlm.cli.options import MODEL, command

TO = Annotated[Path | None, typer.Option("--out", help="the file or directory to write", show_default=False)]


@command(
    "export",
    "model",
    arguments={"path": (MODEL, ...), "out": (TO, None)},
    examples=("rnnlm export work --to int8 --out small", "rnnlm export work --to onnx --out graphs"),
)
def export(request: Request) -> None:
    """Write a model with 8-bit weights, as ONNX, its vectors as text, or an n-gram model that comes near to it."""
    from rnnlm.cli.export_run import export_model

    export_model(request)
