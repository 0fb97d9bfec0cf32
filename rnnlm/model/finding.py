"""From a path to a sealed model: its directory, or a workspace that has some."""

from dataclasses import dataclass
from pathlib import Path

from rnnlm.directories import place_of, standing
from rnnlm.errors import ArtifactError, InputError, UsageError
from rnnlm.model.sealed import Sealed, is_sealed, read_sealed
from rnnlm.workspace import Workspace

_LONGEST_NAME = 257  # bytes, with the line end: the limit of file systems


@dataclass(frozen=True)
class FoundModel:
    """A sealed model, and the workspace in which it was found, if any."""

    model: Sealed
    workspace: Workspace | None


def find_sealed(path: Path, name: str | None) -> FoundModel:
    """The model at `path`: a sealed directory, or a workspace and its model `name`, by default the last one sealed.

    Raises InputError, with the command that trains one, if there is none; UsageError for `name` with a model's path.
    """
    if is_sealed(path):
        if name is not None:
            raise UsageError(f"--model with {path}, which is a model itself", "omit --model")
        return FoundModel(read_sealed(path), None)
    workspace = Workspace.open(path)
    return FoundModel(last_trained(workspace, name), workspace)


def last_trained(workspace: Workspace, name: str | None) -> Sealed:
    """The workspace's model `name`, or the last one sealed; InputError, with the command that trains one."""
    path = workspace.path
    train = f"train one with: rnnlm train {path}"
    if name is None:
        latest = path / "models" / "LATEST"
        if not latest.is_file():
            raise InputError(f"{path} has no trained model", train)
        name = _latest(latest)
    directory = path / "models" / name
    if "/" in name or not is_sealed(directory):
        sealed = sealed_names(path / "models")
        there = f"there are: {', '.join(sealed)}" if sealed else train
        if (standing(directory) / "run.json").is_file():
            there = f"its training is not finished; continue with: rnnlm train {path} --name {name} --resume"
        raise InputError(f"{path} has no sealed model {name!r}", there)
    return read_sealed(directory)


def _latest(path: Path) -> str:
    """The model that `models/LATEST` names; ArtifactError where it names no sealed model beside it."""
    with path.open("rb") as file:
        name = file.read(_LONGEST_NAME).decode("utf-8", "replace")
    sealed = sealed_names(path.parent)
    if name.removesuffix("\n") not in sealed or not name.endswith("\n"):
        there = f"; there are: {', '.join(sealed)}" if sealed else ""
        raise ArtifactError(f"{path} names {name.strip()!r}, not a sealed model here", f"use --model NAME{there}")
    return name.removesuffix("\n")


def sealed_names(models: Path) -> list[str]:
    """The names of a workspace's sealed models."""
    names = {place_of(path).name for path in models.glob("*")}
    return sorted(name for name in names if not name.startswith(".") and is_sealed(models / name))


def check_language(sealed: Sealed) -> None:
    """Raise UsageError for a model of another task than language."""
    if sealed.task != "language":
        does = "forecasts" if sealed.task == "forecast" else "labels"
        raise UsageError(f"{sealed.path} {does}; it is no language model", f"use: rnnlm predict {sealed.path}")
