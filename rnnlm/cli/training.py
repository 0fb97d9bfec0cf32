"""`rnnlm train`: ids to a sealed model."""

from rnnlm.cli.cleaning import ARGUMENTS
from rnnlm.cli.options import Invocation, command


@command("train", "raw", "clean", "tokenize", "vocab", "pad", "embed", arguments=ARGUMENTS)
def train(invocation: Invocation) -> None:
    """Train a language model; earlier stages run first where they have to."""
    from rnnlm.cli.opening import open_pipeline
    from rnnlm.cli.show import show_plan
    from rnnlm.cli.stages import terminal
    from rnnlm.cli.train_run import train_model

    if invocation.arguments.get("dry_run"):
        show_plan(invocation, "vocab")
        return
    train_model(open_pipeline(invocation, terminal(invocation)))
