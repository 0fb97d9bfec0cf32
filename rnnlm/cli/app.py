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

COMMANDS = (
    corpus,
    clean,
    tokenize,
    vocab,
    pad,
    embed,
    window,
    ngram,
    recipes,
    train,
    evaluate,
    compare,
    score,
    rescore,
    generate,
    next_,
    inspect_,
    lags,
    predict,
    export,
    status,
    accept,
    config,
)

app = typer.Typer(
    name="rnnlm",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From raw text to a recurrent language model that you can train, measure, question and use.",
)
for command in COMMANDS:
    app.command(command.__name__.rstrip("_"))(command)


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
