"""Which text a language model is measured on: a workspace's split or a file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import split_blocks, text_blocks
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.screen import Screen
from rnnlm.workspace import Workspace


@dataclass(frozen=True)
class ChosenText:
    """A raw text in blocks of whole lines; `path`, `split` and `corpus_sha256` where it is a workspace's split."""

    name: str
    blocks: Iterator[bytes]
    split: str | None = None
    path: Path | None = None
    corpus_sha256: str = ""


def choose_text(found: FoundModel, split: str | None, text: str | None, reading: Decoding | None = None) -> ChosenText:
    """The file `text`, or the given split, or the workspace's test split, or valid where test is empty.

    Raises UsageError for a model without a workspace, InputError for a missing text.
    """
    if text is not None:
        return ChosenText("standard input" if text == "-" else text, text_blocks(text, reading))
    workspace = workspace_of(found, "a text with --text FILE")
    chosen, path = choose_split(workspace, split)
    digest = str(workspace.verified("raw").settings.get("corpus_sha256"))
    return ChosenText(f"{chosen} split", split_blocks(workspace, chosen), chosen, path, digest)


def tell_unknown(screen: Screen, found: FoundModel, name: str, metrics: Mapping[str, Any]) -> None:
    """A notice where a text has 5 points more unknown tokens than train had."""
    of_train = found.model.report.get("train_unknown_fraction")
    fraction = metrics["unknown_tokens"] / metrics["tokens"] if metrics["tokens"] else 0.0
    if isinstance(of_train, float) and fraction >= of_train + 0.05:
        screen.notice(f"{name}: {fraction:.1%} of its tokens are unknown, {of_train:.1%} of train's were")


def choose_split(workspace: Workspace, wanted: str | None) -> tuple[str, Path]:
    """The given split, or test, or valid where test is empty, and its raw text; InputError for an empty one."""
    raw = workspace.directory("raw")
    if workspace.manifest("raw") is None:
        raise UsageError(f"{workspace.path} holds no text", "name one with --text FILE")
    split = wanted or ("test" if (raw / "test.txt").stat().st_size else "valid")
    path = raw / f"{split}.txt"
    if not path.stat().st_size:
        raise InputError(f"the {split} split of {workspace.path} is empty", "name another with --split")
    return split, path


def workspace_of(found: FoundModel, instead: str) -> Workspace:
    """The workspace of a model; UsageError, which says what to name `instead`, for a model without one."""
    if found.workspace is None:
        raise UsageError(f"{found.model.path} has no workspace", f"name {instead}")
    return found.workspace
