"""A split as ids with the label of each line, or of each word, and its lines as padded batches.

Where the labels came from, and what is learned from them, is not known here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Array, open_npy
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.labels.raw import labels_file, spool_labelled
from rnnlm.corpus.labels.sources import LabelledReading
from rnnlm.corpus.paths import find_corpus
from rnnlm.corpus.settings import FIELD, LABEL
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.text import TextRules, encode_text
from rnnlm.corpus.tokenizer import PAD_ID
from rnnlm.errors import ArtifactError, InputError

NO_LABEL, UNSEEN = -1, -2
_REMEDY = "rebuild them with: rnnlm clean --force, and rnnlm vocab --force"


@dataclass(frozen=True)
class LabelledText:
    """The ids of a split, and the `numbers` of its labels in the label set `labels`; −2 is a label outside the set.

    `numbers` is (lines,), or with `per_token` (tokens,) beside `ids.ids`, −1 at each `</s>`.
    """

    ids: Ids
    labels: tuple[str, ...]
    numbers: NDArray[np.int32]
    per_token: bool

    def __len__(self) -> int:
        """Number of lines."""
        return self.ids.lines

    def lengths(self) -> NDArray[np.int64]:
        """(lines,) steps of each: its words, or its tokens with `</s>`, which marks the end of a whole text."""
        return self.ids.lengths() - self.per_token

    def batch(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Inputs (time, n) of ids, 0 where padded; targets (time, n), −1 where padded, or (n,); lengths (n,)."""
        starts = self.ids.offsets[rows]
        lengths = self.ids.offsets[rows + 1] - starts - self.per_token
        steps = np.arange(lengths.max(initial=0))[:, None]
        inside = steps < lengths
        positions = (starts + steps)[inside]
        inputs = np.full(inside.shape, PAD_ID, np.int64)
        inputs[inside] = self.ids.ids[positions]
        if not self.per_token:
            return inputs, self.numbers[rows].astype(np.int64), lengths
        targets = np.full(inside.shape, NO_LABEL, np.int64)
        targets[inside] = self.numbers[positions]
        return inputs, targets, lengths


def label_set(raw: Path, *, per_token: bool) -> tuple[str, ...]:
    """The labels of the `raw` stage's training split, by descending count, those of equal count by name.

    Raises InputError where there are fewer than two to tell apart.
    """
    counts: Counter[str] = Counter()
    for block in line_blocks(labels_file(raw, "train")):
        lines = block.decode()
        counts.update(lines.split() if per_token else lines.split("\n")[:-1])
    if len(counts) < 2:
        found = f"but the label {next(iter(counts))!r}" if counts else "no label"
        raise InputError(f"the train split has {found}", "give a corpus with two labels or more")
    return tuple(sorted(counts, key=lambda label: (-counts[label], label)))


def open_labelled(
    raw: Path, clean: Path, ids: Ids, split: str, labels: tuple[str, ...], *, per_token: bool
) -> LabelledText:
    """A split's ids with the labels of the `raw` stage, by the line map of the `clean` stage.

    Raises ArtifactError where these do not belong together.
    """
    lines = open_npy(clean / f"{split}.lines.npy", kinds="u", dimensions=1, remedy=_REMEDY)
    return _joined(labels_file(raw, split), lines, ids, labels, per_token=per_token)


def encode_split(
    raw: Path, split: str, rules: TextRules, labels: tuple[str, ...], *, per_token: bool, directory: Path
) -> LabelledText:
    """A labeled raw split by a model's rules and label set, its ids in files in `directory`.

    Raises ArtifactError where by those rules a word is not one token, InputError when nothing is left of the text.
    """
    ids = encode_text(line_blocks(raw / f"{split}.txt"), rules, directory).ids
    lines = open_npy(directory / "text.lines.npy", kinds="u", dimensions=1, remedy=_REMEDY)
    return _joined(labels_file(raw, split), lines, ids, labels, per_token=per_token)


def encode_labelled(
    source: str,
    rules: TextRules,
    labels: tuple[str, ...],
    per_token: bool,
    directory: Path,
    *,
    field: str = FIELD,
    label: str = LABEL,
    decoding: Decoding | None = None,
) -> LabelledText:
    """A labeled file, or a directory of one file a label, by a model's rules and label set; files in `directory`.

    Equal texts are all kept, blank ones omitted. Raises InputError for what cannot be read.
    """
    corpus = find_corpus([source], label_files=not per_token)
    if not corpus.stream:
        raise InputError(f"{source} is a directory of splits", "name one labeled file")
    reading = LabelledReading("token" if per_token else "text", field, label, decoding or Decoding())
    spool_labelled(corpus, reading, directory, lambda count: None)
    return encode_split(directory, "all", rules, labels, per_token=per_token, directory=directory)


class _LabelNumbers(dict[bytes, int]):
    """Numbers by label; a missing one was not seen in training."""

    def __missing__(self, label: bytes) -> int:
        return UNSEEN


def _joined(path: Path, lines: Array, ids: Ids, labels: tuple[str, ...], *, per_token: bool) -> LabelledText:
    """`lines` (units,) are the raw lines, from 1, that the lines of `ids` came from."""
    table = _LabelNumbers((label.encode(), number) for number, label in enumerate(labels))
    if per_token:
        table[b"\n"] = NO_LABEL
        numbers = _numbers(path, _tags(path), table)
        ends = np.flatnonzero(numbers == NO_LABEL) + 1
        fits = len(numbers) == len(ids.ids) and np.array_equal(ends, ids.offsets[1:])
    else:
        numbers = _numbers(path, (block.split(b"\n")[:-1] for block in line_blocks(path)), table)
        rows = lines.astype(np.int64) - 1
        fits = len(rows) == ids.lines and rows.min(initial=0) >= 0 and rows.max(initial=-1) < len(numbers)
        numbers = numbers[rows] if fits else numbers
    if not fits:
        what = "word" if per_token else "line"
        raise ArtifactError(f"{path} does not have a label for each {what} of the ids", _REMEDY)
    return LabelledText(ids, labels, numbers, per_token)


def _tags(path: Path) -> Iterator[list[bytes]]:
    """The tags of a file in pieces, a line end after those of each line."""
    for block in line_blocks(path):
        yield list(filter(None, block.replace(b"\n", b" \n ").split(b" ")))


def _numbers(path: Path, pieces: Iterable[list[bytes]], table: _LabelNumbers) -> NDArray[np.int32]:
    """The number of each label of a file, in order."""
    try:
        found = [np.fromiter(map(table.__getitem__, piece), np.int32, len(piece)) for piece in pieces]
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}", "read the corpus again") from None
    return np.concatenate([np.empty(0, np.int32), *found])
