"""The settings of `rnnlm ladder`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import at_least, between, setting
from rnnlm.errors import UsageError
from rnnlm.use.settings import RESAMPLES, RESAMPLES_HELP, Context, SplitName


@dataclass(frozen=True)
class LadderSettings:
    """Which text is measured, what is mixed with the network, and on what weights are fitted."""

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
    ensemble: str | None = setting(
        None, "other models whose mixture with the network is a row; names or paths, with commas", auto="none",
        record=False, basic=True,
    )  # fmt: skip
    fit_tokens: int = setting(
        100_000, "tokens of valid that weights are fitted on, from its beginning", at_least(1), record=False
    )
    resamples: int = setting(RESAMPLES, RESAMPLES_HELP, at_least(100), record=False)
    seed: int = setting(1, "seed of the resampling", between(0, 2**63 - 1), record=False)

    def check(self) -> None:
        """One text, and not the one that weights are fitted on."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")
        if self.split == "valid":
            raise UsageError("--split valid", "weights are fitted there; measure another split or a --text")
