"""From what was typed to a pipeline: a workspace to go on with, or a corpus to read into one."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlm.app.reading import decoding
from rnnlm.app.request import Request
from rnnlm.app.screen import Screen
from rnnlm.app.sections import refuse_counting, refuse_for_labels, refuse_forecast, section_settings
from rnnlm.app.stages import Pipeline
from rnnlm.artifacts import Manifest
from rnnlm.corpus.labels.raw import split_labelled, spool_labelled
from rnnlm.corpus.labels.sources import LabelledReading
from rnnlm.corpus.raw import corpus_digest, split_raw
from rnnlm.corpus.settings import LABELS_OF, CleanSettings, Labels, RawSettings, TokenizeSettings, VocabSettings
from rnnlm.corpus.sources import CorpusFiles, find_corpus
from rnnlm.errors import ArtifactError, UsageError
from rnnlm.training.defaults import refuse_endless
from rnnlm.training.settings import TrainSettings, check_forms
from rnnlm.workspace import Workspace


def open_pipeline(request: Request, screen: Screen) -> Pipeline:
    """The pipeline that the arguments name: a workspace to go on with, or a corpus to read into one.

    Raises UsageError for a clash of arguments, InputError for a path that is not there.
    """
    workspace = existing_workspace(request)
    if workspace is not None:
        return Pipeline(workspace, request, screen)
    paths: list[str] = list(request.arguments.get("paths") or [])
    out: Path = request.arguments.get("out") or Path("work")
    labels = _labels(request, out)
    _check_sections(request, labels)
    corpus = find_corpus(paths, label_files=labels == "text")
    _refuse_overlap(corpus, out)
    with Workspace.claimed(out, force=request.run.force) as workspace:
        other = _read_corpus(workspace, corpus, labels, request, screen)
    return Pipeline(workspace, request, screen, of_another_corpus=other)


def existing_workspace(request: Request) -> Workspace | None:
    """The workspace that the arguments name; None where they name a corpus. UsageError where they name two."""
    paths: list[str] = list(request.arguments.get("paths") or [])
    out: Path | None = request.arguments.get("out")
    if len(paths) == 1 and paths[0] != "-" and Workspace.exists(Path(paths[0])):
        if out is not None and out.resolve() != Path(paths[0]).resolve():
            raise UsageError(f"{paths[0]} is a workspace, and --out names another", "omit --out")
        return Workspace.open(Path(paths[0]))
    if not paths and out is not None and Workspace.exists(out):
        return Workspace.open(out)
    if paths and request.arguments.get("dry_run"):
        known = out or Path("work")
        find_corpus(paths, label_files=_labels(request, known) == "text")
        return Workspace.open(known) if Workspace.exists(known) else None
    return None


def _labels(request: Request, out: Path) -> Labels | None:
    """With what labels a corpus is read: those that --task asks for, or those that the workspace at `out` has."""
    task = request.settings(RawSettings).settings.task
    if task is None and Workspace.exists(out):
        workspace = Workspace(out)
        try:
            manifest = workspace.manifest("raw")
        except ArtifactError:  # a damaged one; what was asked for when it was made is known all the same
            manifest = None
        if manifest is not None:
            return manifest.settings.get("labels")
        task = workspace.recorded("raw").get("task")
    return LABELS_OF.get(task)


def _check_sections(request: Request, labels: Labels | None) -> None:
    """What clashes across sections is said before a corpus is read."""
    refuse_forecast(request.settings(RawSettings).settings.task)
    clean = section_settings(request, CleanSettings, {}, labels)
    refuse_for_labels(labels, clean, request.settings(TokenizeSettings))
    if "train" in request.sections and labels is None:
        train = request.settings(TrainSettings).settings
        refuse_endless(train.bptt, train.batching)
        check_forms(train)
    if "vocab" in request.sections:
        kind = request.settings(TokenizeSettings).settings.kind
        if kind in ("byte", "bpe"):
            refuse_counting(kind, request.settings(VocabSettings))


def _refuse_overlap(corpus: CorpusFiles, out: Path) -> None:
    names = [*corpus.stream, *(name for _, group in corpus.splits for name in group)]
    for name in names:
        inside = out.exists() and Path(name).exists() and out.resolve() in Path(name).resolve().parents
        if inside and (not Workspace.exists(out) or Workspace(out).holds(Path(name))):
            raise UsageError(f"--out {out} holds the corpus itself", "name another directory")


def _read_corpus(
    workspace: Workspace, corpus: CorpusFiles, labels: Labels | None, request: Request, screen: Screen
) -> bool:
    """Read the corpus into the workspace's `raw` stage, unless it is what the workspace holds already.

    Whether it took the place of another one, of which the later stages still are.
    """
    given = request.settings(RawSettings, workspace.recorded("raw")).settings
    reading = decoding(request, screen, workspace.recorded("reading"))
    spool = workspace.path / ".corpus.partial"
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir()
    try:
        with screen.bytes_progress("read", None) as advance:
            if labels is None:
                digest, blank = corpus_digest(corpus, given.field, spool, advance, reading), 0
            else:
                labelled = LabelledReading(labels, given.field, given.label, reading)
                spooled = spool_labelled(corpus, labelled, spool, advance)
                digest, blank = spooled.sha256, spooled.blank_texts
        force = request.run.force
        manifest: Manifest | None = None if force and workspace.state("raw") != "current" else workspace.manifest("raw")
        replaced = manifest is not None and manifest.settings.get("corpus_sha256") != digest
        if replaced:
            if not force:
                raise UsageError(
                    f"{workspace.path} is the workspace of another corpus",
                    "name another directory with --out, or replace the corpus with --force",
                )
            given = request.settings(RawSettings).settings
        settings = _raw_settings(digest, given, labels, cut=bool(corpus.stream))

        def build(directory: Path) -> dict[str, Any]:
            if labels is None:
                report = split_raw(spool, directory, given.fractions)
            else:
                report = split_labelled(spool, directory, labels, given.fractions, given.split_seed, blank_texts=blank)
            return report | ({"replaced_sequences": reading.replaced} if reading.errors == "replace" else {})

        built = workspace.build("raw", settings, build, force=force)
        if built.fresh and labels == "text":
            screen.notice(_left_out(built.manifest.report))
        if built.stale and not replaced:
            screen.notice(f"raw: split anew, so these are stale now: {', '.join(built.stale)}")
        if replaced:
            workspace.forget()
        return replaced
    finally:
        shutil.rmtree(spool, ignore_errors=True)


def _raw_settings(digest: str, given: RawSettings, labels: Labels | None, *, cut: bool) -> dict[str, Any]:
    """What decides the `raw` stage: the corpus, and how it is cut where it did not come in splits."""
    settings: dict[str, Any] = {"corpus_sha256": digest, "fractions": given.fractions if cut else None}
    if labels is not None:
        settings["labels"] = labels
    if labels == "text":
        settings["split_seed"] = given.split_seed if cut else None
    return settings


def _left_out(report: Mapping[str, Any]) -> str:
    """What became of the labelled texts that were read, in words."""
    kept = sum(split["lines"] for split in report["splits"].values())
    shared = {name: split["in_train"] for name, split in report["splits"].items() if split.get("in_train")}
    words = (
        f"raw: {kept:,} labelled texts; {report['duplicates']:,} repeated and {report['blank_texts']:,} blank left out"
    )
    return words + "".join(f"; {count:,} of {name} are in train too" for name, count in shared.items())
