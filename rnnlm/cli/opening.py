"""From what was typed to a pipeline: a workspace to go on with, or a corpus to read into one."""

import shutil
from pathlib import Path

from rnnlm.artifacts import Manifest
from rnnlm.cli.options import Invocation
from rnnlm.cli.stages import Pipeline, refuse_counting
from rnnlm.cli.terminal import Terminal
from rnnlm.corpus.raw import corpus_digest, split_raw
from rnnlm.corpus.sources import Corpus, find_corpus
from rnnlm.errors import UsageError
from rnnlm.workspace import Workspace


def open_pipeline(invocation: Invocation, screen: Terminal) -> Pipeline:
    """The pipeline that the arguments name: a workspace to go on with, or a corpus to read into one.

    Raises UsageError for a clash of arguments, InputError for a path that is not there.
    """
    workspace = existing_workspace(invocation)
    if workspace is not None:
        return Pipeline(workspace, invocation, screen)
    _check_sections(invocation)
    paths: list[str] = list(invocation.arguments.get("paths") or [])
    out: Path | None = invocation.arguments.get("out")
    corpus = find_corpus(paths)
    out = out or Path("work")
    _refuse_overlap(corpus, out)
    new = not out.exists()
    workspace = Workspace.create(out, force=invocation.run.force)
    try:
        with workspace.lock():
            _read_corpus(workspace, corpus, invocation, screen)
    except BaseException:
        if new:
            shutil.rmtree(out, ignore_errors=True)
        raise
    return Pipeline(workspace, invocation, screen)


def existing_workspace(invocation: Invocation) -> Workspace | None:
    """The workspace that the arguments name; None where they name a corpus. UsageError where they name two."""
    paths: list[str] = list(invocation.arguments.get("paths") or [])
    out: Path | None = invocation.arguments.get("out")
    if len(paths) == 1 and paths[0] != "-" and Workspace.exists(Path(paths[0])):
        if out is not None and out.resolve() != Path(paths[0]).resolve():
            raise UsageError(f"{paths[0]} is a workspace, and --out names another", "leave --out away")
        return Workspace.open(Path(paths[0]))
    if not paths and out is not None and Workspace.exists(out):
        return Workspace.open(out)
    if paths and invocation.arguments.get("dry_run"):
        find_corpus(paths)
        known = out or Path("work")
        return Workspace.open(known) if Workspace.exists(known) else None
    return None


def _check_sections(invocation: Invocation) -> None:
    """What clashes across sections is said before a corpus is read."""
    if "vocab" in invocation.sections:
        kind = invocation.settings("tokenize").settings.kind
        if kind in ("byte", "bpe"):
            refuse_counting(kind, invocation.settings("vocab"))


def _refuse_overlap(corpus: Corpus, out: Path) -> None:
    names = [*corpus.stream, *(name for _, group in corpus.splits for name in group)]
    for name in names:
        inside = out.exists() and Path(name).exists() and out.resolve() in Path(name).resolve().parents
        if inside and not Workspace.exists(out):
            raise UsageError(f"--out {out} holds the corpus itself", "name another directory")


def _read_corpus(workspace: Workspace, corpus: Corpus, invocation: Invocation, screen: Terminal) -> None:
    """Read the corpus into the workspace's `raw` stage, unless it is what the workspace holds already."""
    given = invocation.settings("raw", workspace.recorded("raw")).settings
    spool = workspace.path / ".corpus.partial"
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir()
    try:
        with screen.bytes_progress("read", None) as advance:
            digest = corpus_digest(corpus, given.field, spool, advance)
        force = invocation.run.force
        manifest: Manifest | None = None if force and workspace.state("raw") != "current" else workspace.manifest("raw")
        replaced = manifest is not None and manifest.settings.get("corpus_sha256") != digest
        if replaced:
            if not force:
                raise UsageError(
                    f"{workspace.path} is the workspace of another corpus",
                    "name another directory with --out, or replace the corpus with --force",
                )
            given = invocation.settings("raw").settings
        settings = {"corpus_sha256": digest, "fractions": given.fractions if corpus.stream else None}
        built = workspace.build(
            "raw", settings, lambda directory: split_raw(spool, directory, given.fractions), force=force
        )
        if built.stale and not replaced:
            screen.notice(f"raw: split anew, so these are stale now: {', '.join(built.stale)}")
        if replaced:
            workspace.clear(keep="raw")
    finally:
        shutil.rmtree(spool, ignore_errors=True)
