"""Join and split the states of a batch's sequences: tensors (batch, ·), or nested tuples of them."""

from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor

S = TypeVar("S")


def joined(states: Sequence[S]) -> S:
    """The states of several batches as those of one batch, in order."""
    first = states[0]
    if isinstance(first, Tensor):
        return cast(S, torch.cat(cast(list[Tensor], list(states))))
    assert isinstance(first, tuple)
    return cast(S, tuple(joined(parts) for parts in zip(*cast(Sequence[tuple[S, ...]], states), strict=True)))


def taken(states: S, rows: Tensor | slice) -> S:
    """The states of some sequences of a batch; `rows` are indices (n,), which may repeat, or a slice."""
    if isinstance(states, Tensor):
        return cast(S, states[rows] if isinstance(rows, slice) else states.index_select(0, rows))
    assert isinstance(states, tuple)
    return cast(S, tuple(taken(part, rows) for part in states))
