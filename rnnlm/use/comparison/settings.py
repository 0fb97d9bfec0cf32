"""The settings of `rnnlm compare`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass

from rnnlm.errors import UsageError
from rnnlm.use.settings import ResampledSettings


@dataclass(frozen=True)
class CompareSettings(ResampledSettings):
    """The text that models are compared on."""

    def check(self) -> None:
        """One text, which can be read more than once."""
        super().check()
        if self.text == "-":
            raise UsageError("--text - with several models", "each model reads the text; name a file")
