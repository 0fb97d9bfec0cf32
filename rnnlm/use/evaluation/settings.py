"""The settings of `rnnlm evaluate` and `rnnlm slices`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import at_least, between, setting
from rnnlm.corpus.settings import FIELD, LABEL
from rnnlm.errors import UsageError
from rnnlm.use.settings import BALANCE, BALANCE_HELP, Context, SplitName, picture


@dataclass(frozen=True)
class EvaluateSettings:
    """The text to evaluate, its context, and baselines."""

    split: SplitName | None = setting(
        None, "the split", auto="test, or valid where test is empty", record=False, basic=True
    )
    text: str | None = setting(
        None, "a text file instead of a split; - for standard input", auto="none", record=False, file="read", basic=True
    )
    context: Context | None = setting(
        None, "carry the state across lines, or reset it at each line or blank line", auto="as trained", record=False,
        basic=True,
    )  # fmt: skip
    batch_size: int = setting(64, "sequences in a batch", at_least(1), record=False)
    field: str = setting(FIELD, "column or field of the text in a file of labeled texts", record=False)
    label: str = setting(LABEL, "column or field of the label", record=False)
    balance: float = setting(BALANCE, BALANCE_HELP, between(0, 1), record=False)
    baseline: bool = setting(
        False, "for a model of labeled texts: also evaluate naive Bayes over characters", record=False, switch=True
    )
    season: int = setting(24, "rows of a season, for the seasonal baseline of a forecast", at_least(1), record=False)
    plot: str | None = setting(
        None, "plot of the forecast (PNG, SVG or PDF)", picture, auto="none", record=False, file="written", basic=True
    )

    def check(self) -> None:
        """One text."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")


@dataclass(frozen=True)
class SliceSettings:
    """The text to slice, and its context."""

    split: SplitName | None = setting(
        None, "the split", auto="test, or valid where test is empty", record=False, basic=True
    )
    text: str | None = setting(
        None, "a text file instead of a split; - for standard input", auto="none", record=False, file="read", basic=True
    )
    context: Context | None = setting(
        None, "carry the state across lines, or reset it at each line or blank line", auto="as trained", record=False,
        basic=True,
    )  # fmt: skip
    plot: str | None = setting(
        None, "reliability diagram (PNG, SVG or PDF)", picture, auto="none", record=False, file="written", basic=True
    )

    def check(self) -> None:
        """One text."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")
