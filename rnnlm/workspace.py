"""A workspace: each stage's artifact, and whether it still follows from its inputs.

What a stage does is not known here: `build` takes a function that fills a directory. An artifact is current when its
settings, the identities of its inputs and its bytes are what its manifest says; modification times are not read.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rnnlm.artifacts import (
    MANIFEST,
    UNVERIFIED_JSON,
    Manifest,
    changed_outputs,
    is_as_written,
    read_json,
    read_manifest,
    seal,
    storage_error,
    with_digest,
    write_json,
)
from rnnlm.directories import check_space, rebuilt, recover, size_of, standing, unreplaced
from rnnlm.edits import check_labels, check_lines, check_text
from rnnlm.errors import ArtifactError, InputError, UsageError
from rnnlm.graph import SOURCES, STAGES, later_stages
from rnnlm.locks import locked, tidy
from rnnlm.renamed import renamed

StageState = Literal["missing", "current", "stale", "changed", "damaged"]
Builder = Callable[[Path], Mapping[str, Any]]

DESCRIPTION = "workspace.json"
_LOCK = ".lock"
_FORMAT, _VERSION = "rnnlm workspace", 1


@dataclass(frozen=True)
class Built:
    """What `Workspace.build` did: a fresh artifact or the existing one, and the later stages that are now stale."""

    manifest: Manifest
    fresh: bool
    stale: tuple[str, ...]


def _description(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What `workspace.json` holds, the digest of the rest last."""
    return with_digest({"format": _FORMAT, "version": _VERSION, "settings": dict(settings)})


class Workspace:
    """A directory with a `workspace.json` and a subdirectory for each stage."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._settings = self._read()
        self._states: dict[str, StageState] = {}  # what `state` found, until something is written
        self._verified: dict[str, Manifest] = {}  # what this command relies on, until it holds the lock again
        # Each manifest as read, valid while its file is the same, and its files that were found changed.
        self._manifests: dict[str, tuple[tuple[int, ...], Manifest]] = {}
        self._changed: dict[str, tuple[Manifest, list[str]]] = {}

    def _read(self) -> dict[str, dict[str, Any]]:
        """The settings that `workspace.json` holds; ArtifactError where it is damaged."""
        remedy = "it holds the workspace's settings; restore it or start again"
        content = read_json(self.path / DESCRIPTION, remedy=remedy, most=UNVERIFIED_JSON)
        if content.get("format") != _FORMAT or not isinstance(content.get("settings"), dict):
            raise ArtifactError(
                f"{self.path / DESCRIPTION} is not a workspace's description", "start again in another --out"
            )
        if content.get("version") != _VERSION:
            raise ArtifactError(
                f"{self.path / DESCRIPTION} has version {content.get('version')!r}, this program reads {_VERSION}",
                "use the program that wrote it, or start again in another --out",
            )
        if not is_as_written(self.path / DESCRIPTION, content):
            raise ArtifactError(
                f"{self.path / DESCRIPTION} has changed since it was written",
                "restore it, or start again in another --out",
            )
        settings: dict[str, dict[str, Any]] = content["settings"]
        return settings

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether `path` is a workspace; any other directory is a corpus."""
        return (path / DESCRIPTION).is_file()

    @classmethod
    def open(cls, path: Path) -> "Workspace":
        """The workspace at `path`; InputError where there is none."""
        if not cls.exists(path):
            if path.exists() and not path.is_dir():
                raise InputError(f"{path} is no workspace and no model", f"see what it is: rnnlm look {path}")
            why = " (no workspace.json)" if path.exists() else ""
            raise InputError(
                f"{path}: there is no workspace here{why}", f"make one with: rnnlm train CORPUS --out {path}"
            )
        return cls(path)

    @classmethod
    @contextlib.contextmanager
    def claimed(cls, path: Path, *, force: bool) -> Iterator["Workspace"]:
        """The workspace at `path`, created where there is none, and locked for the block.

        If the block fails, a directory that was created here and that no other process has used is removed.
        Raises UsageError for a directory that holds something else, unless `force`, and for one that is locked.
        """
        if not cls.exists(path):
            _refuse_foreign(path, force=force)
        made = _make_directories(path)
        with locked(path / _LOCK, _busy(path)):
            mine = path in made and not cls.exists(path)  # else another process came first, and may have worked in it
            try:
                if not cls.exists(path):
                    _refuse_foreign(path, force=force)
                    write_json(path / DESCRIPTION, _description({}))
                workspace = cls(path)
                workspace._prepare()
                yield workspace
            except BaseException:
                if mine:
                    shutil.rmtree(path, ignore_errors=True)
                    for above in reversed(made[:-1]):
                        with contextlib.suppress(OSError):
                            above.rmdir()  # unless something is in it by now
                raise

    def forget(self) -> None:
        """Forget the settings that were recorded for another corpus; the next `record` writes that."""
        self._settings = {}

    def drop(self, *, keep: Iterable[str]) -> None:
        """Remove every stage's artifact but those of `keep`; models stay."""
        for stage in set(STAGES) - set(keep):
            shutil.rmtree(self.path / stage, ignore_errors=True)
        self._states, self._verified = {}, {}

    def recorded(self, section: str) -> dict[str, Any]:
        """The settings of a stage that earlier runs were given."""
        value = self._settings.get(section, {})
        return renamed(value) if isinstance(value, dict) else {}

    def record(self, sections: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember the settings that a run was given, for the next one."""
        merged = {**self._settings, **{name: dict(values) for name, values in sections.items()}}
        merged = {name: values for name, values in merged.items() if values}
        path = self.path / DESCRIPTION
        if merged != self._settings or not path.exists() or not merged:
            self._settings = merged
            write_json(path, _description(merged))

    def directory(self, stage: str) -> Path:
        """Where a stage's artifact is, or would be."""
        return standing(self.path / stage)

    def holds(self, path: Path) -> bool:
        """Whether a file is part of a stage's artifact, which a rebuild would replace."""
        return any((self.path / stage).resolve() in path.resolve().parents for stage in STAGES)

    def manifest(self, stage: str) -> Manifest | None:
        """A stage's manifest, or None before its first run; ArtifactError when it is damaged."""
        directory = self.directory(stage)
        file = _identity_of(directory / MANIFEST)
        known = self._manifests.get(stage)
        if known is not None and known[0] == file:
            return known[1]
        remedy = f"rebuild it: {self.rebuild(stage)}"
        manifest = read_manifest(directory, f"rnnlm {stage}", STAGES[stage].version, remedy=remedy)
        if manifest is not None and file is not None:
            self._manifests[stage] = file, manifest
        return manifest

    def _changed_outputs(self, stage: str, manifest: Manifest) -> list[str]:
        """The files of an artifact that are not what its manifest says; each artifact is read for this once."""
        known = self._changed.get(stage)
        if known is None or known[0] is not manifest:
            self._changed[stage] = known = manifest, changed_outputs(self.directory(stage), manifest)
        return known[1]

    def rebuild(self, stage: str) -> str:
        """The command that rebuilds a stage."""
        words = f"{SOURCES[stage]} --out" if stage in SOURCES else stage
        return f"rnnlm {words} {self.path} --force"

    def inputs(self, stage: str) -> dict[str, str]:
        """The identities of what a stage reads; ArtifactError where an input is missing."""
        found = {}
        for name in STAGES[stage].inputs:
            manifest = self.manifest(name)
            if manifest is None:
                raise ArtifactError(f"{self.path} has no {name} stage", f"run: rnnlm {name} {self.path}")
            found[name] = manifest.identity
        return found

    def state(self, stage: str) -> StageState:
        """The state of a stage's artifact; `stale` when an input is no longer what it was made from."""
        if stage not in self._states:
            self._states[stage] = self._look(stage)
        return self._states[stage]

    def _look(self, stage: str) -> StageState:
        try:
            manifest = self.manifest(stage)
            if manifest is None:
                return "missing"
            if self._changed_outputs(stage, manifest):
                return "changed"
            if any(self.state(name) in ("stale", "missing") for name in STAGES[stage].inputs):
                return "stale"
            return "current" if dict(manifest.inputs) == self.inputs(stage) else "stale"
        except ArtifactError:
            return "damaged"

    def verified(self, stage: str) -> Manifest:
        """A stage's manifest after its files were checked against it.

        Raises ArtifactError when the stage has not run, or when a file is no longer what was written.
        """
        if stage not in self._verified:
            self._verified[stage] = self._verify(stage)
        return self._verified[stage]

    def _verify(self, stage: str) -> Manifest:
        manifest = self.manifest(stage)
        if manifest is None:
            raise ArtifactError(f"{self.path} has no {stage} stage", f"run: rnnlm {stage} {self.path}")
        changed = self._changed_outputs(stage, manifest)
        if changed:
            raise ArtifactError(
                f"{self.directory(stage) / changed[0]} has changed since it was written",
                f"adopt the change with: rnnlm status {self.path} --accept, or rebuild it: {self.rebuild(stage)}",
            )
        return manifest

    def build(self, stage: str, settings: Mapping[str, Any], builder: Builder, *, force: bool = False) -> Built:
        """Run a stage unless its settings, inputs and bytes are unchanged.

        `builder` fills the directory that it is given and returns the stage's report. The old artifact stays until
        the new one is complete. Raises UsageError for a second source.
        """
        other = next((name for name in SOURCES if name != stage and self.directory(name).exists()), None)
        if stage in SOURCES and other is not None:
            raise UsageError(
                f"{self.path} is a workspace of something else: it holds {STAGES[other].shows}",
                "name another directory with --out",
            )
        inputs = self.inputs(stage)
        if not force:
            manifest = self.manifest(stage)
            if manifest is not None and dict(manifest.settings) == dict(settings) and dict(manifest.inputs) == inputs:
                return Built(self.verified(stage), False, ())
        elif self.directory(stage).exists():
            check_space(self.path, size_of(self.directory(stage)), f"another {self.directory(stage)}")
        before = {name: self.state(name) for name in later_stages(stage)}
        with rebuilt(self.path / stage) as fresh:
            report = builder(fresh)
            names = [entry.name for entry in fresh.iterdir()]
            manifest = seal(
                fresh, f"rnnlm {stage}", STAGES[stage].version, settings=settings, inputs=inputs, report=report,
                names=names,
            )  # fmt: skip
        manifest = self.manifest(stage) or manifest
        self._states, self._verified[stage], self._changed[stage] = {}, manifest, (manifest, [])
        now_stale = tuple(name for name, was in before.items() if was == "current" and self.state(name) == "stale")
        return Built(manifest, True, now_stale)

    def accept(self) -> dict[str, list[str]]:
        """Adopt files that were edited by hand: {stage: names}. Later stages are stale from then on.

        Raises ArtifactError for a file that is gone, or that is not text a person may edit.
        """
        adopted: dict[str, list[str]] = {}
        for stage in STAGES:
            manifest = self.manifest(stage)
            changed = self._changed_outputs(stage, manifest) if manifest else []
            if manifest is None or not changed:
                continue
            for name in changed:
                path = self.directory(stage) / name
                if not path.is_file() or stage not in ("raw", "clean", "tokenize") or path.suffix != ".txt":
                    raise ArtifactError(f"{path} cannot be adopted", f"rebuild it with: {self.rebuild(stage)}")
                words = manifest.settings.get("kind") in ("word", "whitespace") or stage == "clean"
                check_text(path, no_specials=words and stage != "raw")
                if stage != "raw":
                    check_lines(path, self.directory("clean") / f"{path.stem}.lines.npy")
            if stage == "raw" and manifest.settings.get("labels"):
                for split in sorted({name.split(".")[0] for name in changed}):
                    check_labels(self.directory(stage), split, per_token=manifest.settings["labels"] == "token")
            seal(
                self.directory(stage), manifest.format, manifest.version, settings=manifest.settings,
                inputs=manifest.inputs, report=manifest.report, names=list(manifest.outputs),
            )  # fmt: skip
            adopted[stage] = changed
            self._states, self._verified = {}, {}
        return adopted

    @contextlib.contextmanager
    def opening(self, *stages: str) -> Iterator[Path]:
        """Open files of checked artifacts in the block; the directory of the first of them.

        Raises ArtifactError where a stage is missing or changed, or another process has replaced it since this command
        first relied on it.
        """
        with contextlib.ExitStack() as stack:
            for stage in stages:
                stack.enter_context(unreplaced(self.directory(stage), self.verified(stage)))
            yield self.directory(stages[0])

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second run out; the lock of a process that died does not block.

        Settings that another run recorded are read again, and what a run that died left behind is cleaned up.
        """
        with locked(self.path / _LOCK, _busy(self.path)):
            self._settings = self._read()
            self._prepare()
            yield

    def _prepare(self) -> None:
        """Clean up what a process that died left behind; the lock is held."""
        self._states, self._verified = {}, {}
        for stage in STAGES:
            recover(self.path / stage)
        for directory in (self.path, self.path / "models"):
            tidy(directory)


def _identity_of(path: Path) -> tuple[int, ...] | None:
    """What distinguishes a file from its replacement; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _busy(path: Path) -> str:
    return f"another rnnlm is using {path}"


def _make_directories(path: Path) -> list[Path]:
    """Create a directory and those above it; the ones that this process created.

    Raises StorageError.
    """
    made = []
    for each in (*reversed([above for above in path.parents if not above.exists()]), path):
        try:
            each.mkdir()
            made.append(each)
        except OSError as error:
            if not each.is_dir():
                raise storage_error(error, path) from None
    return made


def _refuse_foreign(path: Path, *, force: bool) -> None:
    """UsageError for a path that holds something other than a workspace."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"--out {path} is a file", "name a new directory, or a workspace")
    foreign = next((path / name for name in STAGES if (path / name).exists()), None)
    if foreign is not None and not (foreign / MANIFEST).exists():
        raise UsageError(f"{foreign} is not of rnnlm's making and would be replaced", "name another --out")
    if path.is_dir() and any(not entry.name.startswith(".") for entry in path.iterdir()) and not force:
        raise UsageError(f"--out {path} is a directory with other things in it", "name a new one, or use --force")
