"""`rnnlm vocab`: tokens to a vocabulary and ids."""

from rnnlm.app.request import Request
from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import command


@command(
    "vocab",
    "raw",
    "clean",
    "tokenize",
    arguments=ARGUMENTS,
    examples=("rnnlm vocab work", "rnnlm vocab work --min-count 3 --max-size 10000"),
)
def vocab(request: Request) -> None:
    """Count the tokens of train, give them ids, and write every split as ids."""
    from rnnlm.cli.show import show_stage

    show_stage(request, "vocab", "train")
