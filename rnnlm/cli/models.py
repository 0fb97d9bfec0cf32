"""Finds the model that a command is to use: a sealed directory, or one of a workspace's."""

from dataclasses import dataclass
from pathlib import Path

from rnnlm.cli.options import Invocation
from rnnlm.errors import InputError, UsageError
from rnnlm.model.sealed import Sealed, is_sealed, read_sealed
from rnnlm.workspace import Workspace


@dataclass(frozen=True)
class Found:
    """A sealed model, and the workspace that it was asked for through, if any."""

    model: Sealed
    workspace: Workspace | None


def find_model(invocation: Invocation) -> Found:
    """The model at `path` (workspace or sealed directory), `--model NAME` or the last one sealed.

    Raises InputError, with the command that trains one, where there is none.
    """
    path = Path(invocation.arguments["path"])
    name: str | None = invocation.settings("model").settings.model
    if is_sealed(path):
        if name is not None:
            raise UsageError(f"--model with {path}, which is a model itself", "leave --model away")
        return Found(read_sealed(path), None)
    workspace = Workspace.open(path)
    train = f"train one with: rnnlm train {path}"
    if name is None:
        latest = path / "models" / "LATEST"
        if not latest.is_file():
            raise InputError(f"{path} has no trained model", train)
        name = latest.read_text("utf-8").strip()
    directory = path / "models" / name
    if "/" in name or not is_sealed(directory):
        sealed = sorted(each.name for each in (path / "models").glob("*") if is_sealed(each))
        there = f"there are: {', '.join(sealed)}" if sealed else train
        if (directory / "run.json").is_file():
            there = f"its training is not finished; go on with: rnnlm train {path} --name {name} --resume"
        raise InputError(f"{path} has no sealed model {name!r}", there)
    return Found(read_sealed(directory), workspace)
