"""The first stage for a labeled corpus: the raw text of each split, and its labels, line for line, beside it.

Tagged sentences are cut in contiguous blocks, as text is. Texts with a label each are split at random, by text: no
text that a model is evaluated on is in train under any label. Of equal pairs of text and label one is kept.
"""

import hashlib
import mmap
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.artifacts import durable
from rnnlm.corpus.labels.sources import LabelledReading, labelled_lines
from rnnlm.corpus.paths import CorpusFiles
from rnnlm.corpus.raw import cut, size_of
from rnnlm.corpus.settings import SPLITS, Labels, parse_fractions, split_ends
from rnnlm.errors import InputError
from rnnlm.files import Advance

_DIGEST = 16


@dataclass(frozen=True)
class Spooled:
    """The digest of a labeled corpus, and how many blank texts were omitted."""

    sha256: str
    blank_texts: int


def labels_file(directory: Path, split: str) -> Path:
    """Where the labels of a split's lines are, beside its text."""
    return directory / f"{split}.labels.txt"


def spool_labelled(corpus: CorpusFiles, reading: LabelledReading, spool: Path, progress: Advance) -> Spooled:
    """Read the corpus once into `spool` (a directory), texts and labels of each part side by side.

    The digest is of texts and labels, independent of the format of their file.
    """
    digest = hashlib.sha256(f"labels of each {reading.labels}\n".encode())
    blank = 0
    for part, names in corpus.splits or (("all", corpus.stream),):
        digest.update(f"{part}\n".encode() if corpus.splits else b"")
        with durable(spool / f"{part}.txt") as texts, durable(labels_file(spool, part)) as labels:
            for name in names:
                for text, label in labelled_lines(name, reading, labels_in=corpus.labels_in):
                    line, label_line = f"{text}\n".encode(), f"{label}\n".encode()
                    progress(len(line) + len(label_line))
                    if not text:
                        blank += 1
                        continue
                    digest.update(line)
                    digest.update(label_line)
                    texts.write(line)
                    labels.write(label_line)
    return Spooled(digest.hexdigest(), blank)


def split_labelled(
    spool: Path,
    directory: Path,
    labels: Labels,
    fractions: str,
    seed: int,
    *,
    blank_texts: int = 0,
    duplicates: int = 0,
) -> dict[str, Any]:
    """Write `SPLIT.txt` and `SPLIT.labels.txt` from a spooled corpus; a report of their sizes.

    `blank_texts` and `duplicates` were omitted before, for the report. Raises InputError when a split that was
    asked for gets nothing.
    """
    parsed = parse_fractions(fractions) if (spool / "all.txt").exists() else None
    report: dict[str, Any] = {"labels": labels}
    splits: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    if labels == "token":
        _split_sentences(spool, directory, parsed)
    else:
        splits, found = _split_texts(spool, directory, parsed, seed)
        report |= {"blank_texts": blank_texts, "duplicates": duplicates + found}
    return report | {"splits": {split: size_of(directory / f"{split}.txt") | splits[split] for split in SPLITS}}


def _split_sentences(spool: Path, directory: Path, fractions: tuple[float, float, float] | None) -> None:
    """Contiguous blocks of sentences, their tags cut at the same lines; or the given splits."""
    if fractions is None:
        for split in SPLITS:
            for path in (spool / f"{split}.txt", labels_file(spool, split)):
                if path.exists():
                    path.replace(directory / path.name)
                else:
                    (directory / path.name).touch()
        if not (directory / "train.txt").stat().st_size:
            raise InputError("the train split is empty", "give a file with tagged words in it")
        return
    cut(spool / "all.txt", directory, fractions)
    with labels_file(spool, "all").open("rb") as source:
        for split in SPLITS:
            with durable(labels_file(directory, split)) as target:
                for _ in range(size_of(directory / f"{split}.txt")["lines"]):
                    target.write(source.readline())


@dataclass(frozen=True)
class _Texts:
    """The distinct pairs of a part, ordered by the keyed digests of their texts, those of one text side by side.

    `lines` (pairs,) are their lines in the part, `texts` (pairs,) the digests of their texts, `ranks` (pairs,) the
    indices of those among the distinct ones, in order from 0. `duplicates` counts pairs that occurred before.
    """

    lines: NDArray[np.int64]
    texts: NDArray[np.bytes_]
    ranks: NDArray[np.int64]
    duplicates: int

    @property
    def distinct(self) -> int:
        """Number of distinct texts."""
        return int(self.ranks[-1]) + 1 if len(self.ranks) else 0


def _texts_of(spool: Path, part: str, seed: int) -> _Texts:
    """Texts are identified by digests of 16 bytes keyed with the seed; in the order of digests they are shuffled.

    Texts that cleaning could make equal count as one, so that no model is evaluated on what it was trained on.

    The order depends on the texts alone, not on their positions, so the joined splits are split as the corpus was.
    """
    key = seed.to_bytes(8, "big")
    digests = bytearray()
    with (spool / f"{part}.txt").open("rb") as texts, labels_file(spool, part).open("rb") as labels:
        for text, label in zip(texts, labels, strict=True):
            for content in (_folded(text), text + label):
                digests += hashlib.blake2b(content, digest_size=_DIGEST, key=key).digest()
    pairs, lines = np.unique(np.frombuffer(digests, f"S{2 * _DIGEST}"), return_index=True)
    of_text = pairs.view(f"S{_DIGEST}")[::2]
    ranks = np.cumsum(np.concatenate([[False], of_text[1:] != of_text[:-1]])[: len(pairs)])
    return _Texts(lines.astype(np.int64), of_text, ranks, len(digests) // (2 * _DIGEST) - len(pairs))


def _folded(text: bytes) -> bytes:
    """A text's letters and digits alone, NFKC and case-folded; the text itself where it has none."""
    folded = unicodedata.normalize("NFKC", text.decode()).casefold()
    return "".join(filter(str.isalnum, folded)).encode() or text


def _split_texts(
    spool: Path, directory: Path, fractions: tuple[float, float, float] | None, seed: int
) -> tuple[dict[str, dict[str, int]], int]:
    """Random splits that share no text, or the given ones; their distinct texts, and the pairs omitted."""
    if fractions is not None:
        all_texts = _texts_of(spool, "all", seed)
        ends = np.searchsorted(all_texts.ranks, _split_ends(all_texts.distinct, fractions))
        report = {}
        for split, start, end in zip(SPLITS, (0, *ends), ends, strict=False):
            _write_lines(spool, "all", all_texts.lines[start:end], directory, split)
            report[split] = {"texts": int(np.ptp(all_texts.ranks[start:end])) + 1 if end > start else 0}
        return report, all_texts.duplicates
    found = {split: _texts_of(spool, split, seed) for split in SPLITS if (spool / f"{split}.txt").exists()}
    if not found["train"].distinct:
        raise InputError("the train split is empty", "give a file with labeled texts in it")
    report = {}
    for split in SPLITS:
        texts = found.get(split)
        _write_lines(spool, split, np.sort(texts.lines) if texts else np.empty(0, np.int64), directory, split)
        report[split] = {"texts": texts.distinct if texts else 0}
        if split != "train":
            seen = np.isin(np.unique(texts.texts), found["train"].texts) if texts else np.empty(0)
            report[split]["in_train"] = int(seen.sum())
    return report, sum(texts.duplicates for texts in found.values())


def _split_ends(texts: int, fractions: tuple[float, float, float]) -> list[int]:
    """How many texts are in train, in train and valid, and in all; InputError where a split would get none."""
    if texts == 0:
        raise InputError("the corpus is empty", "give a file with labeled texts in it")
    ends = split_ends(texts, fractions)
    for split, start, end, fraction in zip(SPLITS, (0, *ends), ends, fractions, strict=False):
        if fraction and start == end:
            raise InputError(
                f"the corpus of {texts:,} distinct texts is too small to split: {split} gets none",
                "give more texts, or all of them to training with --fractions 1,0,0",
            )
    return ends


def _write_lines(spool: Path, part: str, lines: NDArray[np.int64], directory: Path, split: str) -> None:
    """Write some lines of a part's texts and labels, in the order of `lines`, as a split."""
    for source, target in (
        (spool / f"{part}.txt", directory / f"{split}.txt"),
        (labels_file(spool, part), labels_file(directory, split)),
    ):
        with durable(target) as file:
            file.writelines(_picked(source, lines))


def _picked(path: Path, lines: NDArray[np.int64]) -> Iterator[bytes]:
    if not len(lines):
        return
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        content = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        ends = np.cumsum(np.fromiter(map(len, file), np.int64))
        for line in lines:
            yield content[ends[line - 1] if line else 0 : ends[line]]
