"""`rnnlm inspect`: a trained network as a dynamical system."""

from rnnlm.cli.options import MODEL, Invocation, command


@command("inspect", "model", arguments={"path": (MODEL, ...)})
def inspect_(invocation: Invocation) -> None:
    """How far gradients reach, the spectra of the recurrence, and what the gates keep."""
    from rnnlm.cli.inspect_run import inspect_model

    inspect_model(invocation)
