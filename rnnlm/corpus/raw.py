"""The first stage: the raw text of each split, kept in the workspace.

One stream of text is cut in contiguous blocks at line ends, shuffled before or not; a text of one line at two spaces.
Files for each split are taken as is. Nothing is cleaned here.
"""

import hashlib
import mmap
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rnnlm.artifacts import durable
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.paths import CorpusFiles
from rnnlm.corpus.settings import SPLITS, Labels, RawSettings, parse_fractions, split_ends
from rnnlm.corpus.sources import BLOCK, read_blocks, refuse_numbers
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
                for number, block in enumerate(read_blocks(name, field, decoding)):
                    if number == 0:
                        refuse_numbers(name, block)
                    digest.update(block)
                    file.write(block)
                    progress(len(block))
            if file.tell() == 0 and part in ("all", "train"):
                raise InputError(f"the corpus is empty: {', '.join(names)}", "give a file with text in it")
    return digest.hexdigest()


def raw_settings(digest: str, given: RawSettings, labels: Labels | None, *, cut: bool) -> dict[str, Any]:
    """The settings of the `raw` stage: the corpus, and how it is split if it did not come in splits."""
    settings: dict[str, Any] = {"corpus_sha256": digest, "fractions": given.fractions if cut else None}
    if labels is not None:
        settings["labels"] = labels
    if labels == "text":
        settings["split_seed"] = given.split_seed if cut else None
    if labels is None and cut and given.shuffle:
        settings |= {"shuffle": True, "split_seed": given.split_seed}
    return settings


def join_splits(raw: Path, spool: Path, ending: str = ".txt", *, one_line: bool = False) -> None:
    """Join a workspace's splits, which gives the corpus as it was spooled, but for the order if it was shuffled."""
    with durable(spool / f"all{ending}") as whole:
        for split in SPLITS:
            with (raw / f"{split}{ending}").open("rb") as part:
                if one_line and whole.tell() and part.seek(0, os.SEEK_END):
                    whole.seek(-1, os.SEEK_END)
                    whole.write(b" ")
                part.seek(0)
                shutil.copyfileobj(part, whole)


def split_raw(spool: Path, directory: Path, given: RawSettings) -> dict[str, Any]:
    """Write `train.txt`, `valid.txt` and `test.txt` from what `corpus_digest` spooled; a report of their sizes.

    Raises InputError when a split that was asked for gets no line.
    """
    stream, one_line = spool / "all.txt", False
    if stream.exists():
        if given.shuffle:
            shuffle(stream, given.split_seed)
        one_line = size_of(stream)["lines"] == 1
        cut(stream, directory, parse_fractions(given.fractions), one_line=one_line)
    else:
        for split in SPLITS:
            source = spool / f"{split}.txt"
            if source.exists():
                source.replace(directory / f"{split}.txt")
            else:
                (directory / f"{split}.txt").touch()
    sizes = {"splits": {split: size_of(directory / f"{split}.txt") for split in SPLITS}}
    return sizes | ({"one_line": True} if one_line else {})


def shuffle(stream: Path, seed: int) -> None:
    """Put the documents of a text, or its lines if there is only one, in an order that depends on them and the seed."""
    with stream.open("rb") as file:
        sizes = np.fromiter(map(len, file), np.int64)
    ends = np.cumsum(sizes)
    after_blank = np.flatnonzero(sizes[:-1] == 1) + 1
    starts = np.concatenate([[0], after_blank[sizes[after_blank] > 1]])  # lines at which documents begin
    if len(starts) < 3:
        starts = np.arange(len(sizes))
    bounds = np.stack([ends[starts] - sizes[starts], ends[np.append(starts[1:], len(sizes)) - 1]], 1)
    with stream.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        key = seed.to_bytes(8, "big")
        digests = b"".join(hashlib.blake2b(content[a:b].strip(), digest_size=16, key=key).digest() for a, b in bounds)
        with durable(stream.with_name("shuffled.txt")) as target:
            for a, b in bounds[np.argsort(np.frombuffer(digests, "S16"), kind="stable")]:
                target.write(content[a:b] if len(starts) == len(sizes) else content[a:b].rstrip(b"\n") + b"\n\n")
    stream.with_name("shuffled.txt").replace(stream)


def cut(stream: Path, directory: Path, fractions: tuple[float, float, float], *, one_line: bool = False) -> None:
    """Write the splits of a stream: contiguous blocks by its bytes, each end moved to the next line end.

    With `one_line` an end is moved to the next space, which becomes the line end of the split.
    """
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
                        last = not any(fractions[number + 1 :])
                        target.write(_to_space(source) if one_line and not last else source.readline())
            if fractions[number] and source.tell() == start:
                raise InputError(
                    f"the corpus of {size:,} bytes is too small to split: {split} gets no line",
                    "give more text, or all of it to training with --fractions 1,0,0",
                )


def _to_space(source: BinaryIO) -> bytes:
    """The text up to the next space, which is replaced by a line end."""
    found = bytearray()
    while (byte := source.read(1)) not in (b" ", b"\n", b""):
        found += byte
    return bytes(found) + b"\n"


def size_of(path: Path) -> dict[str, int]:
    """The bytes and lines of a text."""
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b""))
    return {"bytes": path.stat().st_size, "lines": lines}
