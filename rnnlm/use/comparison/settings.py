"""The settings of `rnnlm compare`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import at_least, between, setting
from rnnlm.errors import UsageError
from rnnlm.use.settings import RESAMPLES, RESAMPLES_HELP, Context, SplitName


@dataclass(frozen=True)
class CompareSettings:
    """The text that models are compared on."""

    split: SplitName | None = setting(
        None, "the split of the first workspace", auto="test, or valid where test is empty", record=False
    )
    text: str | None = setting(None, "a text file instead of a split", auto="none", record=False, file="read")
    context: Context | None = setting(
        None, "carry the state across lines, or reset it at each line or blank line", auto="as trained", record=False
    )
    batch_size: int = setting(64, "sequences in a batch", at_least(1), record=False)
    resamples: int = setting(RESAMPLES, RESAMPLES_HELP, at_least(100), record=False)
    seed: int = setting(1, "seed of the resampling", between(0, 2**63 - 1), record=False)

    def check(self) -> None:
        """One text, which can be read more than once."""
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")
        if self.text == "-":
            raise UsageError("--text - with several models", "each model reads the text; name a file")
