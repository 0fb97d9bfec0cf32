"""Finds the model that a command is to use: a sealed directory, or one of a workspace's; and loads its network."""

from dataclasses import dataclass
from pathlib import Path

from rnnlm.cli.options import Invocation
from rnnlm.errors import ArtifactError, InputError, UsageError
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.loading import load_model, load_network
from rnnlm.model.network import Network
from rnnlm.model.sealed import Sealed, is_sealed, read_sealed
from rnnlm.workspace import Workspace


@dataclass(frozen=True)
class Found:
    """A sealed model, and the workspace that it was asked for through, if any."""

    model: Sealed
    workspace: Workspace | None


def open_model(invocation: Invocation) -> tuple[Found, Network]:
    """The model that the arguments name and its network, on the device and with the threads asked for."""
    found = find_model(invocation)
    return found, network_of(invocation, found)


def open_language_model(invocation: Invocation) -> tuple[Found, LanguageModel]:
    """The language model that the arguments name, a network or an n-gram model.

    Raises UsageError for a model of another task.
    """
    found = find_model(invocation)
    return found, language_model_of(invocation, found)


def network_of(invocation: Invocation, found: Found) -> Network:
    """The network of a model; UsageError for an n-gram model, which has none."""
    set_threads(invocation.run.threads)
    return load_network(found.model, choose_device(invocation.run.device))


def language_model_of(invocation: Invocation, found: Found) -> LanguageModel:
    """A language model of either kind; UsageError for a model of another task."""
    if found.model.task != "language":
        does = "forecasts" if found.model.task == "forecast" else "labels"
        raise UsageError(
            f"{found.model.path} {does}; it is no language model", f"use: rnnlm predict {found.model.path}"
        )
    set_threads(invocation.run.threads)
    return load_model(found.model, choose_device(invocation.run.device))


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
        name = _latest(latest)
    directory = path / "models" / name
    if "/" in name or not is_sealed(directory):
        sealed = sorted(each.name for each in (path / "models").glob("*") if is_sealed(each))
        there = f"there are: {', '.join(sealed)}" if sealed else train
        if (directory / "run.json").is_file():
            there = f"its training is not finished; go on with: rnnlm train {path} --name {name} --resume"
        raise InputError(f"{path} has no sealed model {name!r}", there)
    return read_sealed(directory)


def _latest(path: Path) -> str:
    """The model that `models/LATEST` names; ArtifactError where it does not name one of those beside it."""
    name = path.read_text("utf-8", "replace")
    sealed = sorted(each.name for each in path.parent.glob("[!.]*") if is_sealed(each))
    if name.removesuffix("\n") not in sealed or not name.endswith("\n"):
        there = f"; there are: {', '.join(sealed)}" if sealed else ""
        raise ArtifactError(f"{path} names {name.strip()!r}, which is no sealed model here", f"use --model NAME{there}")
    return name.removesuffix("\n")
