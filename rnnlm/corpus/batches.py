"""Ids to batches: contiguous streams whose state is carried, or sentences padded to one length.

Everything is decided by a `np.random.Generator` whose state, with the position, can be saved and set again; so a
run that goes on meets the batches that it would have met.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.padded import Sentences
from rnnlm.corpus.plan import Plan
from rnnlm.corpus.tokenizer import END_ID, PAD_ID, START_ID

# Half of the segments that happen to begin at a line start are read from the start state. Such segments are few
# (one in 20 at 20 words a line), so the state is still carried nearly everywhere, and the start is met often enough.
START_SHARE = 0.5


@dataclass(frozen=True)
class TokenBatch:
    """`inputs`, `targets` (time, batch) of ids, 0 where there is nothing to predict; `fresh` (batch,) restarts a state.

    `epoch` counts passes over the text from 0.
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

    Each epoch the stripes begin a little further on and the segments vary by an eighth, so that no word is always cut
    off from what precedes it. Only a little: every part of the text is read again after one whole pass, not when it is
    still remembered.
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
        """Targets in a pass; fewer than `batch_size` of the text are left to the next one's other stripes."""
        return self._length * self._batch

    def __iter__(self) -> Iterator[TokenBatch]:
        while True:
            if self._position == 0:
                further = int(self._random.integers(1, self._bptt + 1)) if self._epoch else 0
                self._offset = (self._offset + further) % len(self._ids)
            spread = self._bptt // 8
            length = self._bptt + int(self._random.integers(-spread, spread + 1))
            length = min(length, self._length - self._position)
            columns = self._offset + self._position + self._length * np.arange(self._batch)
            places = (columns + np.arange(length)[:, None]) % len(self._ids)
            targets = self._ids[places].astype(np.int64)
            before = places[0] - 1
            first = np.where(before < 0, START_ID, self._ids[before]).astype(np.int64)
            inputs = np.concatenate([first[None], targets[:-1]])
            nearest = np.searchsorted(self._starts, places[0]).clip(max=len(self._starts) - 1)
            begins = self._starts[nearest] == places[0]
            chosen = self._random.random(self._batch) < START_SHARE
            fresh = begins & (chosen | (places[0] == 0) if self._position else True)
            inputs[0][fresh] = START_ID
            fresh = fresh | (self._position == 0)
            epoch = self._epoch
            self._position += length
            if self._position >= self._length:
                self._epoch, self._position = self._epoch + 1, 0
            yield TokenBatch(inputs, targets, fresh, epoch)

    def state(self) -> dict[str, Any]:
        """Where the reading stands, as JSON."""
        return {
            "epoch": self._epoch,
            "position": self._position,
            "offset": self._offset,
            "random": self._random.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved `state`."""
        self._epoch, self._position, self._offset = (int(state[key]) for key in ("epoch", "position", "offset"))
        self._random.bit_generator.state = state["random"]


def _starts(ids: Ids) -> NDArray[np.int64]:
    """Where a sequence may start, in order: at documents where the corpus has several, else at lines."""
    if len(ids.documents) > 1:
        return np.asarray(ids.offsets[ids.documents.astype(np.int64)])
    return ids.offsets


class SentenceBatches:
    """Sentences of like length side by side, `<s>` before and `</s>` after each, padded with 0 within the batch.

    A pass visits every sentence once in random order. With `bptt` a long batch is read in several segments.
    """

    def __init__(self, sentences: Sentences, batch_size: int, bptt: int | None, seed: int) -> None:
        self._sentences, self._bptt = sentences, bptt
        self._plan = Plan(sentences.lengths, batch_size, seed)
        self._within = 0

    @property
    def tokens_per_epoch(self) -> int:
        """Targets in a pass."""
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
        """Where the reading stands, as JSON."""
        return {**self._plan.state(), "within": self._within}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved `state`."""
        self._within = int(state["within"])
        self._plan.restore(state)
