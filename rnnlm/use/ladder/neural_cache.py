"""The neural cache: recent words after similar states (Grave, Joulin & Usunier 2017).

    p_cache(w | h(t)) ∝ Σ_{i = t−W … t−1} 1[w = y(i)] exp(θ h(t) · h(i))

h(i) is the input of the output layer before the token y(i), in the same text; W is the window. It is a distribution
over the tokens of the window only, so it is used in a mixture. Before the first token the window is empty, and the
network's probability is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.likelihood import entropy, target_nats
from rnnlm.model.network import Network
from rnnlm.use.evaluation.evaluate import stretches

_STEPS = 256  # tokens whose similarities with the window are in memory at once

WINDOWS = (100, 500, 2000)
# θ in units of the mean of h · h, which differs between networks: 0 counts words, more prefers similar states.
SHARPNESS = (0.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class CacheShape:
    """A window W in tokens, and θ."""

    window: int
    theta: float


@torch.inference_mode()
def mean_square(model: Network, ids: Ids, context: str) -> float:
    """The mean of h · h over the beginning of a text."""
    first = next(stretches(ids, context, 4 * _STEPS))
    hidden, _ = model(first.inputs.to(model.device), model.initial_state(1))
    return float(hidden.double().square().sum(-1).mean())


def shapes_to_try(model: Network, ids: Ids, context: str) -> list[CacheShape]:
    """The grid, with θ in the network's own units."""
    unit = max(mean_square(model, ids, context), 1e-12)
    return [CacheShape(window, sharpness / unit) for window in WINDOWS for sharpness in SHARPNESS]


@torch.inference_mode()
def cache_nats(
    model: Network, ids: Ids, context: str, shapes: Sequence[CacheShape]
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """−log p_cache of each token under each shape: (start, (shapes, tokens), entropies), in the order of the text.

    Infinity where the token is not in the window. `entropies` (tokens,) are those of the network's own predictions, in
    nats. Only the longest window of the text is in memory.
    """
    longest = max(shape.window for shape in shapes)
    states = model.initial_state(1)
    keys = torch.empty(0)
    words = torch.empty(0, dtype=torch.int64)
    for stretch in stretches(ids, context, _STEPS):
        states = model.initial_state(1) if stretch.fresh else states
        hidden, states = model(stretch.inputs.to(model.device), states)
        h, y = hidden[:, 0], stretch.targets.to(model.device)
        keys, words = (torch.cat([keys, h]), torch.cat([words, y])) if len(keys) else (h, y)
        costs = _stretch_costs(h, y, keys, words, shapes)
        if stretch.start == 0:
            costs[:, 0] = target_nats(model, h[:1], y[:1] - FIRST_OUTPUT)
        yield stretch.start, costs.cpu().numpy(), entropy(model, h).cpu().numpy()
        keys, words = keys[-longest:], words[-longest:]


def _stretch_costs(h: Tensor, y: Tensor, keys: Tensor, words: Tensor, shapes: Sequence[CacheShape]) -> Tensor:
    """h (time, width), y (time,); keys (kept, width) and words (kept,), the last of them h and y → (shapes, time)."""
    similarity = h @ keys.T
    same = y.unsqueeze(1) == words
    position = torch.arange(len(keys), device=h.device)
    back = position[-len(h) :].unsqueeze(1) - position  # distance back to a key; below 1 for keys after the token
    costs = h.new_empty((len(shapes), len(h)), dtype=torch.float64)
    for window in {shape.window for shape in shapes}:
        inside = (back >= 1) & (back <= window)
        near = similarity.masked_fill(~inside, -torch.inf)
        near = near - near.amax(1, keepdim=True)
        for number, shape in enumerate(shapes):
            if shape.window == window:
                weight = (near * shape.theta).exp() if shape.theta else inside.to(near.dtype)
                found = (weight * same).sum(1, dtype=torch.float64)
                costs[number] = -(found / weight.sum(1, dtype=torch.float64)).log()
    return costs
