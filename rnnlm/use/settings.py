"""Settings that several uses of a model share, and those of small ones; imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import at_least, between, bytes_of, check_directory_name, picture, setting
from rnnlm.errors import UsageError

_LEAST_MEMORY = 256 * 10**6  # bytes: the program itself takes about half of it

# Correction for rare labels, shared by two commands.
BALANCE = 0.0
BALANCE_HELP = (
    "prior correction of label scores: 0 keeps the training frequencies, 1 treats all labels as equally frequent"
)
SplitName = Literal["train", "valid", "test"]
Context = Literal["stream", "sentence", "document"]


def _page(name: str) -> str | None:
    return None if name.lower().endswith((".html", ".htm")) else "must end in .html"


@dataclass(frozen=True)
class TextSettings:
    """The text that is measured, and its context."""

    split: SplitName | None = setting(
        None, "the split", auto="test, or valid where test is empty", record=False, basic=True
    )
    text: str | None = setting(
        None, "a file instead of a split; - for standard input", auto="none", record=False, file="read", basic=True
    )
    context: Context | None = setting(
        None, "carry the state across lines, or reset it at each line or blank line", auto="as trained", record=False,
        basic=True,
    )  # fmt: skip

    def check(self) -> None:
        """One text."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")


@dataclass(frozen=True)
class ResampledSettings(TextSettings):
    """How the metrics of a text are computed, and resampled for their intervals."""

    batch_size: int = setting(64, "sequences in a batch", at_least(1), record=False)
    resamples: int = setting(
        2000, "bootstrap resamples of lines or documents for intervals", at_least(100), record=False
    )
    seed: int = setting(1, "seed of the resampling", between(0, 2**63 - 1), record=False)


@dataclass(frozen=True)
class ModelSettings:
    """Which of a workspace's models."""

    model: str | None = setting(
        None, "name of a model in the workspace", auto="the last one trained", record=False, basic=True
    )


@dataclass(frozen=True)
class LookSettings:
    """What a text is looked at with."""

    model: str | None = setting(
        None, "a model or workspace: how much of the text its vocabulary has", auto="none", record=False, basic=True,
        file="read",
    )  # fmt: skip


def _memory(value: str) -> str | None:
    try:
        return None if bytes_of(value) >= _LEAST_MEMORY else "must be 256MB or more"
    except UsageError as error:
        return str(error)


def _prune(value: str) -> str | None:
    parts = value.split(",")
    numbers = [int(part) for part in parts if part.isdecimal()]
    good = len(numbers) == len(parts) and numbers == sorted(numbers) and numbers[0] == 0
    return None if good else "write a number for each order that does not fall, the first 0, as 0,0,1"


@dataclass(frozen=True)
class NgramSettings:
    """An n-gram model."""

    order: int = setting(5, "words in the longest n-gram", between(1, 16), record=False, basic=True)
    context: Literal["stream", "sentence"] = setting(
        "sentence", "n-grams within lines only, or across lines", record=False, basic=True
    )
    from_: str | None = setting(
        None, "read the model from this ARPA file (.gz and .zst too) instead of training; it keeps the file's words "
        "where they differ from the workspace's, and the workspace's cleaning", auto="train", record=False, file="read",
        basic=True,
    )  # fmt: skip
    arpa: str | None = setting(
        None, "write the model to this file in ARPA format, compressed if it ends in .gz; - for standard output",
        auto="none", record=False, file="written", basic=True
    )  # fmt: skip
    name: str | None = setting(
        None, "the model's name in the workspace", auto="ngram, or arpa with --from", record=False, basic=True
    )
    prune: str | None = setting(
        None, "leave out n-grams that occur this often or less, for each order, as 0,0,1, the last for longer ones too",
        _prune, auto="none", record=False
    )  # fmt: skip
    memory: str | None = setting(
        None, "memory of the whole program while it counts, as 512MB", _memory, auto="what is free", record=False
    )

    def check(self) -> None:
        """--from has no --order and --context, and a name must be a directory's."""
        check_directory_name(self.name)
        if self.from_ is not None and (self.order, self.context) != (type(self).order, type(self).context):
            raise UsageError("--order or --context with --from", "the file has its own")
        if self.from_ is not None and self.prune is not None:
            raise UsageError("--prune with --from", "it is for counts, and the file has probabilities")


@dataclass(frozen=True)
class ReportSettings(TextSettings):
    """The text that a report is about, and what it shows beside the model."""

    out: str = setting("report.html", "the page", _page, record=False, file="written", basic=True)
    compare: str | None = setting(
        None, "names of other models of the workspace, separated by commas", auto="n-gram models", record=False,
        basic=True,
    )  # fmt: skip
    ladder: str | None = setting(
        None, "JSON of rnnlm ladder on the same text, to show its rows", auto="none", record=False, file="read"
    )
    without_corpus: bool = setting(
        False, "leave out passages and samples, which hold the corpus's text", record=False, basic=True, switch=True
    )
    live: bool = setting(
        False, "put the model into the page: a reader types and sees surprisal and next tokens", record=False,
        basic=True, switch=True,
    )  # fmt: skip
    seed: int = setting(1, "seed of the samples", between(0, 2**63 - 1), record=False)

    def check(self) -> None:
        """A text that can be read several times."""
        super().check()
        if self.text == "-":
            raise UsageError("--text - with a report, which reads the text several times", "save it to a file")


@dataclass(frozen=True)
class PredictSettings:
    """Which labels or forecasts are written."""

    k: int = setting(1, "number of labels for each text or word, most likely first", at_least(1), record=False)
    balance: float = setting(BALANCE, BALANCE_HELP, between(0, 1), record=False)
    all: bool = setting(
        False, "forecast every window, not only those whose future is not in the table", record=False, switch=True
    )
    future: bool = setting(
        False, "forecast what comes after the last row of each series, with an interval", record=False, switch=True
    )
    batch_size: int = setting(64, "sequences in a batch", at_least(1), record=False)
    plot: str | None = setting(None, "plot of the forecast (PNG or SVG)", auto="none", record=False, file="written")


@dataclass(frozen=True)
class CellsSettings:
    """What is shown of a cell."""

    equation: str | None = setting(
        None, 'equations in place of its own, as "f(t) = 1"; several have ; between', auto="none", record=False,
        basic=True,
    )  # fmt: skip
    latex: bool = setting(False, "write the equations for LaTeX", record=False, basic=True, switch=True)
    plot: str | None = setting(
        None, "drawing of its graph, compact and unfolded, with gates and delays", picture, auto="none", record=False,
        file="written", basic=True,
    )  # fmt: skip


@dataclass(frozen=True)
class InspectSettings(TextSettings):
    """The text that a network is inspected on, and what is measured."""

    prompt: str | None = setting(None, "this text instead of a split", auto="none", record=False, basic=True)
    limit: int = setting(10_000, "maximum number of tokens to read, from the beginning", at_least(1), record=False)
    positions: int = setting(32, "positions t, evenly distributed over the tokens read", at_least(1), record=False)
    lags: int = setting(50, "steps before t to which gradients are computed", at_least(1), record=False, basic=True)
    jacobians: int | None = setting(
        None, "positions at which to compute eigenvalues of the Jacobian", at_least(0),
        auto="16, fewer for large states", record=False
    )  # fmt: skip
    free_run: int | None = setting(
        None, "continue for this many steps without input", at_least(1), auto="none", record=False
    )
    start: Literal["text", "random"] = setting(
        "text", "initial state of the free run: the state after the text, or a small random one", record=False
    )
    seed: int = setting(1, "seed of random starts", between(0, 2**63 - 1), record=False)
    plot: str | None = setting(
        None,
        "plot of the results (PNG or SVG), of --model a,b on the same axes",
        picture,
        auto="none",
        record=False,
        file="written",
        basic=True,
    )
    graph: str | None = setting(
        None, "drawing of the computational graph, compact and unfolded", picture, auto="none", record=False,
        file="written", basic=True,
    )  # fmt: skip

    def check(self) -> None:
        """One text at a time."""
        given = [name for name in ("text", "prompt", "split") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"--{given[0]} with --{given[1]}", "give one of them")

    @property
    def graph_alone(self) -> bool:
        """Whether only the drawing of the graph is requested, which needs no text."""
        others = (self.text, self.prompt, self.split, self.free_run, self.plot)
        return self.graph is not None and all(other is None for other in others)


@dataclass(frozen=True)
class VectorSettings:
    """Which lines are written as arrays: (N, T, D) of token vectors, or (N, H) of last states."""

    split: SplitName | None = setting(None, "write (N, T, D) of this split", auto="none", record=False, basic=True)
    text: str | None = setting(
        None, "write (N, T, D) of the lines of this file", auto="none", record=False, file="read", basic=True
    )
    of_model: str | None = setting(
        None, "use the layer and rules of a trained model instead of the workspace's", auto="none", record=False,
        basic=True
    )  # fmt: skip
    summary: bool = setting(
        False, "write (N, H): h(T) of a trained model after each line", record=False, basic=True, switch=True
    )

    def check(self) -> None:
        """One source of lines that the layer applies to."""
        if self.split is not None and self.text is not None:
            raise UsageError("--text with --split", "give one of them")
        if self.summary:
            return
        if self.of_model is not None and self.split is not None:
            raise UsageError(
                "--split with --of-model", "the split's ids are the workspace's; name its text with --text"
            )
        if self.of_model is not None and self.text is None:
            raise UsageError("--of-model without --text", "name the lines to write, or use rnnlm neighbors")


@dataclass(frozen=True)
class NeighborSettings:
    """What is searched in an embedding layer, or among lines."""

    analogy: bool = setting(
        False, "with three words: the word that is to the third as the second is to the first", record=False,
        basic=True, switch=True
    )  # fmt: skip
    map: str | None = setting(
        None, "map of the most frequent tokens (PNG, SVG or PDF)", picture, auto="none", record=False,
        file="written", basic=True,
    )  # fmt: skip
    initial: bool = setting(
        False, "use the layer of the embed stage, before training", record=False, basic=True, switch=True
    )
    lines: bool = setting(
        False, "find the lines of --split or --text whose last states are nearest to that of a sentence", record=False,
        basic=True, switch=True,
    )  # fmt: skip
    split: SplitName | None = setting(
        None, "with --lines: the split", auto="test, or valid where test is empty", record=False
    )
    text: str | None = setting(None, "with --lines: a file instead of a split", auto="none", record=False, file="read")
    k: int = setting(10, "number of neighbors", at_least(1), record=False, basic=True)

    def check(self) -> None:
        """Tokens or lines."""
        if self.lines and (self.analogy or self.map or self.initial):
            raise UsageError("--lines with --analogy, --map or --initial", "they apply to tokens; omit --lines")
        if not self.lines and (self.split or self.text):
            raise UsageError("--split or --text without --lines", "add --lines")
        if self.split is not None and self.text is not None:
            raise UsageError("--text with --split", "give one of them")
