"""`rnnlm embed`: the embedding layer, and what can be seen in it."""

from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import Invocation, command


@command("embed", "look", "raw", "clean", "tokenize", "vocab", "pad", arguments=ARGUMENTS)
def embed(invocation: Invocation) -> None:
    """Make the embedding layer (V, D), or look at it: neighbours, analogies, a map, (N, T, D)."""
    from rnnlm.cli.embed_run import embed_or_look

    embed_or_look(invocation)
