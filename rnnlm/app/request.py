"""A request: one command, or one call from Python, with its arguments and its settings, each resolved once.

A request knows every section of settings by its class; what is typed on a command line becomes one in `cli/options.py`.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from rnnlm.builtin.recipes import read_recipe
from rnnlm.builtin.settings import CorpusSettings
from rnnlm.config import Resolved, canonical, outer_name, read_settings_file, resolve, setting
from rnnlm.corpus.settings import (
    CleanSettings,
    EmbedSettings,
    PadSettings,
    RawSettings,
    ReadingSettings,
    TokenizeSettings,
    VocabSettings,
)
from rnnlm.errors import UsageError
from rnnlm.renamed import RENAMED
from rnnlm.tables.settings import WindowSettings
from rnnlm.training.lags.settings import LagSettings
from rnnlm.training.settings import TrainSettings
from rnnlm.use.export.settings import ExportSettings
from rnnlm.use.rescoring.settings import RescoreSettings
from rnnlm.use.scoring.settings import ScoreSettings
from rnnlm.use.settings import (
    CompareSettings,
    EvaluateSettings,
    GenerateSettings,
    InspectSettings,
    LookSettings,
    ModelSettings,
    NextSettings,
    NgramSettings,
    PredictSettings,
)

S = TypeVar("S")


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """What every command takes; part of no digest."""

    device: Literal["cpu", "cuda", "mps", "auto"] = setting("auto", "where tensors live", record=False, basic=True)
    threads: int | None = setting(None, "processor threads", lambda n: None if n > 0 else "must be 1 or more",
                                  auto="all cores", record=False)  # fmt: skip
    json: bool = setting(False, "one JSON object on standard output", record=False, basic=True)
    quiet: bool = setting(False, "no notices on standard error", record=False, basic=True)
    debug: bool = setting(False, "show the traceback of an error", record=False)
    force: bool = setting(False, "rebuild, replace or exceed a limit", record=False)


SECTIONS: dict[str, type[Any]] = {
    "run": RunSettings,
    "corpus": CorpusSettings,
    "reading": ReadingSettings,
    "raw": RawSettings,
    "clean": CleanSettings,
    "tokenize": TokenizeSettings,
    "vocab": VocabSettings,
    "pad": PadSettings,
    "embed": EmbedSettings,
    "window": WindowSettings,
    "train": TrainSettings,
    "lags": LagSettings,
    "ngram": NgramSettings,
    "model": ModelSettings,
    "evaluate": EvaluateSettings,
    "compare": CompareSettings,
    "score": ScoreSettings,
    "rescore": RescoreSettings,
    "generate": GenerateSettings,
    "next": NextSettings,
    "predict": PredictSettings,
    "inspect": InspectSettings,
    "export": ExportSettings,
    "look": LookSettings,
}
SECTION_OF = {kind: name for name, kind in SECTIONS.items()}
READERS = {
    "raw",
    "evaluate",
    "compare",
    "score",
    "rescore",
    "generate",
    "predict",
}  # sections of commands that read texts


@dataclasses.dataclass
class Request:
    """What was asked for: the command, its arguments, and the flags by name (None where not given).

    `environment` is where `RNNLM_…` variables are looked for: none for a call from Python. `started_at`, on the
    monotonic clock, is what a time budget counts from: None for the start of the process.
    """

    command: str
    arguments: dict[str, Any]
    flags: dict[str, Any]
    sections: tuple[str, ...]
    config: Path | None = None
    environment: Mapping[str, str] = dataclasses.field(default_factory=lambda: os.environ)
    started_at: float | None = None

    def __post_init__(self) -> None:
        self._resolved: dict[tuple[type[Any], bytes], Resolved[Any]] = {}
        self._file = read_settings_file(self.config, SECTIONS) if self.config else {}
        self._recipe: dict[str, dict[str, Any]] = {}
        if "train" in self.sections:
            name = self.settings(TrainSettings).settings.recipe
            if name is not None:
                self._recipe = read_recipe(name).settings
                self._resolved.clear()
        self.run: RunSettings = self.settings(RunSettings).settings

    def settings(self, kind: type[S], recorded: dict[str, Any] | None = None) -> Resolved[S]:
        """Settings of a class: flag > environment > --config > --recipe > workspace (`recorded`) > default.

        A variable or a file's setting whose name a section of this command has too (`steps`) is meant for that one.
        """
        key = (kind, canonical(recorded or {}))
        if key not in self._resolved:
            self._resolved[key] = self._resolve(kind, recorded)
        return self._resolved[key]

    def _resolve(self, kind: type[S], recorded: dict[str, Any] | None) -> Resolved[S]:
        section = SECTION_OF[kind]
        if section in self.sections:
            return resolve(
                kind,
                flags=self.flags,
                file=self._file.get(section),
                recipe=self._recipe.get(section),
                recorded=recorded,
                environment=self.environment,
            )
        taken = {field.name for name in self.sections for field in dataclasses.fields(SECTIONS[name])}
        file = {name: value for name, value in self._file.get(section, {}).items() if name not in taken}
        variables = {f"RNNLM_{outer_name(name).upper()}" for name in taken}
        environment = {name: value for name, value in self.environment.items() if name not in variables}
        return resolve(kind, file=file, recorded=recorded, environment=environment)

    def check_all(self) -> None:
        """Raise UsageError for any flag, variable or file that cannot be, before a path is opened."""
        for section in self.sections:
            self.settings(SECTIONS[section])
        for old, new in RENAMED.items():
            if f"RNNLM_{old.upper()}" in self.environment:
                raise UsageError(f"RNNLM_{old.upper()} has another name now", f"set RNNLM_{new.upper()}")
