"""`rnnlm train` on several processes that torchrun started: rank 0 trains, the others follow it."""

import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import Request
from rnnlm.app.train.data import open_data
from rnnlm.app.train.describe import base_of
from rnnlm.errors import ArtifactError, InputError, UsageError, exit_code_of
from rnnlm.launched import launched
from rnnlm.model.architecture import Architecture
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.network import Network
from rnnlm.screen import Screen
from rnnlm.training.following import Followed, follow
from rnnlm.training.ranks import EndedError, Ranks
from rnnlm.training.settings import SettledSettings, TrainSettings
from rnnlm.workspace import Workspace


def together(request: Request, screen: Screen, train: Callable[[], Path]) -> Path:
    """The directory of the model that `train` returns, called here, or on rank 0 with this process following it.

    Raises UsageError for what several processes cannot do, LostError or EndedError if another of them ends.
    """
    launch = launched()
    if launch is None or launch.size == 1:
        return train()
    if choose_device(request.run.device) != "cpu":
        raise UsageError("several processes on a GPU", "use --device cpu, or one process")
    ranks = Ranks(launch)
    try:
        return _followed(request, screen, ranks) if ranks.rank else _led(request, ranks, train)
    finally:
        ranks.leave()


def _led(request: Request, ranks: Ranks, train: Callable[[], Path]) -> Path:
    """Train, then let the others end."""
    request.ranks = ranks
    code, model = 1, Path()
    try:
        model, code = train(), 0
        return model
    except BaseException as error:
        code = exit_code_of(error)
        ranks.failed(code)
        raise
    finally:
        if ranks.between:
            ranks.end(code, str(model))


def _followed(request: Request, screen: Screen, ranks: Ranks) -> Path:
    """Follow rank 0; the model that it has trained."""
    set_threads(request.run.threads, ranks.local)
    try:
        with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
            code, model = follow(ranks, functools.partial(_opened, request, screen, ranks.rank, Path(directory)))
    except Exception as error:
        ranks.failed(exit_code_of(error))
        raise
    if code:
        raise EndedError(code)
    return Path(model)


def _opened(request: Request, screen: Screen, rank: int, text: Path, described: Mapping[str, Any]) -> Followed:
    """What rank 0 describes, with the data as this process reads them; `text` is a directory for temporary ids."""
    path = Path(described["workspace"])
    shared = "keep the workspace on a file system that all machines share"
    if not Workspace.exists(path):
        raise InputError(f"there is no workspace {path.resolve()} where rank {rank} runs", shared)
    request.workspace = Workspace(path)  # which rank 0 may have just made
    request.forget()
    pipeline, settings = Pipeline(request.workspace, request, screen), SettledSettings(**described["settings"])
    data = open_data(pipeline, settings, base_of(pipeline, pipeline.settings(TrainSettings)), text)
    if dict(data.inputs) != described["inputs"]:
        raise ArtifactError(f"rank {rank} reads other data than rank 0", shared)
    network = Network(Architecture.of(described["architecture"]), torch.Generator()).use_engine(settings.engine)
    return Followed(network, data.objective(settings, described["validated"]), settings)
