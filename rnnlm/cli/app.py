"""The command line, built from the list of commands."""

from typing import Annotated

import typer

from rnnlm.cli.commands import COMMANDS
from rnnlm.version import __version__

app = typer.Typer(
    name="rnnlm",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From raw text to a recurrent language model that you can train, measure, question and use.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for each in COMMANDS:
    lines = ("Examples:", *each.examples, f"rnnlm {each.name} --help-all shows every option.")
    app.command(each.name, help=each.help, rich_help_panel=each.group, epilog="\n\n".join(lines))(each.callback())


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
