"""From a request to a pipeline: a workspace to continue, or a corpus or table to read into one."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlm.app.corpus import refuse_counting, refuse_for_labels, refuse_forecast, tell_split
from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import Request
from rnnlm.artifacts import Manifest
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.labels.raw import split_labelled, spool_labelled
from rnnlm.corpus.labels.sources import LabelledReading
from rnnlm.corpus.paths import CorpusFiles, find_corpus
from rnnlm.corpus.raw import corpus_digest, raw_settings, split_raw
from rnnlm.corpus.settings import CleanSettings, Labels, RawSettings, ReadingSettings, TokenizeSettings, VocabSettings
from rnnlm.errors import InputError, UsageError
from rnnlm.graph import chain
from rnnlm.screen import Screen
from rnnlm.tables.source import read_into
from rnnlm.training.defaults import refuse_endless
from rnnlm.training.settings import TrainSettings, check_forms
from rnnlm.workspace import Built, Workspace


def open_pipeline(request: Request, screen: Screen) -> Pipeline:
    """The pipeline that the arguments name: a workspace to continue, or a corpus to read into one.

    Raises UsageError for conflicting arguments, InputError for a missing path.
    """
    if request.workspace is not None and not request.reads_source:
        return Pipeline(request.workspace, request, screen)
    paths, out = _named(request)
    labels = request.labels
    _check_sections(request, labels)
    corpus = find_corpus(paths, label_files=labels == "text")
    _refuse_overlap(corpus, out)
    with Workspace.claimed(out, force=request.run.force) as workspace:
        request.workspace = workspace
        other = _read_corpus(workspace, corpus, labels, request, screen)
    return Pipeline(workspace, request, screen, of_another_corpus=other)


def open_windows(request: Request, screen: Screen) -> tuple[Pipeline, Built]:
    """The windows that the arguments name, of a workspace or of a table read into one, brought up to date.

    Raises UsageError for conflicting arguments, InputError for a missing table.
    """
    if request.workspace is not None and not request.reads_source:
        with request.workspace.lock():
            return _cut(request.workspace, request, screen)
    paths, out = _named(request)
    if len(paths) != 1:
        raise InputError("no table given" if not paths else f"{len(paths)} tables given", "name one file or directory")
    path = Path(paths[0])
    if not path.exists():
        raise InputError(f"{path} does not exist", "check the path of the table, or of the workspace")
    if not Workspace.exists(out) and out.resolve() in (path.resolve(), *path.resolve().parents) and out.exists():
        raise UsageError(f"--out {out} contains the table itself", "name another directory")
    with Workspace.claimed(out, force=request.run.force) as workspace:
        request.workspace = workspace
        if read_into(workspace, path, screen.notice, force=request.run.force):
            request.forget()
        return _cut(workspace, request, screen)


def plan(request: Request, screen: Screen, stage: str) -> dict[str, str]:
    """What a command would run, up to `stage`, or to the windows of a table; reads no corpus and writes nothing."""
    workspace = request.workspace
    if request.reads_source:
        find_corpus(_named(request)[0], label_files=request.labels == "text")
    if workspace is None:
        return dict.fromkeys(chain(stage), "would run")
    return Pipeline(workspace, request, screen).plan("window" if workspace.manifest("table") is not None else stage)


def decoding(request: Request, screen: Screen) -> Decoding:
    """How this request reads texts, with notices of replacements on `screen`."""
    given = request.settings(ReadingSettings).settings
    return Decoding(given.errors, given.expansion, screen.notice)


def _named(request: Request) -> tuple[list[str], Path]:
    return list(request.arguments.get("paths") or []), request.arguments.get("out") or Path("work")


def _cut(workspace: Workspace, request: Request, screen: Screen) -> tuple[Pipeline, Built]:
    """Bring the windows up to date; the workspace is locked."""
    pipeline = Pipeline(workspace, request, screen)
    built = pipeline.ensure("window", force=request.run.force)
    pipeline.record()
    return pipeline, built


def _check_sections(request: Request, labels: Labels | None) -> None:
    """Raise errors for conflicts between sections before a corpus is read."""
    refuse_forecast(request.settings(RawSettings).settings.task)
    refuse_for_labels(labels, request.settings(CleanSettings), request.settings(TokenizeSettings))
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
            raise UsageError(f"--out {out} contains the corpus itself", "name another directory")


def _read_corpus(
    workspace: Workspace, corpus: CorpusFiles, labels: Labels | None, request: Request, screen: Screen
) -> bool:
    """Read the corpus into the workspace's `raw` stage, unless it is the workspace's already.

    Returns whether it replaced another corpus, to which the later stages still belong.
    """
    given, reading = request.settings(RawSettings).settings, decoding(request, screen)
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
            workspace.forget()
            request.forget()
            given = request.settings(RawSettings).settings
        settings = raw_settings(digest, given, labels, cut=bool(corpus.stream))

        def build(directory: Path) -> dict[str, Any]:
            if labels is None:
                report = split_raw(spool, directory, given)
            else:
                report = split_labelled(spool, directory, labels, given.fractions, given.split_seed, blank_texts=blank)
            return report | ({"replaced_sequences": reading.replaced} if reading.errors == "replace" else {})

        built = workspace.build("raw", settings, build, force=force)
        if replaced:
            workspace.record({})
        if built.fresh and (files := corpus.listed()):
            screen.notice(f"raw: {files}")
        if built.fresh and labels == "text":
            screen.notice(_skipped_notice(built.manifest.report))
        if built.fresh and labels is None:
            tell_split(workspace.directory("raw"), built.manifest, screen)
        if built.stale and not replaced:
            screen.notice(f"raw: split again, so these are stale now: {', '.join(built.stale)}")
        return replaced
    finally:
        shutil.rmtree(spool, ignore_errors=True)


def _skipped_notice(report: Mapping[str, Any]) -> str:
    """Counts of the labeled texts read, as a notice."""
    kept = sum(split["lines"] for split in report["splits"].values())
    shared = {name: split["in_train"] for name, split in report["splits"].items() if split.get("in_train")}
    words = (
        f"raw: {kept:,} labeled texts; {report['duplicates']:,} repeated and {report['blank_texts']:,} blank skipped"
    )
    return words + "".join(f"; {count:,} of {name} are in train too" for name, count in shared.items())
