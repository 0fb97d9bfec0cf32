"""Checks the files that a command writes against those that it reads, before it begins.

Settings declare whether their files are read or written; settings files and arguments are read too.
"""

from pathlib import Path

from rnnlm.app.request import SECTIONS, Request
from rnnlm.artifacts import MANIFEST, check_target
from rnnlm.config import files_of
from rnnlm.errors import UsageError
from rnnlm.graph import STAGES
from rnnlm.workspace import DESCRIPTION, Workspace


def check_targets(request: Request) -> None:
    """Raise UsageError for a file that is also read or is part of an artifact, StorageError if it cannot be written."""
    for target in _files(request, written=True):
        check_file(request, target)


def check_file(request: Request, target: Path) -> None:
    """The same for one file that a command writes."""
    check_target(target, inputs_beside(request, target))
    if any(is_own(parent, target) for parent in target.resolve().parents if Workspace.exists(parent)):
        raise UsageError(f"{target} is the workspace's own", "name another file to write to")


def is_own(workspace: Path, target: Path) -> bool:
    """Whether a file in a workspace belongs to it, and was not put there by a person."""
    first, *rest = target.resolve().relative_to(workspace).parts
    return target.exists() and (first in (*STAGES, "models") if rest else first in (DESCRIPTION, "settings.toml"))


def inputs_beside(request: Request, target: Path) -> list[Path]:
    """What a command reads, and `target` itself if it is in a directory of texts, all of whose files are read.

    Workspaces and models are directories that may contain other files.
    """
    inputs = _files(request, written=False)
    inputs += [request.config] if request.config is not None else []
    for name, value in request.arguments.items():
        values = value if isinstance(value, list) else [value]
        inputs += [Path(each) for each in values if isinstance(each, str | Path) and name != "out"]
    return [target if _is_read_whole(path, target) else path for path in inputs]


def _files(request: Request, *, written: bool) -> list[Path]:
    settings = [request.settings(SECTIONS[section]).settings for section in request.sections]
    return [Path(path) for each in settings for paths in files_of(each, written=written).values() for path in paths]


def _is_read_whole(directory: Path, target: Path) -> bool:
    if not directory.is_dir() or Workspace.exists(directory) or (directory / MANIFEST).exists():
        return False
    return directory.resolve() in target.resolve().parents
