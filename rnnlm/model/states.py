"""States of several sequences laid side by side and taken apart again, whatever a model's states are made of.

States are tensors (batch, ·), or tuples of states, however deep; nothing else is known of them here.
"""

from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor

S = TypeVar("S")


def joined(states: Sequence[S]) -> S:
    """The states of some batches as those of one, in their order."""
    first = states[0]
    if isinstance(first, Tensor):
        return cast(S, torch.cat(cast(list[Tensor], list(states))))
    assert isinstance(first, tuple)
    return cast(S, tuple(joined(parts) for parts in zip(*cast(Sequence[tuple[S, ...]], states), strict=True)))


def taken(states: S, rows: Tensor | slice) -> S:
    """The states of some sequences of a batch: `rows` (n,) are numbers, any more than once, or a slice."""
    if isinstance(states, Tensor):
        return cast(S, states[rows] if isinstance(rows, slice) else states.index_select(0, rows))
    assert isinstance(states, tuple)
    return cast(S, tuple(taken(part, rows) for part in states))
