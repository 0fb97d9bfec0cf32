"""`rnnlm train`: ids to a sealed model."""

from rnnlm.app.request import Request
from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import command


@command(
    "train",
    "raw",
    "clean",
    "tokenize",
    "vocab",
    "pad",
    "embed",
    arguments=ARGUMENTS,
    examples=(
        "rnnlm train corpus.txt --out work --budget 10m",
        "rnnlm train work --cell gru --hidden 256 --epochs 5 --name small",
    ),
    also=("kind",),
)
def train(request: Request) -> None:
    """Train a language model; earlier stages run first where they have to."""
    from rnnlm.app.opening import open_pipeline
    from rnnlm.cli.show import show_plan
    from rnnlm.cli.terminal import terminal
    from rnnlm.cli.train_run import train_model

    if request.arguments.get("dry_run"):
        show_plan(request, "vocab")
        return
    train_model(open_pipeline(request, terminal(request)))
