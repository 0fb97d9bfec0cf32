"""The settings of the commands that use a model; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import above, at_least, between, check_directory_name, setting
from rnnlm.corpus.settings import FIELD, LABEL
from rnnlm.errors import UsageError

# Whether a rare label may be said: two commands choose labels, by one rule.
BALANCE = 0.0
BALANCE_HELP = "labels are chosen as they are in training (0), or as if all were equally frequent (1), or in between"
# A figure's interval and a difference's p value come from so many resamples, in two commands.
RESAMPLES = 2000
RESAMPLES_HELP = "how often lines or documents are drawn anew for intervals"
SplitName = Literal["train", "valid", "test"]
Context = Literal["stream", "sentence", "document"]


def _picture(name: str) -> str | None:
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
class EvaluateSettings:
    """What is measured, and in what context."""

    split: SplitName | None = setting(
        None, "the split", auto="test, or valid where test is empty", record=False, basic=True
    )
    text: str | None = setting(
        None, "a text file instead of a split; - for standard input", auto="none", record=False, file="read", basic=True
    )
    context: Context | None = setting(
        None, "state carried across lines, or reset at each line or blank line", auto="as trained", record=False,
        basic=True,
    )  # fmt: skip
    batch_size: int = setting(64, "sequences read side by side", at_least(1), record=False)
    field: str = setting(FIELD, "the column or field that holds the text, in a file of labelled texts", record=False)
    label: str = setting(LABEL, "the column or field that holds the label", record=False)
    balance: float = setting(BALANCE, BALANCE_HELP, between(0, 1), record=False)
    baseline: bool = setting(
        False, "beside a model of labelled texts, naive Bayes over characters; the others always have theirs",
        record=False,
    )  # fmt: skip
    season: int = setting(24, "rows in a season, for the seasonal baseline of a forecast", at_least(1), record=False)
    plot: str | None = setting(
        None, "a picture of the forecast, or of the calibration with --slices (PNG or SVG)", auto="none", record=False,
        file="written", basic=True,
    )  # fmt: skip
    ladder: bool = setting(
        False, "n-gram, network, their mixture, neural cache and dynamic evaluation, one row after the other",
        record=False, basic=True
    )  # fmt: skip
    ensemble: str | None = setting(
        None, "of --ladder: other models whose mixture with the network is a row; names or paths, with commas",
        auto="none", record=False,
    )  # fmt: skip
    fit_tokens: int = setting(
        100_000, "of --ladder: tokens of valid that weights are fitted on, from its beginning", at_least(1),
        record=False,
    )  # fmt: skip
    resamples: int = setting(RESAMPLES, RESAMPLES_HELP, at_least(100), record=False)
    seed: int = setting(1, "seed of the resampling", between(0, 2**63 - 1), record=False)
    slices: bool = setting(
        False, "the loss by frequency, position, length and unknown words; calibration; keystrokes saved", record=False,
        basic=True,
    )  # fmt: skip

    def check(self) -> None:
        """One text and one kind of table at a time."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")
        if self.ladder and self.slices:
            raise UsageError("--ladder with --slices", "give one of them")
        if self.ensemble is not None and not self.ladder:
            raise UsageError("--ensemble without --ladder", "it is a row of the ladder; add --ladder")
        if self.ladder and self.split == "valid":
            raise UsageError(
                "--ladder with --split valid", "its weights are fitted there; measure another split or a --text"
            )

    def refuse_tables(self, what: str) -> None:
        """UsageError where a table is asked for that only language models have."""
        for name in ("ladder", "slices"):
            if getattr(self, name):
                raise UsageError(f"--{name} with a model of {what}", "it goes with language models")


@dataclass(frozen=True)
class CompareSettings:
    """On what models are compared."""

    split: SplitName | None = setting(
        None, "the split of the first workspace", auto="test, or valid where test is empty", record=False
    )
    text: str | None = setting(None, "a text file instead of a split", auto="none", record=False, file="read")
    context: Context | None = setting(
        None, "state carried across lines, or reset at each line or blank line", auto="as trained", record=False
    )
    batch_size: int = setting(64, "sequences read side by side", at_least(1), record=False)
    resamples: int = setting(RESAMPLES, RESAMPLES_HELP, at_least(100), record=False)
    seed: int = setting(1, "seed of the resampling", between(0, 2**63 - 1), record=False)

    def check(self) -> None:
        """One text, which can be read more than once."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")
        if self.text == "-":
            raise UsageError("--text - with several models", "each reads the text; give a file")


@dataclass(frozen=True)
class GenerateSettings:
    """How text is drawn from the model."""

    prompt: str = setting("", "text to go on from", record=False, basic=True)
    prompt_file: str | None = setting(
        None, "a file of prompts, one a line; - for standard input", auto="none", record=False, file="read"
    )
    max_tokens: int = setting(100, "tokens at most", at_least(1), record=False, basic=True)
    temperature: float = setting(
        1.0, "below 1 is more careful; 0 takes the most likely token", at_least(0), record=False, basic=True
    )
    top_k: int | None = setting(None, "draw from the k most likely", at_least(1), auto="all", record=False, basic=True)
    top_p: float | None = setting(
        None, "draw from the most likely that hold this much probability", between(0, 1), auto="all", record=False,
        basic=True,
    )  # fmt: skip
    min_p: float | None = setting(
        None, "draw from those at least this much as likely as the most likely one", between(0, 1), auto="all",
        record=False, basic=True
    )  # fmt: skip
    typical: float | None = setting(
        None, "draw from those that say about as much as is expected and hold this much probability", between(0, 1),
        auto="all", record=False,
    )  # fmt: skip
    repetition_penalty: float = setting(
        1.0, "above 1 makes what has been said already less likely", above(0), record=False
    )
    beam: int | None = setting(
        None, "search for the most likely text, keeping so many beginnings, in place of drawing", at_least(1),
        auto="draw", record=False, basic=True
    )  # fmt: skip
    length_penalty: float = setting(
        0.6, "of --beam: 0 takes the likeliest text, which is a short one; more lets longer ones win", at_least(0),
        record=False,
    )  # fmt: skip
    n: int = setting(1, "number of texts for each prompt", at_least(1), record=False, basic=True)
    lines: int | None = setting(
        None, "lines in a text; the last ends it", at_least(1), auto="1, or any with --until", record=False
    )
    until: str | None = setting(
        None, "a text ends as soon as it has said this", lambda text: None if text else "must not be empty",
        auto="none", record=False,
    )  # fmt: skip
    unknown: bool = setting(False, "let <unk> be spoken", record=False)
    novelty: bool = setting(False, "find the longest run copied from the training text", record=False)
    seed: int = setting(1, "seed of the draws", between(0, 2**63 - 1), record=False, basic=True)
    batch_size: int = setting(64, "texts drawn side by side", at_least(1), record=False)
    interactive: bool = setting(
        False, "read lines, show after each how it may go on and the next words; an empty line accepts", record=False,
        basic=True,
    )  # fmt: skip
    candidates: int = setting(5, "next words that --interactive shows", at_least(0), record=False)

    def check(self) -> None:
        """What --beam and --interactive leave no room for."""
        if self.prompt and self.prompt_file is not None:
            raise UsageError("--prompt with --prompt-file", "give one of them")
        if self.interactive:
            self._refuse("--interactive", "omit it", "prompt_file", "beam", "n", "novelty")
        if self.beam is not None:
            drawing = ("temperature", "top_k", "top_p", "min_p", "typical", "repetition_penalty")
            self._refuse("--beam", "a search draws nothing", *drawing)
            if self.n > self.beam:
                raise UsageError(
                    f"-n {self.n} with --beam {self.beam}", "the n best are among those kept; raise --beam"
                )

    def _refuse(self, flag: str, reason: str, *names: str) -> None:
        for name in names:
            if getattr(self, name) != getattr(type(self), name):
                shown = f"--{name.replace('_', '-')}" if len(name) > 1 else f"-{name}"
                raise UsageError(f"{shown} with {flag}", reason)

    @property
    def last_line(self) -> int | None:
        """How many lines end a text; None where none does."""
        return self.lines or (1 if self.until is None else None)


@dataclass(frozen=True)
class NextSettings:
    """What may come next."""

    prompt: str = setting(
        "", "the text so far; without a blank at its end, its last word may be half-typed", record=False
    )
    k: int = setting(10, "how many", at_least(1), record=False)


@dataclass(frozen=True)
class PredictSettings:
    """What is said of a file, and how much of it."""

    k: int = setting(1, "labels for each text or word, the most likely first", at_least(1), record=False)
    balance: float = setting(BALANCE, BALANCE_HELP, between(0, 1), record=False)
    all: bool = setting(
        False, "a forecast for every window, not only for those whose future the table does not hold", record=False
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
    stretch: int = setting(200, "steps before t over which gates and growth are measured", at_least(1), record=False)
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
        None, "a picture of what was found (PNG or SVG)", _picture, auto="none", record=False, file="written",
        basic=True,
    )  # fmt: skip
    graph: str | None = setting(
        None, "a picture of the computational graph, compact and unfolded", _picture, auto="none", record=False,
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
class LookSettings:
    """What of an embedding layer is shown or written out."""

    summary: bool = setting(
        False, "write h(T) of a trained model for each line of --split or --text; --neighbours then takes a sentence",
        record=False
    )  # fmt: skip
    neighbours: str | None = setting(None, "the tokens nearest to this one", auto="none", record=False, basic=True)
    analogy: str | None = setting(
        None, "'man king woman': what is to woman as king is to man", auto="none", record=False, basic=True
    )
    map: str | None = setting(
        None, "a picture of the most frequent tokens (PNG or SVG)", auto="none", record=False, file="written",
        basic=True,
    )  # fmt: skip
    split: SplitName | None = setting(None, "write (N, T, D) of this split", auto="none", record=False)
    text: str | None = setting(
        None, "write (N, T, D) of the lines of this file", auto="none", record=False, file="read"
    )
    k: int = setting(10, "how many neighbours", at_least(1), record=False)
    of_model: str | None = setting(
        None, "look at a trained model's layer instead", auto="none", record=False, basic=True
    )

    def check(self) -> None:
        """One source of sentences, and something to look for."""
        if self.split is not None and self.text is not None:
            raise UsageError("--text with --split", "give one of them")
        if self.summary:
            if self.analogy or self.map:
                raise UsageError("--analogy or --map with --summary", "they are of tokens; omit --summary")
            return
        looks = (self.neighbours, self.analogy, self.map, self.split, self.text)
        if self.of_model is not None and not any(looks):
            raise UsageError("--of-model shows nothing by itself", "add --neighbours, --analogy, --map or --text")
        if self.of_model is not None and self.split is not None:
            raise UsageError(
                "--split with --of-model", "the split's ids are the workspace's; name its text with --text"
            )
