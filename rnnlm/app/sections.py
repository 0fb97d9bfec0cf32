"""Sections of settings across stages: which a workspace has a use for, what one implies for another, what clashes."""

from typing import Any, TypeVar

from rnnlm.app.request import Request
from rnnlm.config import WORKSPACE, Resolved
from rnnlm.corpus.settings import CleanSettings, Labels, Task, TokenizeSettings, VocabSettings
from rnnlm.errors import UsageError
from rnnlm.training.settings import TrainSettings, fitting_forms
from rnnlm.workspace import Workspace

S = TypeVar("S")
SECTION_ORDER = ("reading", "raw", "clean", "tokenize", "vocab", "pad", "embed", "train")
SERIES_SECTION_ORDER = ("window", "train")


def section_order(workspace: Workspace | None) -> tuple[str, ...]:
    """The sections of settings that the source of a workspace, a corpus or a table, has a use for."""
    series = workspace is not None and workspace.directory("table").exists()
    return SERIES_SECTION_ORDER if series else SECTION_ORDER


def section_settings(request: Request, kind: type[S], recorded: dict[str, Any], labels: Labels | None) -> Resolved[S]:
    """A section's settings. The words of a tagged corpus stay as they are, one token each: it counts as prepared.

    Of what was recorded for training, forms of a cell other than the one wanted now are left out.
    """
    implied = {"prepared": True} if kind is CleanSettings and labels == "token" else {}
    if kind is TrainSettings:
        cell = request.settings(TrainSettings, {"cell": recorded.get("cell")}).settings.cell
        recorded = fitting_forms(recorded, cell)
    return request.settings(kind, recorded | implied)


def refuse_forecast(task: Task | None) -> None:
    """UsageError for a forecast where there is text."""
    if task == "forecast":
        raise UsageError("--task forecast with a text corpus", "use rnnlm window TABLE")


def refuse_for_labels(
    labels: Labels | None, clean: Resolved[CleanSettings], tokenize: Resolved[TokenizeSettings]
) -> None:
    """UsageError for what would part words from their tags, or texts from their labels."""
    kind, tokenizer = tokenize.settings.kind, tokenize.settings.tokenizer
    if labels == "token" and (tokenizer is not None or kind not in (None, "whitespace")):
        flag = f"--kind {kind}" if tokenizer is None else "--tokenizer"
        raise UsageError(f"{flag} with --task tag", "a tagged word is one token; omit it")
    if labels == "token" and not clean.settings.prepared:
        raise UsageError("--no-prepared with --task tag", "a tagged word stays as it is; omit it")
    if labels == "text" and clean.settings.sentences:
        raise UsageError("--sentences with --task classify", "a label is of a whole text; omit it")


def refuse_counting(kind: str, vocab: Resolved[VocabSettings]) -> None:
    """UsageError for flags that choose words by their counts, where tokens are not words or characters."""
    for name in ("min_count", "max_size", "vocabulary"):
        if getattr(vocab.settings, name) is not None and vocab.origins[name] != WORKSPACE:
            raise UsageError(
                f"--{name.replace('_', '-')} with --kind {kind}", "it applies to words and characters only"
            )
