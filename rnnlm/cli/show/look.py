"""`rnnlm look`: what files and folders are, a table of facts each, and the command to type."""

from pathlib import Path

from rnnlm.app.request import Request
from rnnlm.cli.terminal import terminal
from rnnlm.model.finding import find_sealed
from rnnlm.screen import Grid, View
from rnnlm.use.looking.look import look
from rnnlm.use.settings import LookSettings


def show_look(request: Request) -> None:
    """The facts of each path; those that are none or empty only in JSON."""
    given = request.settings(LookSettings).settings.model
    model = None if given is None else find_sealed(Path(given), None).model
    found = {path: look(path, model) for path in request.arguments["paths"]}
    views: list[View] = []
    for path, facts in found.items():
        view = Grid("what", path, left=True, prose=True)
        for name, value in facts.items():
            if value not in (0, "", False) and name != "command":
                view.add_row(name, "yes" if value is True else f"{value:,}" if isinstance(value, int) else str(value))
        views += [view, f"next: {facts['command']}", ""]
    terminal(request).result(found, *views)
