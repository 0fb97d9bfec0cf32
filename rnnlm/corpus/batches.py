"""Ids to batches: contiguous streams whose state is carried, or sentences padded to one length.

All randomness comes from a `np.random.Generator` whose state can be saved and restored with the position, so a run
that continues reads the batches that it would have read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids, shifted
from rnnlm.corpus.padded import Sentences
from rnnlm.corpus.plan import Plan
from rnnlm.corpus.tokenizer import END_ID, PAD_ID, START_ID

# Half of the segments that happen to begin at a line start are read from the start state. Such segments are few
# (one in 20 at 20 words a line): the state is still carried nearly always, and the start state is trained often enough.
START_FRACTION = 0.5


@dataclass(frozen=True)
class TokenBatch:
    """`inputs`, `targets` (time, batch) of ids, 0 where there is nothing to predict; `fresh` (batch,) restarts a state.

    `epoch` is the number of the epoch, from 0.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    epoch: int

    @property
    def predictions(self) -> int:
        """Number of targets."""
        return int((self.targets != PAD_ID).sum())

    def part(self, columns: slice) -> "TokenBatch":
        """Some of the sequences."""
        return TokenBatch(self.inputs[:, columns], self.targets[:, columns], self.fresh[columns], self.epoch)


class StreamBatches:
    """The text as `batch_size` contiguous stripes, read side by side in segments of about `bptt` steps.

    Each epoch the stripes begin up to a segment further on and the segments vary by an eighth, so that no word is
    always cut off from what precedes it. No further: every part of the text is read again after about one epoch.
    """

    def __init__(self, ids: Ids, batch_size: int, bptt: int, seed: int) -> None:
        self._ids = ids.ids
        self._starts = _starts(ids)
        self._batch, self._bptt = batch_size, bptt
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._epoch, self._position, self._offset = 0, 0, 0
        self._length = len(self._ids) // batch_size

    @property
    def tokens_per_epoch(self) -> int:
        """Targets in an epoch; the remainder, less than `batch_size`, is read in the next one."""
        return self._length * self._batch

    def __iter__(self) -> Iterator[TokenBatch]:
        while True:
            if self._position == 0:
                further = int(self._random.integers(1, self._bptt + 1)) if self._epoch else 0
                self._offset = (self._offset + further) % len(self._ids)
            margin = self._bptt // 8
            length = self._bptt + int(self._random.integers(-margin, margin + 1))
            length = min(length, self._length - self._position)
            columns = self._offset + self._position + self._length * np.arange(self._batch)
            positions = (columns + np.arange(length)[:, None]) % len(self._ids)
            targets = self._ids[positions].astype(np.int64)
            inputs = np.concatenate([shifted(self._ids, positions[:1], 0), targets[:-1]])
            nearest = np.searchsorted(self._starts, positions[0]).clip(max=len(self._starts) - 1)
            begins = self._starts[nearest] == positions[0]
            chosen = self._random.random(self._batch) < START_FRACTION
            fresh = begins & (chosen | (positions[0] == 0) if self._position else True)
            inputs[0][fresh] = START_ID
            fresh = fresh | (self._position == 0)
            epoch = self._epoch
            self._position += length
            if self._position >= self._length:
                self._epoch, self._position = self._epoch + 1, 0
            yield TokenBatch(inputs, targets, fresh, epoch)

    def state(self) -> dict[str, Any]:
        """The reading position as JSON."""
        return {
            "epoch": self._epoch,
            "position": self._position,
            "offset": self._offset,
            "random": self._random.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved `state`."""
        self._epoch, self._position, self._offset = (int(state[key]) for key in ("epoch", "position", "offset"))
        self._random.bit_generator.state = state["random"]


def _starts(ids: Ids) -> NDArray[np.int64]:
    """Where a sequence may start, in order: at documents where the corpus has several, else at lines."""
    if len(ids.documents) > 1:
        return np.asarray(ids.offsets[ids.documents.astype(np.int64)])
    return ids.offsets


class SentenceBatches:
    """Sentences of similar length side by side, `<s>` before and `</s>` after each, padded with 0 within the batch.

    An epoch reads every sentence once in random order. With `bptt` a long batch is read in several segments.
    """

    def __init__(self, sentences: Sentences, batch_size: int, bptt: int | None, seed: int) -> None:
        self._sentences, self._bptt = sentences, bptt
        self._plan = Plan(sentences.lengths, batch_size, seed)
        self._within = 0

    @property
    def tokens_per_epoch(self) -> int:
        """Targets in an epoch."""
        return int(self._sentences.sizes().sum())

    def __iter__(self) -> Iterator[TokenBatch]:
        while True:
            whole, epoch = self._rows(self._plan.rows), self._plan.epoch
            time = whole.shape[0] - 1
            step = self._bptt or time
            start, end = self._within, min(self._within + step, time)
            batch = TokenBatch(
                np.where(whole[start:end] == END_ID, PAD_ID, whole[start:end]),
                whole[start + 1 : end + 1],
                np.full(whole.shape[1], start == 0),
                epoch,
            )
            self._within = end
            if end == time:
                self._within = 0
                self._plan.advance()
            yield batch

    def _rows(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """(time + 1, batch): `<s>`, the tokens, `</s>`, then 0."""
        rows = [self._sentences.sentence(int(number)) for number in numbers]
        whole = np.full((max(map(len, rows)) + 1, len(rows)), PAD_ID, np.int64)
        whole[0] = START_ID
        for column, row in enumerate(rows):
            whole[1 : len(row) + 1, column] = row
        return whole

    def state(self) -> dict[str, Any]:
        """The reading position as JSON."""
        return {**self._plan.state(), "within": self._within}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved `state`."""
        self._within = int(state["within"])
        self._plan.restore(state)
