"""A branch of the pipeline: lines as rows (N, T) of ids, padded with 0 on the right, and their true lengths.

Rows hold a line's tokens alone; the trainer adds `<s>` and `</s>`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.arrays import npy_writer
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import PAD_ID

_ROWS = 4096


def padded_size(splits: dict[str, Ids], max_length: int | None, long_lines: str) -> tuple[int, dict[str, int], int]:
    """Row length T, rows N of each split, and the bytes of all rows, before anything is written."""
    lengths = {split: ids.lengths() - 1 for split, ids in splits.items()}
    width = max_length or max((int(length.max()) for length in lengths.values() if len(length)), default=1) or 1
    rows = {
        split: int(np.maximum(1, -(-length // width)).sum()) if long_lines == "split" else len(length)
        for split, length in lengths.items()
    }
    return width, rows, sum(rows.values()) * width * next(iter(splits.values())).ids.dtype.itemsize


def pad(splits: dict[str, Ids], directory: Path, width: int, long_lines: str) -> dict[str, Any]:
    """Write `SPLIT.npy` (N, T) and `SPLIT.lengths.npy` (N,) for every split; the counts.

    A line longer than T loses its end ('truncate') or continues in the next row ('split').
    """
    report: dict[str, Any] = {}
    for split, ids in splits.items():
        lengths = ids.lengths() - 1
        with (
            npy_writer(directory / f"{split}.npy", ids.ids.dtype, (width,)) as rows,
            npy_writer(directory / f"{split}.lengths.npy", np.uint32) as row_lengths,
        ):
            for first in range(0, ids.lines, _ROWS):
                starts, sizes = _pieces(ids, lengths, range(first, min(first + _ROWS, ids.lines)), width, long_lines)
                block = np.full((len(starts), width), PAD_ID, ids.ids.dtype)
                inside = np.arange(width) < sizes[:, None]
                block[inside] = ids.ids[(starts[:, None] + np.arange(width))[inside]]
                rows.append(block)
                row_lengths.append(sizes)
            report[split] = {
                "rows": rows.rows,
                "longer_lines": int((lengths > width).sum()),
                "tokens_cut": int(np.maximum(lengths - width, 0).sum()) if long_lines == "truncate" else 0,
            }
    return {"length": width, "splits": report}


def _pieces(ids: Ids, lengths: Any, lines: range, width: int, long_lines: str) -> tuple[Any, Any]:
    """Where the row of each line, or each row of a long line, begins in the flat ids, and its true length."""
    starts = np.asarray(ids.offsets[lines.start : lines.stop])
    sizes = lengths[lines.start : lines.stop]
    if long_lines == "truncate":
        return starts, np.minimum(sizes, width)
    count = np.maximum(1, -(-sizes // width))
    piece = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(starts, count) + piece * width, np.minimum(np.repeat(sizes, count) - piece * width, width)
