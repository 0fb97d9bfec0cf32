"""The second stage: raw lines to units, one cleaned line each, with the number of the raw line.

`clean_blocks` serves the stage, files of prompts and a model that encodes a text. Tokens are not known here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import npy_writer
from rnnlm.artifacts import durable
from rnnlm.corpus.normalizer import SPECIALS, Cleaner, CleanRule
from rnnlm.corpus.sentences import sentences_of
from rnnlm.corpus.settings import SPLITS, WORD_KINDS, CleanSettings
from rnnlm.corpus.sources import BLOCK, line_blocks
from rnnlm.errors import InputError
from rnnlm.files import Advance
from rnnlm.workers import Pool, Workers

_SPECIALS = tuple(special.encode() for special in SPECIALS)


@dataclass(frozen=True)
class UnitRule:
    """What a unit is: whether an empty line is one, whether prose is split, whether a special string is an error."""

    blank_lines: bool
    sentences: bool
    special_error: bool

    @classmethod
    def of(cls, settings: CleanSettings, kind: str) -> "UnitRule":
        """Every line of a prepared corpus, and of characters and bytes, is a unit; otherwise blank lines are not."""
        every = (settings.prepared or kind in ("char", "byte")) and not settings.sentences
        return cls(every, settings.sentences, kind in WORD_KINDS and settings.special_in_text == "error")


@dataclass(frozen=True)
class CleanBlock:
    """Some units: their cleaned text, a line each, and for each its raw line number (from 1).

    `documents` are the indices, within the block, of units that begin a document; `blank` and `emptied` count the
    raw lines that gave no unit, `specials` the special strings.
    """

    text: bytes
    lines: NDArray[np.int64]
    documents: NDArray[np.int64]
    blank: int
    emptied: int
    characters: int
    raw_bytes: int
    specials: int


@dataclass(frozen=True)
class _Cleaned:
    """The `text` of the lines of a block that are `kept`; `special` is the first special string that is an error.

    `kept` and `blank` (lines,) are about the raw lines: which give a unit, and which hold nothing.
    """

    text: bytes
    kept: NDArray[np.bool_]
    blank: NDArray[np.bool_]
    characters: int
    specials: int
    size: int
    special: tuple[int, str] | None


class _Cleaning:
    """A block of raw lines to cleaned ones, without what came before it."""

    def __init__(self, rule: CleanRule, units: UnitRule) -> None:
        self._cleaner, self._units = Cleaner(rule), units
        plain = replace(rule, punctuation="keep", special=False, markup=False)
        self._plain = Cleaner(plain) if units.special_error else None

    def __call__(self, raw: bytes) -> _Cleaned:
        """Clean every line."""
        special = None if self._plain is None else _first_special(self._plain.block(raw))
        before, cleaned = self._cleaner.found, self._cleaner.block(raw)
        ends = np.flatnonzero(np.frombuffer(cleaned, np.uint8) == 10)
        empty = np.diff(ends, prepend=-1) == 1
        blank = np.zeros(len(ends), bool)
        if empty.any():
            raw_lines = raw.split(b"\n")
            for index in np.flatnonzero(empty):
                blank[index] = not raw_lines[index].decode().strip()
        kept = np.ones(len(ends), bool) if self._units.blank_lines else ~empty
        if not kept.all():
            cleaned = b"".join(line + b"\n" for line in cleaned.split(b"\n") if line)
        characters = len(cleaned if cleaned.isascii() else cleaned.decode())
        return _Cleaned(cleaned, kept, blank, characters, self._cleaner.found - before, len(raw), special)


def clean_blocks(blocks: Iterable[bytes], rule: CleanRule, units: UnitRule) -> Iterator[CleanBlock]:
    """Clean raw text, given in blocks of whole lines.

    Raises InputError for a special string in the text where the rule says so.
    """
    return _clean_blocks(blocks, units, Workers(_Cleaning, rule, units), 0)


def _clean_blocks(
    blocks: Iterable[bytes], units: UnitRule, workers: Workers[_Cleaned], size: int
) -> Iterator[CleanBlock]:
    """The same for a text of `size` bytes."""
    fresh = True  # whether the next unit begins a document
    for done, numbers in workers.map(_numbered_lines(blocks, units), size):
        if done.special is not None:
            raise InputError(
                f"line {numbers[done.special[0]]} has the special string {done.special[1]}",
                "remove it, or omit --special-in-text error",
            )
        kept, raw_blank = done.kept, done.blank
        # A unit begins a document when the last raw line before it that was kept or blank was blank.
        starts = np.empty(len(kept), bool)
        marks = np.flatnonzero(kept | raw_blank)
        starts[marks] = np.concatenate([[fresh], raw_blank[marks[:-1]]]) if len(marks) else []
        if units.blank_lines and len(marks):
            # The blank line itself belongs to the document that it ends, unless it is the first unit.
            starts &= ~raw_blank | (numbers == 1)
        fresh = bool(raw_blank[marks[-1]]) if len(marks) else fresh
        blank = int((raw_blank & ~kept).sum())
        emptied = int((~kept).sum()) - blank
        documents = np.flatnonzero(starts[kept])
        sizes = done.characters, done.size, done.specials
        yield CleanBlock(done.text, numbers[kept], documents, blank, emptied, *sizes)


def _numbered_lines(blocks: Iterable[bytes], units: UnitRule) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
    """Blocks of lines (or sentences) with the raw line number of each."""
    if not units.sentences:
        number = 1
        for block in blocks:
            count = block.count(b"\n")
            yield block, np.arange(number, number + count)
            number += count
        return
    lines = (line for block in blocks for line in block.decode().split("\n")[:-1])
    texts: list[str] = []
    numbers: list[int] = []
    size = 0
    for number, sentence in sentences_of(enumerate(lines, 1)):
        texts.append(sentence + "\n")
        numbers.append(number)
        size += len(sentence)
        if size > BLOCK:
            yield "".join(texts).encode(), np.array(numbers)
            texts, numbers, size = [], [], 0
    if texts:
        yield "".join(texts).encode(), np.array(numbers)


def _first_special(cleaned: bytes) -> tuple[int, str] | None:
    """The first line, from 0, that has a special string as a word, and the string."""
    if not any(special in cleaned for special in _SPECIALS):
        return None
    words = ((number, word) for number, line in enumerate(cleaned.split(b"\n")) for word in line.split(b" "))
    return next(((number, word.decode()) for number, word in words if word in _SPECIALS), None)


def clean(
    raw: Path, directory: Path, rule: CleanRule, units: UnitRule, progress: Advance, pool: Pool | None = None
) -> dict[str, Any]:
    """Clean every split of the `raw` stage into `directory`: text, line map and document starts; the counts.

    Raises InputError when cleaning leaves nothing of the training split.
    """
    workers = Workers(_Cleaning, rule, units, pool=pool)
    return {"splits": {split: _clean(raw, directory, split, units, workers, progress) for split in SPLITS}}


def _clean(
    raw: Path, directory: Path, split: str, units: UnitRule, workers: Workers[_Cleaned], progress: Advance
) -> dict[str, int]:
    """Clean one split; the counts."""
    source = raw / f"{split}.txt"
    size = source.stat().st_size
    counts = {"units": 0, "characters": 0, "blank_lines": 0, "emptied_lines": 0, "documents": 0,
              "special_strings": 0}  # fmt: skip
    with (
        durable(directory / f"{split}.txt") as text,
        npy_writer(directory / f"{split}.lines.npy", np.uint32) as lines,
        npy_writer(directory / f"{split}.documents.npy", np.uint32) as documents,
    ):
        for block in _clean_blocks(line_blocks(source), units, workers, size):
            text.write(block.text)
            lines.append(block.lines)
            documents.append(block.documents + counts["units"])
            counts["units"] += len(block.lines)
            counts["characters"] += block.characters
            counts["blank_lines"] += block.blank
            counts["emptied_lines"] += block.emptied
            counts["documents"] += len(block.documents)
            counts["special_strings"] += block.specials
            progress(block.raw_bytes)
    if counts["units"] == 0 and (split == "train" or size):
        raise InputError(
            f"nothing is left of the {split} split after cleaning",
            "give text with words in it, or clean less: --punctuation keep, or --prepared",
        )
    return counts
