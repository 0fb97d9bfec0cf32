"""The settings of `rnnlm evaluate` and `rnnlm slices`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import at_least, between, setting
from rnnlm.corpus.settings import FIELD, LABEL
from rnnlm.errors import UsageError
from rnnlm.use.settings import BALANCE, BALANCE_HELP, Context, SplitName, picture


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
        record=False, switch=True,
    )  # fmt: skip
    season: int = setting(24, "rows in a season, for the seasonal baseline of a forecast", at_least(1), record=False)
    plot: str | None = setting(
        None, "a picture of the forecast (PNG, SVG or PDF)", picture, auto="none", record=False,
        file="written", basic=True,
    )  # fmt: skip

    def check(self) -> None:
        """One text."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")


@dataclass(frozen=True)
class SliceSettings:
    """Which text is read in slices, and in what context."""

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
    plot: str | None = setting(
        None, "a picture of the reliability (PNG, SVG or PDF)", picture, auto="none", record=False, file="written",
        basic=True,
    )  # fmt: skip

    def check(self) -> None:
        """One text."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")
