"""Everything a run needs to go on, as a directory a checkpoint; the newest two are kept.

A checkpoint is written whole, read back and verified before an older one goes.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rnnlm.arrays import read_tensors, write_tensors
from rnnlm.artifacts import changed_outputs, read_json, read_manifest, rebuilt, seal, write_json
from rnnlm.errors import ArtifactError

_FORMAT, _VERSION = "rnnlm checkpoint", 1
_KEPT = 2
_REMEDY = "delete it, or train again with --force"


@dataclass(frozen=True)
class Checkpoint:
    """`tensors` by name and `state` as JSON after `step` steps."""

    step: int
    tensors: Mapping[str, NDArray[Any]]
    state: Mapping[str, Any]


def write_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write, verify, then drop all but the newest two."""
    target = directory / f"step-{checkpoint.step:012}"
    with rebuilt(target) as fresh:
        write_tensors(fresh / "state.safetensors", checkpoint.tensors)
        write_json(fresh / "state.json", {"step": checkpoint.step, **checkpoint.state})
        seal(fresh, _FORMAT, _VERSION, settings={}, inputs={}, report={}, names=["state.safetensors", "state.json"])
    _read(target)
    for old in _found(directory)[:-_KEPT]:
        shutil.rmtree(old)


def newest_checkpoint(directory: Path, notice: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None; a damaged one is named and the one before it used."""
    for path in reversed(_found(directory)):
        try:
            return _read(path)
        except ArtifactError as error:
            notice(f"{error.message}; the checkpoint before it is used")
    return None


def _found(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob("step-*") if path.is_dir())


def _read(path: Path) -> Checkpoint:
    manifest = read_manifest(path, _FORMAT, _VERSION, remedy=_REMEDY)
    if manifest is None or changed_outputs(path, manifest):
        raise ArtifactError(f"{path} is damaged", _REMEDY)
    state = read_json(path / "state.json", remedy=_REMEDY)
    return Checkpoint(int(state.pop("step")), read_tensors(path / "state.safetensors", remedy=_REMEDY), state)
