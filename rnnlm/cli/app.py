"""The list of commands, in the order of the pipeline."""

from typing import Annotated

import typer

from rnnlm import __version__
from rnnlm.cli.builtin_corpus import corpus
from rnnlm.cli.cleaning import clean
from rnnlm.cli.comparing import compare
from rnnlm.cli.embedding import embed
from rnnlm.cli.evaluating import evaluate
from rnnlm.cli.exporting import export
from rnnlm.cli.generating import generate, next_
from rnnlm.cli.inspecting import inspect_
from rnnlm.cli.lags import lags
from rnnlm.cli.lineage import accept, config, status
from rnnlm.cli.ngram import ngram
from rnnlm.cli.padding import pad
from rnnlm.cli.predicting import predict
from rnnlm.cli.recipes import recipes
from rnnlm.cli.rescoring import rescore
from rnnlm.cli.scoring import score
from rnnlm.cli.tokens import tokenize
from rnnlm.cli.training import train
from rnnlm.cli.vocabulary import vocab
from rnnlm.cli.windowing import window

GROUPS = {
    "Prepare": (corpus, clean, tokenize, vocab, pad, embed, window),
    "Train": (train, ngram, recipes, lags),
    "Measure": (evaluate, compare, inspect_),
    "Use": (score, rescore, generate, next_, predict, export),
    "Workspace": (status, accept, config),
}
COMMANDS = tuple(each for group in GROUPS.values() for each in group)

app = typer.Typer(
    name="rnnlm",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From raw text to a recurrent language model that you can train, measure, question and use.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, commands in GROUPS.items():
    for command in commands:
        name = command.__name__.rstrip("_")
        lines = ("Examples:", *command.examples, f"rnnlm {name} --help-all shows every option.")  # type: ignore[attr-defined]
        app.command(name, rich_help_panel=panel, epilog="\n\n".join(lines))(command)


@app.command("help", rich_help_panel="Workspace")
def help_of(
    context: typer.Context, name: Annotated[str | None, typer.Argument(help="a command", show_default=False)] = None
) -> None:
    """Show the page of a command."""
    parent = context.parent
    assert parent is not None
    command_line([*([name] if name else []), "--help"], prog_name=parent.info_name or "rnnlm", standalone_mode=False)


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
