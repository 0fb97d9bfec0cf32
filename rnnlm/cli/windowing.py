"""`rnnlm window`: a table of real values to windows."""

from typing import Annotated, Optional

import typer

from rnnlm.app.request import Request
from rnnlm.cli.options import OUT, command

TABLE = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(
        help="a workspace, or a table: a .csv, .tsv, .csv.gz or .parquet file, or a directory of .npy files",
        show_default=False,
    ),
]


@command(
    "window",
    arguments={"paths": (TABLE, None), "out": (OUT, None)},
    examples=("rnnlm window weather.csv --out air --target pm2.5 --steps 24", "rnnlm window air --horizon 24"),
)
def window(request: Request) -> None:
    """Cut a table of time series into windows (N, T, F) of inputs and what is to be forecast from each."""
    from rnnlm.cli.window_run import window_table

    window_table(request)
