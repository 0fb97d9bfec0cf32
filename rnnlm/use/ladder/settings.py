"""The settings of `rnnlm ladder`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.config import at_least, setting
from rnnlm.errors import UsageError
from rnnlm.use.settings import ResampledSettings


@dataclass(frozen=True)
class LadderSettings(ResampledSettings):
    """The text to measure, the models to mix with the network, and the text to fit weights on."""

    ensemble: str | None = setting(
        None, "other models to mix with the network in an extra row; names or paths, separated by commas", auto="none",
        record=False, basic=True,
    )  # fmt: skip
    fit_tokens: int = setting(100_000, "tokens at the beginning of valid to fit weights on", at_least(1), record=False)

    def check(self) -> None:
        """One text, different from the one that weights are fitted on."""
        super().check()
        if self.split == "valid":
            raise UsageError("--split valid", "weights are fitted there; measure another split or a --text")
