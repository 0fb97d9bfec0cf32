"""A table read into a workspace's `table` stage."""

from collections.abc import Callable
from pathlib import Path

from rnnlm.errors import UsageError
from rnnlm.tables.source import table_digest, write_table
from rnnlm.workspace import Workspace


def read_into(workspace: Workspace, path: Path, notice: Callable[[str], None], *, force: bool) -> bool:
    """Read a table into the workspace's `table` stage, unless it is what the workspace holds already.

    Whether it replaces another table, whose settings are forgotten then; UsageError for that without `force`. A notice
    says how numbers and dates were read that could be read in another way.
    """
    digest = table_digest(path)
    manifest = None if force and workspace.state("table") != "current" else workspace.manifest("table")
    replaced = manifest is not None and manifest.settings.get("source_sha256") != digest
    if replaced and not force:
        raise UsageError(
            f"{workspace.path} is the workspace of another table",
            "name another directory with --out, or replace the table with --force",
        )
    source = {"source_sha256": digest}
    built = workspace.build("table", source, lambda directory: write_table(path, directory), force=force)
    if built.fresh and (readings := built.manifest.report["readings"]):
        notice(f"{path.name}: {'; '.join(readings)}")
    if replaced:
        workspace.record({"window": {}})
    return replaced
