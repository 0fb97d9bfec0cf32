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
    raw_bytes: int
    specials: int


def clean_blocks(blocks: Iterable[bytes], rule: CleanRule, units: UnitRule) -> Iterator[CleanBlock]:
    """Clean raw text, given in blocks of whole lines.

    Raises InputError for a special string in the text where the rule says so.
    """
    cleaner = Cleaner(rule)
    plain = Cleaner(replace(rule, punctuation="keep", special=False, markup=False)) if units.special_error else None
    fresh = True  # whether the next unit begins a document
    for raw, numbers in _numbered_lines(blocks, units):
        if plain is not None:
            _refuse_specials(plain.block(raw), numbers)
        before, cleaned = cleaner.found, cleaner.block(raw)
        ends = np.flatnonzero(np.frombuffer(cleaned, np.uint8) == 10)
        empty = np.diff(ends, prepend=-1) == 1
        raw_blank = np.zeros(len(ends), bool)
        if empty.any():
            raw_lines = raw.split(b"\n")
            for index in np.flatnonzero(empty):
                raw_blank[index] = not raw_lines[index].decode().strip()
        kept = np.ones(len(ends), bool) if units.blank_lines else ~empty
        if not units.blank_lines and empty.any():
            cleaned = b"".join(line + b"\n" for line in cleaned.split(b"\n") if line)
        # A unit begins a document when the last raw line before it that was kept or blank was blank.
        starts = np.empty(len(ends), bool)
        marks = np.flatnonzero(kept | raw_blank)
        starts[marks] = np.concatenate([[fresh], raw_blank[marks[:-1]]]) if len(marks) else []
        if units.blank_lines and len(marks):
            # The blank line itself belongs to the document that it ends, unless it is the first unit.
            starts &= ~raw_blank | (numbers == 1)
        fresh = bool(raw_blank[marks[-1]]) if len(marks) else fresh
        blank = int((raw_blank & ~kept).sum())
        emptied = int((~kept).sum()) - blank
        documents = np.flatnonzero(starts[kept])
        yield CleanBlock(cleaned, numbers[kept], documents, blank, emptied, len(raw), cleaner.found - before)


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


def _refuse_specials(cleaned: bytes, numbers: NDArray[np.int64]) -> None:
    if not any(special in cleaned for special in _SPECIALS):
        return
    for number, line in zip(numbers, cleaned.split(b"\n"), strict=False):
        for word in line.split(b" "):
            if word in _SPECIALS:
                raise InputError(
                    f"line {number} has the special string {word.decode()}",
                    "remove it, or omit --special-in-text error",
                )


def clean(raw: Path, directory: Path, rule: CleanRule, units: UnitRule, progress: Advance) -> dict[str, Any]:
    """Clean every split of the `raw` stage into `directory`: text, line map and document starts; the counts.

    Raises InputError when cleaning leaves nothing of the training split.
    """
    report: dict[str, Any] = {}
    for split in SPLITS:
        counts = {"units": 0, "characters": 0, "blank_lines": 0, "emptied_lines": 0, "documents": 0,
                  "special_strings": 0}  # fmt: skip
        with (
            durable(directory / f"{split}.txt") as text,
            npy_writer(directory / f"{split}.lines.npy", np.uint32) as lines,
            npy_writer(directory / f"{split}.documents.npy", np.uint32) as documents,
        ):
            for block in clean_blocks(line_blocks(raw / f"{split}.txt"), rule, units):
                text.write(block.text)
                lines.append(block.lines)
                documents.append(block.documents + counts["units"])
                counts["units"] += len(block.lines)
                counts["characters"] += len(block.text if block.text.isascii() else block.text.decode())
                counts["blank_lines"] += block.blank
                counts["emptied_lines"] += block.emptied
                counts["documents"] += len(block.documents)
                counts["special_strings"] += block.specials
                progress(block.raw_bytes)
        report[split] = counts
        had_lines = (raw / f"{split}.txt").stat().st_size > 0
        if counts["units"] == 0 and (split == "train" or had_lines):
            raise InputError(
                f"nothing is left of the {split} split after cleaning",
                "give text with words in it, or clean less: --punctuation keep, or --prepared",
            )
    return {"splits": report}
