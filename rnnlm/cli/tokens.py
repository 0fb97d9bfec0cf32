"""`rnnlm tokenize`: cleaned lines to tokens."""

from rnnlm.app.request import Request
from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import command


@command(
    "tokenize",
    "raw",
    "clean",
    arguments=ARGUMENTS,
    examples=("rnnlm tokenize work", "rnnlm tokenize work --kind bpe --vocab-size 4000"),
)
def tokenize(request: Request) -> None:
    """Cut cleaned text into words, characters, bytes or subwords."""
    from rnnlm.cli.show import show_stage

    show_stage(request, "tokenize", "vocab")
