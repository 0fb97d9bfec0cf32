"""`rnnlm ngram`: an n-gram model beside the network."""

from rnnlm.app.request import Request
from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import command


@command(
    "ngram",
    "raw",
    "clean",
    "tokenize",
    "vocab",
    "ngram",
    arguments=ARGUMENTS,
    examples=("rnnlm ngram work --order 5", "rnnlm ngram work --from model.arpa.gz --name theirs"),
)
def ngram(request: Request) -> None:
    """Train an interpolated modified Kneser-Ney model on the ids of train, or read one from an ARPA file."""
    from rnnlm.cli.ngram_run import show_ngram

    show_ngram(request)
