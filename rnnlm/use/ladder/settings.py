"""The settings of `rnnlm ladder`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import at_least, between, setting
from rnnlm.errors import UsageError
from rnnlm.use.settings import RESAMPLES, RESAMPLES_HELP, Context, SplitName


@dataclass(frozen=True)
class LadderSettings:
    """The text to measure, the models to mix with the network, and the text to fit weights on."""

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
    ensemble: str | None = setting(
        None, "other models to mix with the network in an extra row; names or paths, separated by commas", auto="none",
        record=False, basic=True,
    )  # fmt: skip
    fit_tokens: int = setting(100_000, "tokens at the beginning of valid to fit weights on", at_least(1), record=False)
    resamples: int = setting(RESAMPLES, RESAMPLES_HELP, at_least(100), record=False)
    seed: int = setting(1, "seed of the resampling", between(0, 2**63 - 1), record=False)

    def check(self) -> None:
        """One text, different from the one that weights are fitted on."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")
        if self.split == "valid":
            raise UsageError("--split valid", "weights are fitted there; measure another split or a --text")
