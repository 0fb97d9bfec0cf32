"""A table read into a workspace's `table` stage."""

from pathlib import Path

from rnnlm.errors import UsageError
from rnnlm.tables.source import table_digest, write_table
from rnnlm.workspace import Workspace


def read_into(workspace: Workspace, path: Path, *, force: bool) -> bool:
    """Read a table into the workspace's `table` stage, unless it is what the workspace holds already.

    Whether it replaces another table, whose settings are forgotten then; UsageError for that without `force`.
    """
    digest = table_digest(path)
    manifest = None if force and workspace.state("table") != "current" else workspace.manifest("table")
    replaced = manifest is not None and manifest.settings.get("source_sha256") != digest
    if replaced and not force:
        raise UsageError(
            f"{workspace.path} is the workspace of another table",
            "name another directory with --out, or replace the table with --force",
        )
    workspace.build("table", {"source_sha256": digest}, lambda directory: write_table(path, directory), force=force)
    if replaced:
        workspace.record({"window": {}})
    return replaced
