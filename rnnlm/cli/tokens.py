"""`rnnlm tokenize`: cleaned lines to tokens."""

from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import Invocation, command


@command("tokenize", "raw", "clean", arguments=ARGUMENTS)
def tokenize(invocation: Invocation) -> None:
    """Cut cleaned text into words, characters, bytes or subwords."""
    from rnnlm.cli.show import show_stage

    show_stage(invocation, "tokenize", "vocab")
