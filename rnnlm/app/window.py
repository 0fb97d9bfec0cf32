"""The stages of series: what decides the `table` and the `window` stage, and the functions that fill them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnlm.config import as_dict
from rnnlm.errors import InputError, UsageError
from rnnlm.tables.settings import WindowSettings
from rnnlm.tables.source import table_digest, write_table
from rnnlm.tables.table import open_table
from rnnlm.tables.windows import window
from rnnlm.workspace import Built, Workspace

Recipe = tuple[dict[str, Any], Callable[[Path], dict[str, Any]]]


def read_into(workspace: Workspace, path: Path, *, force: bool) -> Built:
    """Read a table into the workspace's `table` stage, unless it is what the workspace holds already.

    Raises UsageError where it holds another table, unless `force`, which forgets the settings of that one.
    """
    digest = table_digest(path)
    manifest = None if force and workspace.state("table") != "current" else workspace.manifest("table")
    replaced = manifest is not None and manifest.settings.get("source_sha256") != digest
    if replaced and not force:
        raise UsageError(
            f"{workspace.path} is the workspace of another table",
            "name another directory with --out, or replace the table with --force",
        )
    settings = {"source_sha256": digest}
    built = workspace.build("table", settings, lambda directory: write_table(path, directory), force=force)
    if replaced:
        workspace.record({"window": {}})
    return built


def table_recipe(workspace: Workspace) -> Recipe:
    """The table that the workspace holds; InputError where there is none."""
    manifest = workspace.manifest("table")
    missing = InputError(f"{workspace.path} holds no table yet", f"name one: rnnlm window TABLE --out {workspace.path}")
    if manifest is None:
        raise missing

    def build(directory: Path) -> dict[str, Any]:
        raise missing  # a table is made from its file alone, by `read_into`

    return dict(manifest.settings), build


def window_recipe(workspace: Workspace, settings: WindowSettings) -> Recipe:
    """The windows that the settings describe."""

    def build(directory: Path) -> dict[str, Any]:
        return window(open_table(workspace.directory("table")), directory, settings)

    return as_dict(settings), build
