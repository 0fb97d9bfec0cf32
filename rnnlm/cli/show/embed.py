"""`rnnlm embed`: the layer built, or lines written as arrays."""

from typing import Any

from rnnlm.app.request import Request
from rnnlm.app.vectors import write_states, write_vectors
from rnnlm.cli.show.stages import show_stage
from rnnlm.cli.terminal import terminal
from rnnlm.use.settings import VectorSettings


def embed(request: Request) -> None:
    """Bring the layer up to date; with --split or --text write lines as its vectors, or a trained model's."""
    given = request.settings(VectorSettings).settings
    if request.arguments.get("dry_run") or not (given.summary or given.split or given.text):
        show_stage(request)
        return
    screen = terminal(request)
    written: dict[str, Any] = (write_states if given.summary else write_vectors)(request, screen)
    axes, key = ("(N, H)", "summaries") if given.summary else ("(N, T, D)", "embedded")
    screen.result({key: written}, f"{written['path']}: {axes} = {tuple(written['shape'])}")
