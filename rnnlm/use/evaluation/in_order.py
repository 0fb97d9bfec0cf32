"""A text read in order, one stretch after the other, for models that adapt to it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnlm.corpus.ids import Ids, shifted
from rnnlm.model.likelihood import spans_of


@dataclass(frozen=True)
class Stretch:
    """Tokens from `start` on: `inputs` (time, 1) and `targets` (time,) of ids; `fresh` where the state is reset."""

    start: int
    inputs: Tensor
    targets: Tensor
    fresh: bool


def stretches(ids: Ids, context: str, steps: int) -> Iterator[Stretch]:
    """The text in stretches of at most `steps` tokens, none across a border at which `context` resets the state."""
    for first, end in spans_of(ids, context):
        for start in range(int(first), int(end), steps):
            targets = np.asarray(ids.ids[start : min(start + steps, end)], np.int64)
            inputs = shifted(ids.ids, np.arange(start, start + len(targets)), first)
            yield Stretch(start, torch.from_numpy(inputs).unsqueeze(1), torch.from_numpy(targets), start == first)
