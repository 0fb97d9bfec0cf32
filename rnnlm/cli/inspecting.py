"""`rnnlm inspect`: a trained network as a dynamical system."""

from rnnlm.app.request import Request
from rnnlm.cli.options import MODEL, command


@command(
    "inspect",
    "model",
    arguments={"path": (MODEL, ...)},
    examples=("rnnlm inspect work", "rnnlm inspect work --lags 100 --plot reach.png"),
)
def inspect_(request: Request) -> None:
    """How far gradients reach, the spectra of the recurrence, and what the gates keep."""
    from rnnlm.cli.inspect_run import inspect_model

    inspect_model(request)
