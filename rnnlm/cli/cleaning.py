"""`rnnlm clean`: raw text to cleaned lines."""

from rnnlm.app.request import Request
from rnnlm.cli.options import DRY_RUN, OUT, PATHS, command

ARGUMENTS = {"paths": (PATHS, None), "out": (OUT, None), "dry_run": (DRY_RUN, False)}


@command(
    "raw",
    "clean",
    arguments=ARGUMENTS,
    examples=("rnnlm clean corpus.txt --out work", "rnnlm clean ptb/ --prepared --out ptb-work"),
    own=("raw", "clean"),
)
def clean(request: Request) -> None:
    """Read a corpus, split it into train, valid and test, and clean it."""
    from rnnlm.cli.show import show_stage

    show_stage(request, "clean", "tokenize")
