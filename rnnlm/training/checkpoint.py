"""Checkpoints: everything needed to continue a run, one directory each; the newest two are kept, and the best weights.

A checkpoint is written, read back and verified before an older one is deleted. New best weights are written as a model
that can be used as is; they are kept as long as a checkpoint refers to them.
"""

import shutil
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.arrays import Tensors, read_tensors, write_tensors
from rnnlm.artifacts import Manifest, changed_outputs, read_json, read_manifest, seal, write_json
from rnnlm.directories import rebuilt, recover
from rnnlm.errors import ArtifactError, StorageError
from rnnlm.model.sealed import FORMAT, VERSION, WEIGHTS, seal_model
from rnnlm.training.identity import Identity, write_rules

_FORMAT, _VERSION = "rnnlm checkpoint", 2
_TENSORS, _STATE = "state.safetensors", "state.json"
_REMEDY = "delete it, or train again with --force"


@dataclass(frozen=True)
class Good:
    """The weights to go back to: the best by validation so far. `report` has their metric."""

    step: int
    weights: Tensors
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """`tensors` by name and `state` as JSON after `step` steps; `machine` wrote it."""

    step: int
    tensors: Tensors
    state: Mapping[str, Any]
    good: Good
    machine: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one run, in one directory."""

    def __init__(self, directory: Path, run: Identity) -> None:
        self._directory, self._run = directory, run
        # What this process has read or written and so knows to be intact: directory names of the newest two with
        # their good weights, and the identities of good weights.
        self._whole: list[tuple[str, str]] = []
        self._good: dict[str, str] = {}

    def write(self, step: int, tensors: Tensors, state: Mapping[str, Any], good: Good) -> None:
        """Write a checkpoint and new good weights; then delete what is no longer needed.

        StorageError if reading back gives other bytes.
        """
        best = self.write_good(good)
        content = {"step": step, "best": best.name, "best_sha256": self._good[best.name], "state": dict(state)}
        path = self._directory / f"step-{step:012}"
        with rebuilt(path) as fresh:
            meant = {_TENSORS: write_tensors(fresh / _TENSORS, tensors), _STATE: write_json(fresh / _STATE, content)}
            manifest = seal(
                fresh, _FORMAT, _VERSION, settings=self._run.settings, inputs=self._inputs(),
                report={"machine": dict(self._run.machine)}, names=list(meant),
            )  # fmt: skip
            _compare(manifest, meant, path)
        self._whole = [*self._whole, (path.name, best.name)][-2:]
        needed = {name for pair in self._whole for name in pair}
        for other in self._directory.iterdir():
            if other.name not in needed:
                shutil.rmtree(other, ignore_errors=True)
        self._good = {name: identity for name, identity in self._good.items() if name in needed}

    def write_good(self, good: Good) -> Path:
        """Write good weights as a sealed model, unless they exist; returns its directory."""
        path = self._directory / f"best-{good.step:012}"
        if path.name in self._good:
            return path
        with rebuilt(path) as fresh:
            meant = {WEIGHTS: write_tensors(fresh / WEIGHTS, good.weights)}
            meant |= write_rules(fresh, self._run)
            report = {"steps": good.step, **good.report}
            manifest = seal_model(fresh, settings=self._run.settings, inputs=self._run.read, report=report)
            _compare(manifest, meant, path)
        self._good[path.name] = manifest.identity
        return path

    def newest(self, notice: Callable[[str], None]) -> Checkpoint | None:
        """The newest intact checkpoint, or None before the first.

        A damaged one is reported and the previous one used; ArtifactError if there is none.
        """
        for path in self._directory.glob(".*.old"):
            recover(path.with_name(path.name.removeprefix(".").removesuffix(".old")))
        found = sorted(path for path in self._directory.glob("step-*") if path.is_dir())
        for path in reversed(found):
            try:
                return self._read(path)
            except ArtifactError as error:
                if path == found[0]:
                    raise
                notice(f"{error.message}; the checkpoint before it is used")
        return None

    def _read(self, path: Path) -> Checkpoint:
        manifest = read_manifest(path, _FORMAT, _VERSION, remedy=_REMEDY)
        if manifest is None:
            raise ArtifactError(f"{path} is damaged: it has no manifest", _REMEDY)
        _refuse_changed(path, manifest, {_TENSORS, _STATE})
        if dict(manifest.inputs) != self._inputs():
            raise ArtifactError(f"{path} is of another run", _REMEDY)
        content = read_json(path / _STATE, remedy=_REMEDY)
        try:
            step, best, identity = int(content["step"]), str(content["best"]), str(content["best_sha256"])
            state, machine = dict(content["state"]), dict(manifest.report["machine"])
            good_step = int(best.removeprefix("best-"))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ArtifactError(f"{path / _STATE} is damaged", _REMEDY) from None
        good = self._read_good(self._directory / f"best-{good_step:012}", good_step, identity)
        tensors = read_tensors(path / _TENSORS, remedy=_REMEDY)
        self._whole, self._good = [(path.name, best)], {best: identity}
        return Checkpoint(step, tensors, state, good, machine)

    def _read_good(self, path: Path, step: int, identity: str) -> Good:
        manifest = read_manifest(path, FORMAT, VERSION, remedy=_REMEDY)
        if manifest is None:
            raise ArtifactError(f"{path} is damaged: it has no manifest", _REMEDY)
        _refuse_changed(path, manifest, {WEIGHTS})
        if manifest.identity != identity:
            raise ArtifactError(f"{path} is not what the checkpoint names", _REMEDY)
        report = {name: value for name, value in manifest.report.items() if name != "steps"}
        return Good(step, read_tensors(path / WEIGHTS, remedy=_REMEDY), report)

    def _inputs(self) -> dict[str, str]:
        """What identifies a run: its data, and the digest of all that determines it."""
        return {**self._run.read, "run": self._run.sha256}


def _refuse_changed(path: Path, manifest: Manifest, names: Set[str]) -> None:
    """ArtifactError if a file is missing or differs from the manifest, or `names` are not in the manifest."""
    changed = changed_outputs(path, manifest) or sorted(names - set(manifest.outputs))
    if changed:
        raise ArtifactError(f"{path} is damaged: {changed[0]}", _REMEDY)


def _compare(manifest: Manifest, meant: Mapping[str, str], directory: Path) -> None:
    """StorageError if a file, as read back, is not what was written."""
    for name, digest in meant.items():
        if manifest.outputs[name] != digest:
            raise StorageError(
                f"{directory / name} is not what was written", "check the disk, then continue with --resume"
            )
