"""The commands, a row each, in the order of the pipeline; the code of a command is imported when it runs."""

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlm.cli.streams import showing_controls
from rnnlm.errors import UsageError
from rnnlm.launched import launched

if TYPE_CHECKING:
    from rnnlm.app.request import Request


@dataclass(frozen=True)
class Command:
    """A command: its `group` on the first page, its purpose, its function below `cli/show`, examples, sections.

    Its page has the basic options of the sections `shown`, by default the first, and those named in `also`.
    """

    name: str
    group: str
    help: str
    function: str
    examples: tuple[str, ...]
    sections: tuple[str, ...] = ()
    arguments: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    shown: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()

    def run(self, request: "Request") -> None:
        """Import its function, and run it; with --dry-run, show what it would run."""
        if launched() is not None and (self.name != "train" or request.arguments["dry_run"]):
            raise UsageError(f"rnnlm {self.name} under torchrun", "only train takes several processes: omit torchrun")
        function = "stages:show_dry_run" if request.arguments.get("dry_run") else self.function
        module, _, name = function.partition(":")
        with showing_controls():
            getattr(importlib.import_module(f"rnnlm.cli.show.{module}"), name)(request)

    def build(self) -> Any:
        """The command with its options, as Typer calls it."""
        from rnnlm.cli.options import typer_command

        shown = self.sections[:1] if self.shown is None else self.shown
        function = typer_command(self.name, self.arguments, self.sections, shown, self.also, self.run)
        lines = ("Examples:", *self.examples, f"rnnlm {self.name} --help-all shows every option.")
        one = typer.Typer(add_completion=False)
        one.command(self.name, help=self.help, epilog="\n\n".join(lines))(function)
        return typer.main.get_command(one)


def _argument(kind: Any, help: str) -> Any:
    return Annotated[kind, typer.Argument(help=help, show_default=False)]


def _option(kind: Any, flag: str, help: str) -> Any:
    return Annotated[kind, typer.Option(flag, help=help, show_default=False)]


_PATHS = _argument(list[str] | None, "a workspace, or a corpus: text files, a directory, builtin:stories, -")
_TABLE = "a workspace, or a table: a .csv, .tsv, .csv.gz or .parquet file, or a directory of .npy files"
_OUT = _option(Path | None, "--out", "the workspace directory (default: work)")
_MODEL = {"path": (_argument(str, "a workspace, or a sealed model's directory"), ...)}
_CORPUS = {
    "paths": (_PATHS, None),
    "out": (_OUT, None),
    "dry_run": (_option(bool, "--dry-run", "show what would run, and stop"), False),
}
_TEXT = ("raw", "clean", "tokenize", "vocab")


def _stage(name: str, help: str, examples: tuple[str, ...], *sections: str, **more: Any) -> Command:
    return Command(name, "Prepare", help, "stages:show_stage", examples, (*sections, "reading"), _CORPUS, **more)


def _use(
    name: str, group: str, help: str, function: str, examples: tuple[str, ...], *more: str, **arguments: Any
) -> Command:
    return Command(name, group, help, function, examples, (name, "model", *more), {**_MODEL, **arguments})


COMMANDS = (
    Command(
        "corpus", "Prepare", "List the built-in corpora and tasks, or write one.", "corpus:corpus",
        ("rnnlm corpus stories --out data", "rnnlm corpus recall --lag 30 --out recall"), ("corpus",),
        {
            "name": (_argument(str | None, "corpus or task; without it, all are listed"), None),
            "out": (_option(Path | None, "--out", "write to this directory instead of standard output"), None),
            "tagged": (_option(bool, "--tagged", "for stories: write a word and its part of speech per line"), False),
        },
    ),
    Command(
        "look", "Prepare", "Say what a file or folder is, and the command to type; writes nothing.", "look:show_look",
        ("rnnlm look corpus.txt", "rnnlm look new.txt --model work"), ("look",),
        {"paths": (_argument(list[str], "text files, tables or directories"), ...)},
    ),
    _stage(
        "clean", "Read a corpus, split it into train, valid and test, and clean it.",
        ("rnnlm clean corpus.txt --out work", "rnnlm clean ptb/ --prepared --out ptb-work"),
        "raw", "clean", shown=("raw", "clean"),
    ),
    _stage(
        "tokenize", "Split cleaned text into words, characters, bytes or subwords.",
        ("rnnlm tokenize work", "rnnlm tokenize work --kind bpe --vocab-size 4000"),
        "tokenize", "raw", "clean",
    ),
    _stage(
        "vocab", "Count the tokens of train, give them ids, and write every split as ids.",
        ("rnnlm vocab work", "rnnlm vocab work --min-count 3 --max-size 10000"),
        "vocab", "raw", "clean", "tokenize",
    ),
    _stage(
        "pad", "Write lines as rows (N, T) of ids, padded with 0 on the right, and their lengths.",
        ("rnnlm pad work", "rnnlm pad work --max-length 40 --long-lines split"),
        "pad", *_TEXT,
    ),
    Command(
        "embed", "Prepare", "Build the embedding layer (V, D), or write lines as arrays (N, T, D) or (N, H).",
        "embed:embed",
        ("rnnlm embed work --vectors glove.txt", "rnnlm embed work --split test --summary"),
        ("embed", "vectors", *_TEXT, "pad", "reading"), _CORPUS, shown=("embed", "vectors"),
    ),
    Command(
        "window", "Prepare", "Cut a table of time series into windows (N, T, F) and the targets to forecast from each.",
        "stages:window",
        ("rnnlm window weather.csv --out air --target pm2.5 --steps 24", "rnnlm window air --horizon 24"),
        ("window",), {"paths": (_argument(list[str] | None, _TABLE), None), "out": (_OUT, None)},
    ),
    Command(
        "train", "Train", "Train a language model; earlier stages run first where needed.", "train:train",
        (
            "rnnlm train corpus.txt --out work --budget 10m",
            "rnnlm train work --cell gru --hidden 256 --epochs 5 --name small",
        ),
        ("train", *_TEXT, "pad", "embed", "reading"), _CORPUS, also=("kind",),
    ),
    Command(
        "cells", "Train", "List the recurrent cells, or show one: equations, weights, gates, costs, its graph.",
        "cells:cells", ("rnnlm cells lstm --plot lstm.svg", 'rnnlm cells lstm --equation "f(t) = 1" --latex'),
        ("cells",),
        {"cell": (_argument(str | None, "a cell's name, or a file of equations; without it, all are listed"), None)},
    ),
    Command(
        "ngram", "Train", "Train an interpolated modified Kneser-Ney model, or read one from an ARPA file.",
        "ngram:ngram",
        ("rnnlm ngram work --order 5", "rnnlm ngram work --from model.arpa.gz --name theirs"),
        ("ngram", *_TEXT, "reading"), _CORPUS,
    ),
    _use(
        "evaluate", "Measure", "Measure perplexity, accuracy, or errors in the data's units, on a split or a file.",
        "evaluate:evaluate", ("rnnlm evaluate work", "rnnlm evaluate work --model gru --text test.txt"), "reading",
    ),
    _use(
        "ladder", "Measure", "Measure n-gram, network, their mixture, neural cache and dynamic evaluation, a row each.",
        "ladder:ladder", ("rnnlm ladder work", "rnnlm ladder work --ensemble gru,small"), "reading",
    ),
    _use(
        "slices", "Measure", "Show the loss by slices of the text, the calibration, and the keystrokes saved.",
        "slices:slices", ("rnnlm slices work", "rnnlm slices work --text test.txt --plot reliability.png"), "reading",
    ),
    _use(
        "report", "Measure", "Write one HTML page about a model: its metric, training, surprises, memory, samples.",
        "report:show_report", ("rnnlm report work", "rnnlm report work --live --out live.html"), "reading",
    ),
    Command(
        "compare", "Measure", "Test the differences between models on one text; models must be comparable.",
        "compare:compare",
        ("rnnlm compare work lstm gru", "rnnlm compare work/models/lstm other/models/lstm --text test.txt"),
        ("compare", "reading"),
        {"paths": (_argument(list[str], "models' directories or workspaces; or a workspace, then names in it"), ...)},
    ),
    _use(
        "inspect", "Measure", "Inspect a network: gradients by lag, spectra, gates, free runs, its graph.",
        "inspect:inspect_", ("rnnlm inspect work --plot dynamics.png", "rnnlm inspect work --graph graph.svg"),
    ),
    _use(
        "neighbors", "Measure", "Show the nearest neighbors of words, analogies, a map, or similar lines.",
        "neighbors:neighbors", ("rnnlm neighbors work dog cat", "rnnlm neighbors work man king woman --analogy"),
        "reading", words=(_argument(list[str] | None, "words; three with --analogy; a sentence with --lines"), None),
    ),
    _use(
        "score", "Use", "Compute log probabilities of a text, or of each line, word or token.",
        "score:score",
        ("rnnlm score work lines.txt --level word", "rnnlm score work items.tsv --field text --model lstm,ngram"),
        "reading",
        files=(_argument(list[str] | None, "text files, one text per line; - or none for standard input"), None),
    ),
    _use(
        "pairs", "Use", "Show how often the better of two lines is more likely, by type.", "pairs:pairs",
        ("rnnlm pairs work pairs.tsv", "rnnlm pairs work pairs.tsv --level line --json"), "reading",
        file=(_argument(str, "file of pairs: better, worse and type, separated by tabs; - for standard input"), ...),
    ),
    _use(
        "rescore", "Use", "Rescore n-best lists of speech recognition or OCR, or find the best weights for them.",
        "rescore:rescore",
        ("rnnlm rescore work lists.jsonl", "rnnlm rescore work nbest --format kaldi --references ref --tune"),
        "reading",
        files=(_argument(list[str] | None, "n-best lists; - or none for standard input"), None),
    ),
    _use(
        "generate", "Use", "Generate texts after a prompt, by sampling or beam search.", "generate:generate",
        ('rnnlm generate work --prompt "the cat" -n 3', 'rnnlm generate work --beam 8 --prompt "the cat"'), "reading",
    ),
    _use(
        "chat", "Use", "Write a text together with the model, line by line.", "generate:chat",
        ("rnnlm chat work", 'rnnlm chat work --prompt "once upon a time" --temperature 0.7'),
    ),
    _use(
        "next", "Use", "Show the most likely next words, completing a half-typed one.", "generate:next_",
        ('rnnlm next work --prompt "the ca"', 'rnnlm next work --prompt "the " -k 20 --json'),
    ),
    _use(
        "predict", "Use", "Label the lines or words of a text, or forecast a table; TSV, or JSON Lines with --json.",
        "predict:predict", ("rnnlm predict classes new.txt", "rnnlm predict air weather.csv --json"), "reading",
        file=(_argument(str, "text with one item per line, or table to forecast; - for standard input"), ...),
    ),
    _use(
        "export", "Use", "Export a model: 8 bits, ONNX, a page, for transformers, its vectors as text, n-grams.",
        "export:export", ("rnnlm export work --to int8 --out small", "rnnlm export work --to html --out page"),
        out=(_option(Path | None, "--out", "file or directory to write"), None),
    ),
    Command(
        "status", "Workspace", "Show each stage and model: current, stale, changed by hand, damaged or missing.",
        "status:status", ("rnnlm status work", "rnnlm status work --settings"),
        ("train", *_TEXT, "pad", "embed", "window"),
        {
            "workspace": (_argument(Path | None, "a workspace"), None),
            "accept": (_option(bool, "--accept", "adopt text files that were edited by hand"), False),
            "settings": (_option(bool, "--settings", "show every setting, its value, and where it is from"), False),
            "recipes": (_option(bool, "--recipes", "list the recipes for train --recipe"), False),
        },
        shown=(),
    ),
)  # fmt: skip
