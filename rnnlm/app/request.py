"""A request: one command, or one call from Python, with its arguments and settings, each resolved once.

A request has every section of settings by its class; `cli/options.py` makes one from a command line.
"""

import dataclasses
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rnnlm.builtin.recipes import read_recipe
from rnnlm.builtin.settings import CorpusSettings
from rnnlm.config import Resolved, outer_name, read_settings_file, resolve, setting
from rnnlm.corpus.settings import (
    LABELS_OF,
    CleanSettings,
    EmbedSettings,
    Labels,
    PadSettings,
    RawSettings,
    ReadingSettings,
    TokenizeSettings,
    VocabSettings,
)
from rnnlm.errors import ArtifactError, UsageError
from rnnlm.renamed import GONE, RENAMED
from rnnlm.tables.settings import WindowSettings
from rnnlm.training.settings import TrainSettings
from rnnlm.use import settings as uses
from rnnlm.use.comparison.settings import CompareSettings
from rnnlm.use.evaluation.settings import EvaluateSettings, SliceSettings
from rnnlm.use.export.settings import ExportSettings
from rnnlm.use.generation.settings import DrawSettings, GenerateSettings, NextSettings
from rnnlm.use.ladder.settings import LadderSettings
from rnnlm.use.rescoring.settings import RescoreSettings
from rnnlm.use.scoring.settings import PairSettings, ScoreSettings
from rnnlm.workers import cores

if TYPE_CHECKING:
    from rnnlm.training.ranks import Ranks
    from rnnlm.workspace import Workspace

S = TypeVar("S")


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """Settings of every command; not part of any digest."""

    device: Literal["cpu", "cuda", "mps", "auto"] = setting("auto", "device of tensors", record=False, basic=True)
    threads: int | None = setting(None, "number of CPU threads", lambda n: None if n > 0 else "must be 1 or more",
                                  auto="all cores", record=False)  # fmt: skip
    json: bool = setting(False, "write one JSON object to standard output", record=False, basic=True, switch=True)
    quiet: bool = setting(False, "write no notices to standard error", record=False, basic=True, switch=True)
    debug: bool = setting(False, "show the traceback of an error", record=False, switch=True)
    force: bool = setting(False, "rebuild, replace or exceed a limit", record=False, switch=True)


SECTIONS: dict[str, type[Any]] = {
    "run": RunSettings,
    "corpus": CorpusSettings,
    "look": uses.LookSettings,
    "reading": ReadingSettings,
    "raw": RawSettings,
    "clean": CleanSettings,
    "tokenize": TokenizeSettings,
    "vocab": VocabSettings,
    "pad": PadSettings,
    "embed": EmbedSettings,
    "window": WindowSettings,
    "train": TrainSettings,
    "ngram": uses.NgramSettings,
    "model": uses.ModelSettings,
    "evaluate": EvaluateSettings,
    "slices": SliceSettings,
    "ladder": LadderSettings,
    "compare": CompareSettings,
    "score": ScoreSettings,
    "pairs": PairSettings,
    "rescore": RescoreSettings,
    "generate": GenerateSettings,
    "chat": DrawSettings,
    "next": NextSettings,
    "predict": uses.PredictSettings,
    "cells": uses.CellsSettings,
    "inspect": uses.InspectSettings,
    "export": ExportSettings,
    "vectors": uses.VectorSettings,
    "neighbors": uses.NeighborSettings,
    "report": uses.ReportSettings,
}
SECTION_OF = {kind: name for name, kind in SECTIONS.items()}
TEXT_SECTIONS = ("reading", "raw", "clean", "tokenize", "vocab", "pad", "embed", "train")  # of a corpus's workspace
TABLE_SECTIONS = ("window", "train")


@dataclasses.dataclass
class Request:
    """The command, its arguments, and its flags by name (None where not given).

    `environment` has the `RNNLM_…` variables: empty for a call from Python. A time budget counts from `started_at` on
    the monotonic clock, None for the start of the process; `ranks` are several processes that train together.
    """

    command: str
    arguments: dict[str, Any]
    flags: dict[str, Any]
    sections: tuple[str, ...]
    config: Path | None = None
    environment: Mapping[str, str] = dataclasses.field(default_factory=lambda: os.environ)
    started_at: float | None = None
    ranks: "Ranks | None" = None

    def __post_init__(self) -> None:
        self._resolved: dict[type[Any], Resolved[Any]] = {}
        self._file = read_settings_file(self.config, SECTIONS) if self.config else {}
        self._recipe = self._read_recipe() if "train" in self.sections else {}

    @cached_property
    def run(self) -> RunSettings:
        """How the command runs."""
        return self.settings(RunSettings).settings

    @property
    def processes(self) -> int:
        """How many prepare a text; a call from Python has none beside itself, which would run its script again."""
        return self.run.threads or cores() if self.environment else 1

    @cached_property
    def workspace(self) -> "Workspace | None":
        """The existing workspace that the arguments name, for commands that continue one."""
        from rnnlm.workspace import Workspace

        if "workspace" in self.arguments:
            path = self.arguments["workspace"]
            return None if path is None else Workspace.open(path)
        paths: list[str] = list(self.arguments.get("paths") or [])
        out: Path | None = self.arguments.get("out")
        if len(paths) == 1 and paths[0] != "-" and Workspace.exists(Path(paths[0])):
            if out is not None and out.resolve() != Path(paths[0]).resolve():
                raise UsageError(f"{paths[0]} is a workspace, and --out names another", "omit --out")
            return Workspace(Path(paths[0]))
        known = out or Path("work")
        return Workspace(known) if (paths or out is not None) and Workspace.exists(known) else None

    @property
    def reads_source(self) -> bool:
        """Whether the arguments name a corpus or a table to read, not a workspace to continue."""
        paths: list[str] = list(self.arguments.get("paths") or [])
        if self.workspace is None:
            return True
        return bool(paths) and Path(paths[0]) != self.workspace.path

    @property
    def labels(self) -> Labels | None:
        """The labels to read a corpus with: those of --task, or those of the workspace."""
        task = self.settings(RawSettings).settings.task
        if task is None and self.workspace is not None:
            try:
                manifest = self.workspace.manifest("raw")
            except ArtifactError:  # a damaged manifest has no labels
                return None
            return None if manifest is None else manifest.settings.get("labels")
        return LABELS_OF.get(task)

    def settings(self, kind: type[S]) -> Resolved[S]:
        """Settings of a class: flag > environment > --config > --recipe > workspace > default.

        A variable or file setting whose name a section of this command also has (`steps`) applies to that section.
        """
        if kind not in self._resolved:
            self._resolved[kind] = self._resolve(kind, self._recorded(kind))
        return self._resolved[kind]

    def forget(self) -> None:
        """Resolve settings again: what the workspace had recorded was of another corpus or table."""
        self._resolved.clear()

    def _recorded(self, kind: type[Any]) -> dict[str, Any]:
        """The recorded settings of a section; the words of a tagged corpus count as prepared."""
        section = SECTION_OF[kind]
        if section not in (*TEXT_SECTIONS, *TABLE_SECTIONS) or not {"paths", "workspace"} & self.arguments.keys():
            return {}
        recorded = {} if self.workspace is None else self.workspace.recorded(section)
        return recorded | ({"prepared": True} if kind is CleanSettings and self.labels == "token" else {})

    def _resolve(self, kind: type[S], recorded: dict[str, Any]) -> Resolved[S]:
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

    def _read_recipe(self) -> dict[str, dict[str, Any]]:
        sources = (self.flags.get("recipe"), self.environment.get("RNNLM_RECIPE"),
                   self._file.get("train", {}).get("recipe"))  # fmt: skip
        name = next((each for each in sources if each is not None), None)
        return {} if name is None else read_recipe(str(name)).settings

    def check_all(self) -> None:
        """Raise UsageError for any invalid flag, variable or file, before a path is opened."""
        for section in self.sections:
            self.settings(SECTIONS[section])
        for old in (*RENAMED, *GONE):
            if f"RNNLM_{old.upper()}" in self.environment:
                new = f"set RNNLM_{RENAMED[old].upper()}" if old in RENAMED else "unset it"
                raise UsageError(f"there is no RNNLM_{old.upper()} any more", new)
