"""`rnnlm pad`: lines as rows of one length."""

from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import Invocation, command


@command("pad", "raw", "clean", "tokenize", "vocab", arguments=ARGUMENTS)
def pad(invocation: Invocation) -> None:
    """Write lines as rows (N, T) of ids, filled with 0 on the right, and their lengths."""
    from rnnlm.cli.show import show_stage

    show_stage(invocation, "pad", "embed")
