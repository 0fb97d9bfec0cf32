"""The settings of `rnnlm evaluate` and `rnnlm slices`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import at_least, between, picture, setting
from rnnlm.corpus.settings import FIELD, LABEL
from rnnlm.use.settings import BALANCE, BALANCE_HELP, TextSettings


@dataclass(frozen=True)
class EvaluateSettings(TextSettings):
    """The text to evaluate, its context, and baselines."""

    batch_size: int = setting(64, "sequences in a batch", at_least(1), record=False)
    field: str = setting(FIELD, "column or field of the text in a file of labeled texts", record=False)
    label: str = setting(LABEL, "column or field of the label", record=False)
    balance: float = setting(BALANCE, BALANCE_HELP, between(0, 1), record=False)
    baseline: bool = setting(
        False, "for labels: also naive Bayes over characters, or a linear classifier of rows", record=False, switch=True
    )
    season: int = setting(24, "rows of a season, for the seasonal baseline of a forecast", at_least(1), record=False)
    plot: str | None = setting(
        None, "plot of the forecast (PNG, SVG or PDF)", picture, auto="none", record=False, file="written", basic=True
    )


@dataclass(frozen=True)
class SliceSettings(TextSettings):
    """The text to slice, and its context."""

    plot: str | None = setting(
        None, "reliability diagram (PNG, SVG or PDF)", picture, auto="none", record=False, file="written", basic=True
    )
