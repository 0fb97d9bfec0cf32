"""The files that a command is to write, held against those that it reads before it begins.

What a setting's file is for stands with the setting; settings files and arguments are read too.
"""

from pathlib import Path

from rnnlm.app.request import SECTIONS, Request
from rnnlm.artifacts import MANIFEST, check_target
from rnnlm.config import files_of
from rnnlm.errors import UsageError
from rnnlm.graph import STAGES
from rnnlm.workspace import DESCRIPTION, Workspace


def check_targets(request: Request) -> None:
    """Raise UsageError for a file that is read too or belongs to an artifact, StorageError where none can be."""
    for target in _files(request, written=True):
        check_file(request, target)


def check_file(request: Request, target: Path) -> None:
    """The same for one file that a command is to write."""
    check_target(target, inputs_beside(request, target))
    if any(is_own(parent, target) for parent in target.resolve().parents if Workspace.exists(parent)):
        raise UsageError(f"{target} is the workspace's own", "name another file to write to")


def is_own(workspace: Path, target: Path) -> bool:
    """Whether a file that stands in a workspace is one that commands keep there, not one that somebody put beside."""
    first, *rest = target.resolve().relative_to(workspace).parts
    return target.exists() and (first in (*STAGES, "models") if rest else first in (DESCRIPTION, "settings.toml"))


def inputs_beside(request: Request, target: Path) -> list[Path]:
    """What a command reads, and `target` itself where it lies in a directory of texts that is read with all its files.

    A workspace and a model are directories in which other files may lie.
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
