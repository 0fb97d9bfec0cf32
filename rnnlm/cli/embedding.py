"""`rnnlm embed`: the embedding layer, and what can be seen in it."""

from rnnlm.app.request import Request
from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import command


@command(
    "embed",
    "look",
    "raw",
    "clean",
    "tokenize",
    "vocab",
    "pad",
    arguments=ARGUMENTS,
    examples=("rnnlm embed work --vectors glove.txt", "rnnlm embed work --neighbours cat --of-model lstm"),
    own=("embed", "look"),
)
def embed(request: Request) -> None:
    """Make the embedding layer (V, D), or look at it: neighbours, analogies, a map, (N, T, D)."""
    from rnnlm.cli.embed_run import embed_or_look

    embed_or_look(request)
