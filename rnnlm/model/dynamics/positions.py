"""Windows of a text, or whole sequences, that end at chosen outputs, side by side, to measure a network on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.ids import Ids, shifted
from rnnlm.corpus.sequences import Sequences
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, PAD_ID
from rnnlm.errors import InputError
from rnnlm.model.likelihood import spans_of
from rnnlm.model.network import Network, States
from rnnlm.model.states import joined

_SEGMENT = 1024  # steps read in one call before a window


@dataclass(frozen=True)
class Windows:
    """One column per position t, which is its last row.

    `inputs` are ids (steps, positions) or (steps, positions, F). `inside` (steps, positions) is false in the rows
    before a column's sequence begins, from the zero state; `states` are those before the first row, carried where the
    sequence began earlier. `targets` are those of t only, as `Network.loss` takes them.
    """

    inputs: Tensor
    inside: NDArray[np.bool_]
    targets: Tensor
    states: States

    @property
    def steps(self) -> int:
        """Number of rows."""
        return len(self.inputs)

    @property
    def places(self) -> int:
        """Number of columns."""
        return self.inputs.shape[1]

    def begins(self, step: int) -> NDArray[np.bool_]:
        """(positions,) whether a column's sequence begins at this row; false for those that begin at row 0."""
        return np.asarray(self.inside[step] & ~self.inside[step - 1] if step else np.zeros(self.places, np.bool_))

    def to(self, network: Network) -> "Windows":
        """The same on the network's device, real numbers in its dtype."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(network.bias) if tensor.is_floating_point() else tensor.to(network.bias.device)

        states = tuple(tuple(moved(part) for part in state) for state in self.states)
        return Windows(moved(self.inputs), self.inside, moved(self.targets), states)


def spread_places(depths: NDArray[np.int64], places: int, steps: int) -> NDArray[np.int64]:
    """Up to `places` of the positions 0…n − 1, ascending, spread evenly over those that are deep enough.

    `depths` (n,) are the steps from the start of a sequence to each. Deep enough is `steps`, or the largest smaller
    depth that `places` positions have.
    """
    depths = np.minimum(depths, steps)
    places = min(places, len(depths))
    if not places:
        return np.empty(0, np.int64)
    enough = np.partition(depths, -places)[-places]
    deep = np.flatnonzero(depths >= enough)
    return np.asarray(deep[np.linspace(len(deep) - 1, 0, places).round().astype(np.int64)][::-1])


def text_windows(network: Network, ids: Ids, context: str, places: int, steps: int, limit: int) -> Windows:
    """Up to `places` predictions among the first `limit` tokens of a text, with up to `steps` steps each.

    `context` is 'stream', 'document' or 'sentence'; the network reads the text up to each window, so that its state is
    the one that evaluation has there.
    """
    spans = spans_of(ids, context)
    spans = np.minimum(spans[spans[:, 0] < limit], limit)
    starts = np.repeat(spans[:, 0], spans[:, 1] - spans[:, 0])
    depths = np.arange(len(starts)) - starts + 1
    last = spread_places(depths, places, steps)
    starts, steps = starts[last], int(depths[last].max().clip(max=steps))
    firsts = last - steps + 1
    rows = firsts + np.arange(steps)[:, None]
    device = network.bias.device
    targets = torch.from_numpy(ids.ids[last].astype(np.int64) - FIRST_OUTPUT).to(device)
    inputs = torch.from_numpy(_inputs(ids, rows, starts)).to(device)
    return Windows(inputs, rows >= starts, targets, _carried(network, ids, starts, firsts))


def _inputs(ids: Ids, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The input before each of the tokens `rows` (…, sequences): `<s>` at `starts`, `<pad>` before them."""
    return np.where(rows >= starts, shifted(ids.ids, rows, starts), PAD_ID)


@torch.no_grad()
def _carried(network: Network, ids: Ids, starts: NDArray[np.int64], firsts: NDArray[np.int64]) -> States:
    """The states before the tokens `firsts` (positions,), ascending, of sequences that begin at `starts`."""
    found = []
    start, position, states = -1, 0, network.initial_state(1)
    for own_start, first in zip(starts, firsts, strict=True):
        if own_start != start:
            start = position = int(own_start)
            states = network.initial_state(1)
        while position < first:
            end = min(int(first), position + _SEGMENT)
            inputs = _inputs(ids, np.arange(position, end)[:, None], np.array([start]))
            _, states = network(torch.from_numpy(inputs).to(network.bias.device), states)
            position = end
        found.append(states)
    return joined(found)


def sequence_windows(network: Network, data: Sequences, places: int, steps: int) -> Windows:
    """Up to `places` whole sequences, aligned at their ends, spread over those of `steps` steps or more.

    Sequences with an unknown last target are left out; InputError if none is left.
    """
    lengths = data.lengths()
    some = np.flatnonzero(lengths > 0)
    rows = some[spread_places(lengths[some], places, steps)]
    inputs, targets, long = data.batch(rows)
    if network.architecture.task != "classify":
        targets = targets[long - 1, np.arange(len(rows))]
    known = targets >= 0 if targets.ndim == 1 else ~np.isnan(targets).all(1)
    if not known.any():
        raise InputError("the data has no sequence whose last target is known", "give more data")
    inputs, targets, long, rows = inputs[:, known], targets[known], long[known], rows[known]
    steps = int(long.max())
    shift = np.arange(steps)[:, None] - (steps - long)
    inside = shift >= 0
    moved = inputs[shift.clip(min=0), np.arange(len(rows))]
    moved[~inside] = 0
    device = network.bias.device
    return Windows(
        torch.from_numpy(moved).to(device), inside, torch.from_numpy(targets).to(device),
        network.initial_state(len(rows)),
    )  # fmt: skip
