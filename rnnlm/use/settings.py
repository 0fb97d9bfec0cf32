"""The settings of the commands that use a model; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import at_least, between, setting
from rnnlm.errors import UsageError

SplitName = Literal["train", "valid", "test"]
Context = Literal["stream", "sentence", "document"]


@dataclass(frozen=True)
class ModelSettings:
    """Which of a workspace's models."""

    model: str | None = setting(None, "name of a model in the workspace", auto="the last one trained", record=False)


@dataclass(frozen=True)
class EvaluateSettings:
    """What is measured, and in what context."""

    split: SplitName | None = setting(None, "the split", auto="test, or valid where test is empty", record=False)
    text: str | None = setting(None, "a text file instead of a split; - for standard input", auto="none", record=False)
    context: Context | None = setting(
        None, "state carried across lines, or reset at each line or blank line", auto="as trained", record=False
    )
    batch_size: int = setting(64, "sequences read side by side", at_least(1), record=False)

    def check(self) -> None:
        """One text at a time."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")


@dataclass(frozen=True)
class GenerateSettings:
    """How text is drawn from the model."""

    prompt: str = setting("", "text to go on from", record=False)
    max_tokens: int = setting(100, "tokens at most", at_least(1), record=False)
    temperature: float = setting(
        1.0, "below 1 is more careful; 0 takes the most likely token", at_least(0), record=False
    )
    top_k: int | None = setting(None, "draw from the k most likely", at_least(1), auto="all", record=False)
    top_p: float | None = setting(
        None, "draw from the most likely that hold this much probability", between(0, 1), auto="all", record=False
    )
    n: int = setting(1, "number of texts", at_least(1), record=False)
    lines: int = setting(1, "lines in a text; the last ends it", at_least(1), record=False)
    unknown: bool = setting(False, "let <unk> be spoken", record=False)
    seed: int = setting(1, "seed of the draws", between(0, 2**63 - 1), record=False)


@dataclass(frozen=True)
class NextSettings:
    """What may come next."""

    prompt: str = setting(
        "", "the text so far; without a blank at its end, its last word may be half-typed", record=False
    )
    k: int = setting(10, "how many", at_least(1), record=False)


@dataclass(frozen=True)
class LookSettings:
    """What of an embedding layer is shown or written out."""

    neighbours: str | None = setting(None, "the tokens nearest to this one", auto="none", record=False)
    analogy: str | None = setting(
        None, "'man king woman': what is to woman as king is to man", auto="none", record=False
    )
    map: str | None = setting(None, "a picture of the most frequent tokens (PNG or SVG)", auto="none", record=False)
    split: SplitName | None = setting(None, "write (N, T, D) of this split", auto="none", record=False)
    text: str | None = setting(None, "write (N, T, D) of the lines of this file", auto="none", record=False)
    k: int = setting(10, "how many neighbours", at_least(1), record=False)
    of_model: str | None = setting(None, "look at a trained model's layer instead", auto="none", record=False)

    def check(self) -> None:
        """One source of sentences, and something to look for."""
        if self.split is not None and self.text is not None:
            raise UsageError("--text with --split", "give one of them")
        looks = (self.neighbours, self.analogy, self.map, self.split, self.text)
        if self.of_model is not None and not any(looks):
            raise UsageError("--of-model shows nothing by itself", "add --neighbours, --analogy, --map or --text")
        if self.of_model is not None and self.split is not None:
            raise UsageError(
                "--split with --of-model", "the split's ids are the workspace's; name its text with --text"
            )
