"""Which rows of a table each split has: a block of rows, whole sequences, or the rows of every sequence in time."""

from dataclasses import dataclass

import numpy as np

from rnnlm.corpus.settings import SPLITS, parse_fractions, split_ends
from rnnlm.errors import InputError
from rnnlm.tables.rules import RowNumbers


@dataclass(frozen=True)
class SplitRows:
    """A split: `rows` in the order of splits and, within them, of sequences, which begin at `starts` within them."""

    rows: slice
    starts: RowNumbers


def cut_of(sequences: int, fractions: str) -> str:
    """Whether sequences are split whole, or their rows in time because a split would get no sequence."""
    parsed = parse_fractions(fractions)
    ends = [0, *split_ends(sequences, parsed)]
    some = all(last > first for first, last, share in zip(ends, ends[1:], parsed, strict=False) if share)
    return "group" if some else "time"


def split_rows(
    rows: int, starts: RowNumbers, fractions: str, cut: str | None = None
) -> tuple[RowNumbers, dict[str, SplitRows]]:
    """The rows (rows,) in the order of splits, and each split; InputError where one gets nothing.

    A split is a block of rows, of whole sequences ('group'), or of the rows of every sequence in time ('time').
    """
    parsed = parse_fractions(fractions)
    if cut == "time":
        return _in_time(rows, starts, parsed)
    grouped = cut == "group"
    count = len(starts) if grouped else rows
    cuts = [0, *split_ends(count, parsed)]
    parts = {}
    for number, split in enumerate(SPLITS):
        first, last = cuts[number], cuts[number + 1]
        if parsed[number] and first == last:
            raise InputError(
                f"{count:,} {'sequences' if grouped else 'rows'} are too few to split: {split} gets none",
                "give more, cut each with --cut time, or give all to training with --fractions 1,0,0"
                if grouped
                else "give more, or all to training with --fractions 1,0,0",
            )
        if grouped:
            edges = np.append(starts, rows)
            part = slice(int(edges[first]), int(edges[last]))
            parts[split] = SplitRows(part, starts[first:last] - part.start)
        else:
            parts[split] = SplitRows(slice(first, last), np.zeros(min(last - first, 1), np.int64))
    return np.arange(rows), parts


def _in_time(
    rows: int, starts: RowNumbers, parsed: tuple[float, float, float]
) -> tuple[RowNumbers, dict[str, SplitRows]]:
    """Every sequence cut in time: the first part of each is train's, the last test's."""
    lengths = np.diff(starts, append=rows)
    ends = starts[:, None] + np.array([[0, *split_ends(int(length), parsed)] for length in lengths])
    moved, parts, first = [], {}, 0
    for number, split in enumerate(SPLITS):
        blocks = [np.arange(a, b) for a, b in ends[:, number : number + 2] if a < b]
        if parsed[number] and not blocks:
            raise InputError(
                f"sequences of at most {lengths.max(initial=0):,} rows are too short to be cut: {split} gets none",
                "give longer ones, or use --cut group",
            )
        sizes = np.array([len(block) for block in blocks], np.int64)
        parts[split] = SplitRows(slice(first, first + int(sizes.sum())), np.cumsum(sizes) - sizes)
        moved += blocks
        first = parts[split].rows.stop
    return np.concatenate(moved), parts
