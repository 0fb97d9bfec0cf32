"""`rnnlm score`: what a model thinks of one's own text."""

from typing import Annotated

import typer

from rnnlm.app.request import Request
from rnnlm.cli.options import MODEL, command
from rnnlm.use.scoring.settings import ScoreSettings

FILES = Annotated[
    list[str] | None, typer.Argument(help="text files, a line each; - or none for standard input", show_default=False)
]


@command(
    "score",
    "model",
    arguments={"path": (MODEL, ...), "files": (FILES, None)},
    examples=("rnnlm score work lines.txt --level word", "rnnlm score work --pairs pairs.tsv"),
)
def score(request: Request) -> None:
    """Log probabilities of a text: for all of it, or for each line, word or token; or accuracy on minimal pairs."""
    from rnnlm.cli.score_run import score_pair_file, score_texts

    pairs = request.settings(ScoreSettings).settings.pairs
    (score_texts if pairs is None else score_pair_file)(request)
