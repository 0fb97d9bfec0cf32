"""Keystrokes that the best completions save on a keyboard.

A text is typed word by word, each with the space or line end after it. Before every keystroke the three most probable
words that begin with the characters typed so far are offered. As soon as the word is among them, one keystroke takes
it with its space. The savings are

    1 − keystrokes with the offers / keystrokes without them

(keystroke savings of Trnka & McCoy 2008, for an ideal user). A word of m characters costs m + 1 keystrokes without
offers; with them k + 1 if it is offered after k of its characters, k < m, and m + 1 if it never is, as for a word
outside the vocabulary. Line ends are not offered and not counted separately.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, UNKNOWN_ID

OFFERS = 3
_HIGHEST = "\U0010ffff"


class Keystrokes:
    """Counts keystrokes over a text of words; `names` are the vocabulary's tokens by id."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        order = sorted(range(UNKNOWN_ID + 1, len(names)), key=names.__getitem__)
        self._sorted = [names[number] for number in order]
        self._columns = torch.tensor(order, dtype=torch.int64) - FIRST_OUTPUT
        self._ranges = lru_cache(2**16)(self._ranges_of)
        self.plain = self.saved = 0
        self.words = 0

    def add(self, log_p: Tensor, targets: NDArray[np.int64]) -> None:
        """log_p (rows, outputs), targets (rows,) of ids; targets that are not words are skipped."""
        rows = np.flatnonzero(targets > UNKNOWN_ID)
        if not len(rows):
            return
        columns = torch.from_numpy(targets[rows] - FIRST_OUTPUT).to(log_p.device).unsqueeze(1)
        some = log_p[torch.from_numpy(rows).to(log_p.device)]
        better = some > some.gather(1, columns)
        in_order = better[:, self._columns.to(log_p.device)].to(torch.int32)
        before = torch.nn.functional.pad(in_order.cumsum(1, dtype=torch.int32), (1, 0)).cpu().numpy()
        for row, word in enumerate(targets[rows].tolist()):
            first, last = self._ranges(word)
            ahead = before[row, last] - before[row, first]  # better words with the same k characters, k = 0, 1, …
            typed = int((ahead >= OFFERS).sum())
            length = len(self._names[word])
            self._count(length, min(typed, length) + 1)

    def add_unknown(self, word: str) -> None:
        """Count a word outside the vocabulary, which is typed in full."""
        self._count(len(word), len(word) + 1)

    def _count(self, length: int, keystrokes: int) -> None:
        self.words += 1
        self.plain += length + 1
        self.saved += length + 1 - keystrokes

    def _ranges_of(self, word: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The range of the words in the sorted vocabulary that begin with the first k characters, k = 0 … m − 1."""
        name = self._names[word]
        starts = [name[:k] for k in range(len(name))]
        first = [bisect_left(self._sorted, start) for start in starts]
        last = [bisect_left(self._sorted, start + _HIGHEST) for start in starts]
        last[0] = len(self._sorted)
        return np.array(first), np.array(last)

    def savings(self) -> float | None:
        """The fraction of keystrokes saved; None without words."""
        return self.saved / self.plain if self.plain else None
