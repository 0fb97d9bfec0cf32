"""`rnnlm pad`: lines as rows of one length."""

from rnnlm.app.request import Request
from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import command


@command(
    "pad",
    "raw",
    "clean",
    "tokenize",
    "vocab",
    arguments=ARGUMENTS,
    examples=("rnnlm pad work", "rnnlm pad work --max-length 40 --long-lines split"),
)
def pad(request: Request) -> None:
    """Write lines as rows (N, T) of ids, filled with 0 on the right, and their lengths."""
    from rnnlm.cli.show import show_stage

    show_stage(request, "pad", "embed")
