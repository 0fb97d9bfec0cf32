"""What a report is about: a model, the network or n-grams in it, its text, and where notices go."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rnnlm.corpus.decoding import Decoding
from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.sealed import Sealed
from rnnlm.use.settings import ReportSettings


@dataclass(frozen=True)
class Subject:
    """`load` opens other sealed models; `directory` is for temporary files; `notice` takes lines for the user."""

    found: FoundModel
    model: LanguageModel
    load: Callable[[Sealed], LanguageModel]
    given: ReportSettings
    directory: Path
    reading: Decoding
    notice: Callable[[str], None]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.found.model.name

    def scratch(self, name: str) -> Path:
        """A new directory for temporary files."""
        path = self.directory / name
        path.mkdir()
        return path
