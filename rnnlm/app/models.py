"""Finds the model for a command, a sealed directory or one of a workspace, and loads its network."""

from collections.abc import Callable
from pathlib import Path

from rnnlm.app.request import Request
from rnnlm.errors import UsageError
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.finding import FoundModel, check_language, find_sealed
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.loading import load_model, load_network
from rnnlm.model.network import Network
from rnnlm.model.sealed import Sealed
from rnnlm.use.settings import ModelSettings


def open_model(request: Request) -> tuple[FoundModel, Network]:
    """The model that the arguments name and its network, on the requested device and with the requested threads."""
    found = find_model(request)
    return found, network_of(request, found)


def open_language_model(request: Request) -> tuple[FoundModel, LanguageModel]:
    """The language model that the arguments name, a network or an n-gram model.

    Raises UsageError for a model of another task.
    """
    found = find_model(request)
    return found, language_model_of(request, found)


def network_of(request: Request, found: FoundModel) -> Network:
    """The network of a model; UsageError for an n-gram model, which has none."""
    set_threads(request.run.threads)
    return load_network(found.model, choose_device(request.run.device))


def language_model_of(request: Request, found: FoundModel) -> LanguageModel:
    """A language model of either kind; UsageError for a model of another task."""
    check_language(found.model)
    set_threads(request.run.threads)
    drawn = request.command in ("generate", "chat", "next")
    return load_model(found.model, choose_device(request.run.device, token_by_token=drawn))


def load_language_model(request: Request) -> Callable[[Sealed], LanguageModel]:
    """The same for any sealed model, for commands that need several."""
    return lambda sealed: language_model_of(request, FoundModel(sealed, None))


def find_model(request: Request) -> FoundModel:
    """The model at `path` (workspace or sealed directory), `--model NAME` or the last one sealed.

    Raises InputError, with the command that trains one, where there is none.
    """
    return find_sealed(Path(request.arguments["path"]), request.settings(ModelSettings).settings.model)


def find_models(request: Request) -> list[FoundModel]:
    """The models that `--model` names with commas between them, found in the same way; UsageError for one twice."""
    given = request.settings(ModelSettings).settings.model
    names = [None] if given is None else [name.strip() for name in given.split(",")]
    if len(set(names)) < len(names) or "" in names:
        raise UsageError(f"--model {given} names a model twice, or none", "name each once, with commas between them")
    return [find_sealed(Path(request.arguments["path"]), name) for name in names]
