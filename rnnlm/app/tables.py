"""From a table to windows: a workspace to continue with, or a table to read into one."""

from pathlib import Path

from rnnlm.app.opening import existing_workspace
from rnnlm.app.request import Request
from rnnlm.app.screen import Screen
from rnnlm.app.stages import Pipeline
from rnnlm.app.window import read_into
from rnnlm.errors import InputError, UsageError
from rnnlm.workspace import Built, Workspace


def open_windows(request: Request, screen: Screen) -> tuple[Pipeline, Built]:
    """The windows that the arguments name, brought up to date.

    Raises UsageError for a clash of arguments, InputError for a table that is not there.
    """
    workspace = existing_workspace(request)
    if workspace is None:
        return _read_and_cut(request, screen)
    with workspace.lock():
        return _cut(workspace, request, screen)


def _read_and_cut(request: Request, screen: Screen) -> tuple[Pipeline, Built]:
    """Make a workspace of a table, or go on with the one there; a new one does not outlive a failure."""
    paths: list[str] = list(request.arguments.get("paths") or [])
    if len(paths) != 1:
        raise InputError("no table given" if not paths else f"{len(paths)} tables given", "name one file or directory")
    path, out = Path(paths[0]), request.arguments.get("out") or Path("work")
    if not path.exists():
        raise InputError(f"{path} does not exist", "check the path of the table, or of the workspace")
    if not Workspace.exists(out) and out.resolve() in (path.resolve(), *path.resolve().parents) and out.exists():
        raise UsageError(f"--out {out} holds the table itself", "name another directory")
    with Workspace.claimed(out, force=request.run.force) as workspace:
        read_into(workspace, path, force=request.run.force)
        return _cut(workspace, request, screen)


def _cut(workspace: Workspace, request: Request, screen: Screen) -> tuple[Pipeline, Built]:
    """Bring the windows up to date; the workspace is locked."""
    pipeline = Pipeline(workspace, request, screen)
    built = pipeline.ensure("window", force=request.run.force)
    pipeline.record()
    return pipeline, built
