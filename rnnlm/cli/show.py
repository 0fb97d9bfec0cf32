"""How each stage's report looks: the object for --json, the tables for a person."""

from pathlib import Path

from rich.table import Table

from rnnlm.app.opening import existing_workspace, open_pipeline
from rnnlm.app.request import Request
from rnnlm.app.stages import Pipeline
from rnnlm.arrays import open_npy
from rnnlm.artifacts import Manifest
from rnnlm.cli.reports import report_of
from rnnlm.cli.terminal import count, percent, table, terminal
from rnnlm.graph import chain

_EXAMPLES = 3
_EXAMPLE_IDS = 12


def show_stage(request: Request, stage: str, following: str) -> None:
    """Run a stage and what it reads, and show its result."""
    if request.arguments.get("dry_run"):
        show_plan(request, stage)
        return
    screen = terminal(request)
    pipeline = open_pipeline(request, screen)
    with pipeline.workspace.lock():
        built = pipeline.ensure(stage, force=request.run.force)
        pipeline.record()
    report = {"stage": stage, "workspace": str(pipeline.workspace.path), **built.manifest.report}
    directory = pipeline.workspace.directory(stage)
    with report_of(directory, f"rebuild it: {pipeline.workspace.rebuild(stage)}"):
        views = _VIEWS[stage](built.manifest, directory)
    screen.result(report, *views)
    screen.notice(f"next: rnnlm {following} {pipeline.workspace.path}")


def show_plan(request: Request, stage: str) -> None:
    """What the command would run, up to `stage`, or to the windows of a table; reads no corpus and writes nothing."""
    screen = terminal(request)
    workspace = existing_workspace(request)
    if workspace is not None and workspace.manifest("table") is not None:
        stage = "window"
    if workspace is None:
        plan = dict.fromkeys(chain(stage), "would run")
    else:
        plan = Pipeline(workspace, request, screen).plan(stage)
    view = table("stage", "plan")
    for name, what in plan.items():
        view.add_row(name, what)
    screen.result({"stages": plan}, view)


def _clean_view(manifest: Manifest, directory: Path) -> list[Table | str]:
    view = table("split", "units", "characters", "documents", "blank lines", "emptied lines")
    for split, counts in manifest.report["splits"].items():
        names = ("units", "characters", "documents", "blank_lines", "emptied_lines")
        view.add_row(split, *(count(counts[name]) for name in names))
    return [view, "", *_first_lines(directory / "train.txt")]


def _tokenize_view(manifest: Manifest, directory: Path) -> list[Table | str]:
    view = table("split", "lines", "tokens", "tokens a line")
    for split, counts in manifest.report["splits"].items():
        mean = counts["tokens"] / counts["lines"] if counts["lines"] else 0
        view.add_row(split, count(counts["lines"]), count(counts["tokens"]), f"{mean:.1f}")
    learned = manifest.report.get("learned_tokens")
    sample = manifest.report.get("sample_bytes", 0)
    note = [f"{learned:,} tokens learned from {sample:,} bytes of train"] if learned else []
    return [view, *note, "", *_first_lines(directory / "train.txt")]


def _vocab_view(manifest: Manifest, directory: Path) -> list[Table | str]:
    report = manifest.report
    view = table("split", "tokens with </s>", "unknown", "share", "out of vocabulary", "share")
    for split, counts in report["splits"].items():
        tokens, unknown, outside = (counts[k] for k in ("tokens", "unknown_tokens", "out_of_vocabulary_tokens"))
        view.add_row(
            split, count(tokens), count(unknown), percent(unknown, tokens), count(outside), percent(outside, tokens)
        )
    size = (
        f"{report['size']:,} ids, {report['outputs']:,} of them can be predicted; "
        f"{report['distinct_in_train']:,} distinct tokens in train"
    )
    frequent = "most frequent: " + ", ".join(f"{word} {n:,}" for word, n in report["most_frequent"].items())
    unknown_words = ", ".join(f"{word} {n:,}" for word, n in report["most_frequent_unknown"].items())
    return [size, view, frequent, *([f"most frequent unknown: {unknown_words}"] if unknown_words else [])]


def _pad_view(manifest: Manifest, directory: Path) -> list[Table | str]:
    length = manifest.report["length"]
    view = table("split", "rows N", "length T", "longer lines", "tokens cut")
    for split, counts in manifest.report["splits"].items():
        view.add_row(
            split, count(counts["rows"]), count(length), count(counts["longer_lines"]), count(counts["tokens_cut"])
        )
    rows = open_npy(directory / "train.npy", kinds="u", dimensions=2, remedy="run: rnnlm pad --force")[:_EXAMPLES]
    more = ", …" if length > _EXAMPLE_IDS else ""
    return [view, "", *("[" + ", ".join(map(str, row[:_EXAMPLE_IDS])) + more + "]" for row in rows)]


def _first_lines(path: Path) -> list[Table | str]:
    lines: list[Table | str] = []
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            lines.append(line[:100].rstrip("\n") + (" …" if len(line) > 100 else ""))
            if len(lines) == _EXAMPLES:
                break
    return lines


_VIEWS = {"clean": _clean_view, "tokenize": _tokenize_view, "vocab": _vocab_view, "pad": _pad_view}
