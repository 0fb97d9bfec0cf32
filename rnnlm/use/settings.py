"""Settings that several uses of a model share, and those of small ones; imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import at_least, between, check_directory_name, setting
from rnnlm.errors import UsageError

# Whether a rare label may be said: two commands choose labels, by one rule.
BALANCE = 0.0
BALANCE_HELP = "labels are chosen as they are in training (0), or as if all were equally frequent (1), or in between"
# A figure's interval and a difference's p value come from so many resamples, in two commands.
RESAMPLES = 2000
RESAMPLES_HELP = "how often lines or documents are drawn anew for intervals"
SplitName = Literal["train", "valid", "test"]
Context = Literal["stream", "sentence", "document"]


def picture(name: str) -> str | None:
    return None if name.lower().endswith((".png", ".svg", ".pdf")) else "must end in .png, .svg or .pdf"


@dataclass(frozen=True)
class ModelSettings:
    """Which of a workspace's models."""

    model: str | None = setting(
        None, "name of a model in the workspace", auto="the last one trained", record=False, basic=True
    )


@dataclass(frozen=True)
class NgramSettings:
    """An n-gram model beside the network."""

    order: int = setting(5, "words in the longest n-gram", between(1, 16), record=False, basic=True)
    context: Literal["stream", "sentence"] = setting(
        "sentence", "n-grams within lines alone, or across them", record=False, basic=True
    )
    from_: str | None = setting(
        None, "read a model from this ARPA file (.gz and .zst too) in place of training; it has the file's words, "
        "unless they are the workspace's, and the workspace's cleaning", auto="train", record=False, file="read",
        basic=True,
    )  # fmt: skip
    arpa: str | None = setting(
        None, "write the model into this file in ARPA form, compressed if it ends in .gz; - for standard output",
        auto="none", record=False, file="written", basic=True
    )  # fmt: skip
    name: str | None = setting(
        None, "the model's name in the workspace", auto="ngram, or arpa with --from", record=False, basic=True
    )

    def check(self) -> None:
        """What a file says already, and a name that can be a directory's."""
        check_directory_name(self.name)
        if self.from_ is not None and (self.order, self.context) != (type(self).order, type(self).context):
            raise UsageError("--order or --context with --from", "the file has its own")


@dataclass(frozen=True)
class PredictSettings:
    """What is said of a file, and how much of it."""

    k: int = setting(1, "labels for each text or word, the most likely first", at_least(1), record=False)
    balance: float = setting(BALANCE, BALANCE_HELP, between(0, 1), record=False)
    all: bool = setting(
        False,
        "a forecast for every window, not only for those whose future the table does not hold",
        record=False,
        switch=True,
    )
    batch_size: int = setting(64, "sequences read side by side", at_least(1), record=False)
    plot: str | None = setting(
        None, "a picture of the forecast (PNG or SVG)", auto="none", record=False, file="written"
    )


@dataclass(frozen=True)
class InspectSettings:
    """What is read to look inside a network, and what is looked at."""

    split: SplitName | None = setting(
        None, "the split", auto="test, or valid where test is empty", record=False, basic=True
    )
    text: str | None = setting(
        None, "a file instead of a split; - for standard input", auto="none", record=False, file="read", basic=True
    )
    prompt: str | None = setting(None, "this text instead of a split", auto="none", record=False, basic=True)
    context: Context | None = setting(
        None, "state carried across lines, or reset at each line or blank line", auto="as trained", record=False
    )
    limit: int = setting(10_000, "tokens that are read at most, from the beginning", at_least(1), record=False)
    positions: int = setting(32, "places t, spread over what is read", at_least(1), record=False)
    lags: int = setting(50, "steps before t that gradients are followed to", at_least(1), record=False, basic=True)
    jacobians: int | None = setting(
        None, "places whose Jacobian has its eigenvalues computed", at_least(0), auto="16, fewer for large states",
        record=False,
    )  # fmt: skip
    free_run: int | None = setting(
        None, "go on for so many steps without any input", at_least(1), auto="none", record=False
    )
    start: Literal["text", "random"] = setting(
        "text", "the free run starts from the state after the text, or a small random one", record=False
    )
    seed: int = setting(1, "seed of random starts", between(0, 2**63 - 1), record=False)
    plot: str | None = setting(
        None, "a picture of what was found (PNG or SVG)", picture, auto="none", record=False, file="written",
        basic=True,
    )  # fmt: skip
    graph: str | None = setting(
        None, "a picture of the computational graph, compact and unfolded", picture, auto="none", record=False,
        file="written", basic=True,
    )  # fmt: skip

    def check(self) -> None:
        """One text at a time."""
        given = [name for name in ("text", "prompt", "split") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"--{given[0]} with --{given[1]}", "give one of them")

    @property
    def graph_alone(self) -> bool:
        """Whether the picture of the graph is all that is asked for, which needs no text."""
        others = (self.text, self.prompt, self.split, self.free_run, self.plot)
        return self.graph is not None and all(other is None for other in others)


@dataclass(frozen=True)
class VectorSettings:
    """Which lines are written as arrays: (N, T, D) of their tokens' vectors, or (N, H) of their last states."""

    split: SplitName | None = setting(None, "write (N, T, D) of this split", auto="none", record=False, basic=True)
    text: str | None = setting(
        None, "write (N, T, D) of the lines of this file", auto="none", record=False, file="read", basic=True
    )
    of_model: str | None = setting(
        None, "by a trained model's layer and rules in place of the workspace's", auto="none", record=False, basic=True
    )
    summary: bool = setting(
        False, "write (N, H) instead: h(T) of a trained model after each line", record=False, basic=True, switch=True
    )

    def check(self) -> None:
        """One source of lines, which a layer can be applied to."""
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
    """What is looked for in an embedding layer, or among lines."""

    analogy: bool = setting(
        False, "of three words: what is to the third as the second is to the first", record=False, basic=True,
        switch=True,
    )  # fmt: skip
    map: str | None = setting(
        None, "a picture of the most frequent tokens (PNG, SVG or PDF)", picture, auto="none", record=False,
        file="written", basic=True,
    )  # fmt: skip
    initial: bool = setting(
        False, "look into the layer of the embed stage, before training", record=False, basic=True, switch=True
    )
    lines: bool = setting(
        False, "the lines of --split or --text whose last states are nearest to that of a sentence", record=False,
        basic=True, switch=True,
    )  # fmt: skip
    split: SplitName | None = setting(
        None, "of --lines: the split", auto="test, or valid where test is empty", record=False
    )
    text: str | None = setting(None, "of --lines: a file instead", auto="none", record=False, file="read")
    k: int = setting(10, "how many neighbors", at_least(1), record=False, basic=True)

    def check(self) -> None:
        """Tokens or lines."""
        if self.lines and (self.analogy or self.map or self.initial):
            raise UsageError("--lines with --analogy, --map or --initial", "they are of tokens; omit --lines")
        if not self.lines and (self.split or self.text):
            raise UsageError("--split or --text without --lines", "add --lines")
        if self.split is not None and self.text is not None:
            raise UsageError("--text with --split", "give one of them")
