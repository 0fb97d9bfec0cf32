"""A training run as a directory: found again when it is the same, resumed when it is unfinished, sealed when done."""

import itertools
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.arrays import write_tensors
from rnnlm.artifacts import (
    UNVERIFIED_JSON,
    is_as_written,
    read_json,
    rebuilt,
    sha256_bytes,
    with_digest,
    write_bytes,
    write_json,
)
from rnnlm.config import canonical
from rnnlm.errors import ArtifactError, UsageError
from rnnlm.model.sealed import CONFIG, TOKENIZER, WEIGHTS, is_sealed, seal_model
from rnnlm.training.progress import Outcome

RUN = "run.json"
LATEST = "LATEST"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Identity:
    """What makes two runs the same: settings, network and text rules, and the data."""

    settings: Mapping[str, Any]
    config: Mapping[str, Any]
    inputs: Mapping[str, str]

    @property
    def digest(self) -> str:
        """All of it as SHA-256."""
        parts = {"settings": dict(self.settings), "config": dict(self.config), "inputs": dict(self.inputs)}
        return sha256_bytes(canonical(parts))


@dataclass(frozen=True)
class Place:
    """Where a run lives: `state` is 'new', 'unfinished' or 'sealed'."""

    directory: Path
    state: str


def find_place(models: Path, cell: str, name: str | None, run: Identity, *, resume: bool, force: bool) -> Place:
    """The directory for a run.

    A sealed run of the same digest is found again; an unfinished one wants `resume`; otherwise an unnamed run takes
    the next free name. `force` starts anew in the place of the same run, or of the one named. Raises UsageError where
    a name is taken by another run, or what to go on with is unclear.
    """
    wanted = re.compile(re.escape(name) if name else rf"{re.escape(cell)}(-\d+)?")
    existing = sorted(path for path in models.glob("*") if path.is_dir() and wanted.fullmatch(path.name))
    same = [path for path in existing if _digest(path) == run.digest]
    if resume:
        return _resumed(models / (name or cell), same, run)
    if same and force:
        return Place(same[0], "new")
    if same and is_sealed(same[0]):
        return Place(same[0], "sealed")
    if same:
        raise UsageError(
            f"{same[0]} is an unfinished run with these settings",
            f"go on with: rnnlm train {models.parent} --name {same[0].name} --resume, or start anew with --force",
        )
    if name is None:
        taken = {path.name for path in existing}
        numbered = (f"{cell}-{n}" for n in itertools.count(2))
        free = next(each for each in itertools.chain([cell], numbered) if each not in taken)
        return Place(models / free, "new")
    if existing and not force:
        state = "a sealed model" if is_sealed(existing[0]) else "an unfinished run"
        raise UsageError(f"{existing[0]} is {state} with other settings", "choose another --name, or use --force")
    return Place(models / name, "new")


def _resumed(named: Path, same: list[Path], run: Identity) -> Place:
    """What `--resume` goes on with: an unfinished run of these settings, or the one that has the name."""
    unfinished = [path for path in same if not is_sealed(path)]
    if unfinished:
        return Place(unfinished[0], "unfinished")
    if is_sealed(named):
        return Place(named, "sealed")
    if named.exists():
        _begun(named)
        raise UsageError(
            f"{named} was begun with other settings or data{_differences(named, run)}",
            f"give the settings in {named / 'settings.toml'} with --config, or start anew with --force",
        )
    return Place(named, "new")


def _differences(directory: Path, run: Identity) -> str:
    """What a run was begun with that `run` has otherwise, as ' (hidden 24, now 32; the vocab stage)'."""
    try:
        begun = _begun(directory)
        settings, inputs = dict(begun["settings"]), dict(begun["inputs"])
    except (ArtifactError, KeyError, TypeError, ValueError):
        return ""
    changed = [f"{name} {settings.get(name)}, now {value}" for name, value in run.settings.items()
               if settings.get(name) != value]  # fmt: skip
    changed += [f"the data of {name}" for name, digest in run.inputs.items() if inputs.get(name) != digest]
    return f" ({'; '.join(changed[:5])})" if changed else ""


def begun_run(models: Path, digest: str) -> Path | None:
    """The directory of a run with this digest, if there is one."""
    found = sorted(path for path in models.glob("[!.]*") if path.is_dir() and _digest(path) == digest)
    return found[0] if found else None


def _begun(directory: Path) -> dict[str, Any]:
    """What a directory was begun for; ArtifactError where that is not there or was changed."""
    path = directory / RUN
    content = read_json(path, remedy="start anew with --force", most=UNVERIFIED_JSON)
    if not is_as_written(path, content):
        raise ArtifactError(f"{path} has changed since it was written", "start anew with --force")
    return content


def _digest(directory: Path) -> str | None:
    try:
        return str(_begun(directory).get("run_sha256"))
    except ArtifactError:
        return None


def begin(directory: Path, run: Identity, files: Mapping[str, bytes]) -> None:
    """A run directory that says what it is for, with its first `files`, in the place of any that was there."""
    with rebuilt(directory) as fresh:
        for name, content in files.items():
            write_bytes(fresh / name, content)
        begun = {"run_sha256": run.digest, "settings": dict(run.settings), "inputs": dict(run.inputs)}
        write_json(fresh / RUN, with_digest(begun))


def finish(
    directory: Path,
    outcome: Outcome,
    *,
    config: Mapping[str, Any],
    tokenizer: bytes | None,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    report: Mapping[str, Any],
) -> None:
    """Write the model's files, seal them, and only then point LATEST here and drop the checkpoints."""
    write_tensors(directory / WEIGHTS, outcome.tensors)
    if tokenizer is not None:
        write_bytes(directory / TOKENIZER, tokenizer)
    write_json(directory / CONFIG, dict(config))
    seal_model(directory, settings=settings, inputs=inputs, report=report)
    settle(directory)


def settle(directory: Path) -> None:
    """What is left to do for a sealed run; where it was cut short, its checkpoints are still there."""
    write_bytes(directory.parent / LATEST, f"{directory.name}\n".encode())
    shutil.rmtree(directory / CHECKPOINTS, ignore_errors=True)
