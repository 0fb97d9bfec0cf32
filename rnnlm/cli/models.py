"""Finds the model that a command is to use: a sealed directory, or one of a workspace's; and loads its network."""

from dataclasses import dataclass
from pathlib import Path

from rnnlm.cli.options import Invocation
from rnnlm.errors import InputError, UsageError
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.loading import load_model, load_network
from rnnlm.model.network import Network
from rnnlm.model.sealed import NgramShape, Sealed, is_sealed, read_sealed
from rnnlm.workspace import Workspace


@dataclass(frozen=True)
class Found:
    """A sealed model, and the workspace that it was asked for through, if any."""

    model: Sealed
    workspace: Workspace | None


def open_model(invocation: Invocation, task: str | None = None) -> tuple[Found, Network]:
    """The model that the arguments name and its network, on the device and with the threads asked for.

    Raises UsageError for a model of another `task`, where one is given.
    """
    found = find_model(invocation)
    if task is not None and found.model.task != task:
        does = "forecasts" if found.model.task == "forecast" else "labels"
        raise UsageError(
            f"{found.model.path} {does}; it is no language model", f"use: rnnlm predict {found.model.path}"
        )
    set_threads(invocation.run.threads)
    return found, load_network(found.model, choose_device(invocation.run.device))


def open_language_model(invocation: Invocation) -> tuple[Found, LanguageModel]:
    """The language model that the arguments name, a network or an n-gram model, ready to use.

    Raises UsageError for a model of another task.
    """
    found = find_model(invocation)
    if isinstance(found.model.built, NgramShape):
        set_threads(invocation.run.threads)
        return found, load_model(found.model)
    return open_model(invocation, "language")


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
    return Found(last_trained(workspace, name), workspace)


def last_trained(workspace: Workspace, name: str | None) -> Sealed:
    """The workspace's model `name`, or the last one sealed; InputError, with the command that trains one."""
    path = workspace.path
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
    return read_sealed(directory)
