"""The command line, from the list of commands: listing builds none, and the one that is called is built whole."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from rnnlm.cli.commands import COMMANDS
from rnnlm.version import __version__


class _Commands(TyperGroup):
    """All commands by name and purpose; the one that is called is built whole."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {
            each.name: TyperCommand(each.name, help=each.help, rich_help_panel=each.group) for each in COMMANDS
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            command = next(each for each in COMMANDS if each.name == command.name).build()
        return name, command, rest


app = typer.Typer(
    name="rnnlm", cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False,
    help="From raw text to a recurrent language model that you can train, measure, question and use.",
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rnnlm {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Recurrent language models from raw text."""


command_line = typer.main.get_command(app)
