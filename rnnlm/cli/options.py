"""Settings as command-line options: a command names the sections it takes, and gets what was typed.

Every option's default is None, so that a flag that was typed can be told from one that was not; help and defaults
are read from the settings themselves.
"""

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, get_type_hints

import typer

from rnnlm.builtin.recipes import read_recipe
from rnnlm.builtin.settings import CorpusSettings
from rnnlm.config import Resolved, optional_type, outer_name, read_settings_file, resolve, setting
from rnnlm.corpus.series_settings import WindowSettings
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
from rnnlm.training.lag_settings import LagSettings
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


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """What every command takes; part of no digest."""

    device: Literal["cpu", "cuda", "mps", "auto"] = setting("auto", "where tensors live", record=False)
    threads: int | None = setting(None, "processor threads", lambda n: None if n > 0 else "must be 1 or more",
                                  auto="all cores", record=False)  # fmt: skip
    json: bool = setting(False, "one JSON object on standard output", record=False)
    quiet: bool = setting(False, "no notices on standard error", record=False)
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
PANELS = {"run": "Common", "raw": "Reading", "look": "Looking"}
READERS = {
    "raw",
    "evaluate",
    "compare",
    "score",
    "rescore",
    "generate",
    "predict",
}  # sections of commands that read texts
POSITIVE_ONLY = {("run", "json"), ("run", "quiet"), ("run", "debug"), ("run", "force"), ("train", "resume"),
                 ("train", "plan"), ("window", "write"), ("generate", "unknown"), ("generate", "novelty"),
                 ("generate", "interactive"),
                 ("evaluate", "baseline"), ("evaluate", "ladder"), ("evaluate", "slices"),
                 ("predict", "all"), ("look", "summary"), ("score", "ids"),
                 ("rescore", "tune")}  # fmt: skip


@dataclasses.dataclass
class Invocation:
    """What was typed: the command, its arguments, and the flags by name (None where not given)."""

    command: str
    arguments: dict[str, Any]
    flags: dict[str, Any]
    sections: tuple[str, ...]
    config: Path | None = None

    def __post_init__(self) -> None:
        self._file = read_settings_file(self.config, SECTIONS) if self.config else {}
        self._recipe: dict[str, dict[str, Any]] = {}
        if "train" in self.sections:
            name = self.settings("train").settings.recipe
            self._recipe = read_recipe(name).settings if name is not None else {}
        self.run: RunSettings = self.settings("run").settings

    def settings(self, section: str, recorded: dict[str, Any] | None = None) -> Resolved[Any]:
        """A section's settings: flag > environment > --config > --recipe > workspace > default.

        A variable or a file's setting whose name a section of this command has too (`steps`) is meant for that one.
        """
        if section in self.sections:
            return resolve(
                SECTIONS[section],
                flags=self.flags,
                file=self._file.get(section),
                recipe=self._recipe.get(section),
                recorded=recorded,
            )
        taken = {field.name for name in self.sections for field in dataclasses.fields(SECTIONS[name])}
        file = {name: value for name, value in self._file.get(section, {}).items() if name not in taken}
        variables = {f"RNNLM_{outer_name(name).upper()}" for name in taken}
        environment = {name: value for name, value in os.environ.items() if name not in variables}
        return resolve(SECTIONS[section], file=file, recorded=recorded, environment=environment)

    def check_all(self) -> None:
        """Raise UsageError for any flag, variable or file that cannot be, before a path is opened."""
        for section in self.sections:
            self.settings(section)
        for old, new in RENAMED.items():
            if f"RNNLM_{old.upper()}" in os.environ:
                raise UsageError(f"RNNLM_{old.upper()} has another name now", f"set RNNLM_{new.upper()}")


def flag_name(name: str) -> str:
    """`batch_size` → `--batch-size`; `from_`, a Python keyword, → `--from`; `k` → `-k`."""
    return ("-" if len(name) == 1 else "--") + outer_name(name).replace("_", "-")


def _option(section: str, field: dataclasses.Field[Any], annotation: Any) -> inspect.Parameter:
    kind, _ = optional_type(annotation)
    default = field.default
    if default is None:
        shown = field.metadata["auto"]
    elif kind is bool:
        shown = "" if (section, field.name) in POSITIVE_ONLY else ("on" if default else "off")
    else:
        shown = str(default)
    text = field.metadata["help"] + (f" (default: {shown})" if shown else "")
    flag = flag_name(field.name)
    names = [flag]
    if kind is bool and (section, field.name) not in POSITIVE_ONLY:
        names = [f"{flag}/--no-{flag[2:]}"]
    panel = PANELS.get(section, section.capitalize())
    option = typer.Option(*names, help=text, show_default=False, rich_help_panel=panel)
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[Optional[kind], option],  # noqa: UP045
    )


OUT = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", help="the workspace directory (default: work)", show_default=False),
]
CONFIG = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--config", help="a TOML file of settings", show_default=False, rich_help_panel="Common"),
]
PATHS = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(help="a workspace, or a corpus: text files, a directory, builtin:stories, -", show_default=False),
]
MODEL = Annotated[str, typer.Argument(help="a workspace, or a sealed model's directory", show_default=False)]
DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="say what would run, and stop")]


def command(*sections: str, arguments: dict[str, Any]) -> Callable[[Callable[[Invocation], None]], Callable[..., None]]:
    """Make a Typer command of a function that takes an `Invocation`.

    `sections` are the settings it takes as flags, `arguments` its own parameters as {name: (annotation, default)}.
    """
    sections = (*sections, *(["reading"] if READERS & set(sections) else []), "run")

    def decorate(body: Callable[[Invocation], None]) -> Callable[..., None]:
        parameters: dict[str, inspect.Parameter] = {
            name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in arguments.items()
        }
        for section in sections:
            hints = get_type_hints(SECTIONS[section])
            for field in dataclasses.fields(SECTIONS[section]):
                if field.name not in parameters:
                    parameters[field.name] = _option(section, field, hints[field.name])
        parameters["config"] = inspect.Parameter(
            "config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=CONFIG
        )

        @functools.wraps(body)
        def run(**values: Any) -> None:
            config = values.pop("config")
            typed = {name: values.pop(name) for name in arguments}
            invocation = Invocation(body.__name__.rstrip("_"), typed, values, sections, config)
            invocation.check_all()
            from rnnlm.cli.targets import check_targets

            check_targets(invocation)
            body(invocation)

        run.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
        run.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
        return run

    return decorate
