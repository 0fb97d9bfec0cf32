"""The first stage: the raw text of each split, kept in the workspace.

One stream of text is cut in contiguous blocks at line ends; files for each split are taken as is. Nothing is
cleaned here.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Any

from rnnlm.artifacts import durable
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.paths import CorpusFiles
from rnnlm.corpus.settings import SPLITS, parse_fractions, split_ends
from rnnlm.corpus.sources import BLOCK, read_blocks
from rnnlm.errors import InputError
from rnnlm.files import Advance


def corpus_digest(
    corpus: CorpusFiles, field: str, spool: Path, progress: Advance, decoding: Decoding | None = None
) -> str:
    """Read the corpus once into `spool` (a directory), one file for each part; the digest of all.

    Raises InputError for what cannot be read, and where there is nothing to train on.
    """
    digest = hashlib.sha256()
    parts = corpus.splits or (("all", corpus.stream),)
    for part, names in parts:
        digest.update(f"{part}\n".encode() if corpus.splits else b"")
        with durable(spool / f"{part}.txt") as file:
            for name in names:
                for block in read_blocks(name, field, decoding):
                    digest.update(block)
                    file.write(block)
                    progress(len(block))
            if file.tell() == 0 and part in ("all", "train"):
                raise InputError(f"the corpus is empty: {', '.join(names)}", "give a file with text in it")
    return digest.hexdigest()


def join_splits(raw: Path, spool: Path, ending: str = ".txt") -> None:
    """Join a workspace's splits, which gives the corpus as it was spooled."""
    with durable(spool / f"all{ending}") as whole:
        for split in SPLITS:
            with (raw / f"{split}{ending}").open("rb") as part:
                shutil.copyfileobj(part, whole)


def split_raw(spool: Path, directory: Path, fractions: str) -> dict[str, Any]:
    """Write `train.txt`, `valid.txt` and `test.txt` from what `corpus_digest` spooled; a report of their sizes.

    Raises InputError when a split that was asked for gets no line.
    """
    stream = spool / "all.txt"
    if stream.exists():
        cut(stream, directory, parse_fractions(fractions))
    else:
        for split in SPLITS:
            source = spool / f"{split}.txt"
            if source.exists():
                source.replace(directory / f"{split}.txt")
            else:
                (directory / f"{split}.txt").touch()
    return {"splits": {split: size_of(directory / f"{split}.txt") for split in SPLITS}}


def cut(stream: Path, directory: Path, fractions: tuple[float, float, float]) -> None:
    """Write the splits of a stream: contiguous blocks by its bytes, each end moved to the next line end."""
    size = stream.stat().st_size
    if size == 0:
        raise InputError("the corpus is empty", "give a file with text in it")
    ends = split_ends(size, fractions)
    with stream.open("rb") as source:
        for number, split in enumerate(SPLITS):
            start = source.tell()
            wanted = ends[number]
            with durable(directory / f"{split}.txt") as target:
                if fractions[number]:
                    while source.tell() < wanted and (block := source.read(min(BLOCK, wanted - source.tell()))):
                        target.write(block)
                        ended = block.endswith(b"\n")
                    if source.tell() > start and not ended:
                        target.write(source.readline())
            if fractions[number] and source.tell() == start:
                raise InputError(
                    f"the corpus of {size:,} bytes is too small to split: {split} gets no line",
                    "give more text, or all of it to training with --fractions 1,0,0",
                )


def size_of(path: Path) -> dict[str, int]:
    """The bytes and lines of a text."""
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b""))
    return {"bytes": path.stat().st_size, "lines": lines}
