"""Which text a language model is measured on: a workspace's split or a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnnlm.app.models import FoundModel
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import find_corpus, read_blocks, split_blocks, whole_lines
from rnnlm.errors import InputError, UsageError
from rnnlm.use.settings import EvaluateSettings
from rnnlm.workspace import Workspace


@dataclass(frozen=True)
class Chosen:
    """A raw text in blocks of whole lines; `path`, `split` and `corpus_sha256` where it is a workspace's split."""

    name: str
    blocks: Iterator[bytes]
    split: str | None = None
    path: Path | None = None
    corpus_sha256: str = ""


def choose_text(found: FoundModel, given: EvaluateSettings, reading: Decoding | None = None) -> Chosen:
    """The text that the flags name, or the workspace's test split, or valid where test is empty.

    Raises UsageError for a model that has no splits, InputError for a text that is not there.
    """
    if given.text is not None:
        names = find_corpus([given.text]).stream
        if not names:
            raise InputError(f"{given.text} is a directory", "name one text file with --text")
        name = "standard input" if given.text == "-" else given.text
        return Chosen(name, whole_lines(block for name in names for block in read_blocks(name, "text", reading)))
    if found.workspace is None:
        raise UsageError(f"{found.model.path} is a model without a workspace", "name a text with --text FILE")
    split, path = choose_split(found.workspace, given.split)
    manifest = found.workspace.verified("raw")
    blocks, digest = split_blocks(found.workspace, split), str(manifest.settings.get("corpus_sha256"))
    return Chosen(f"{split} split", blocks, split, path, digest)


def check_source(name: str) -> None:
    """InputError for a text, not `-`, that does not exist or is a directory."""
    if name != "-" and Path(name).is_dir():
        raise InputError(f"{name} is a directory", "name its files")
    find_corpus([name])


def choose_split(workspace: Workspace, wanted: str | None) -> tuple[str, Path]:
    """The split asked for, or test, or valid where test is empty, and its raw text; InputError for an empty one."""
    raw = workspace.directory("raw")
    if workspace.manifest("raw") is None:
        raise UsageError(f"{workspace.path} holds no text", "name one with --text FILE")
    split = wanted or ("test" if (raw / "test.txt").stat().st_size else "valid")
    path = raw / f"{split}.txt"
    if not path.stat().st_size:
        raise InputError(f"the {split} split of {workspace.path} is empty", "name another with --split")
    return split, path
