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

from rnnlm.arrays import Floats

_STEPS = 256  # tokens whose similarities with the window are in memory at once

WINDOWS = (100, 500, 2000)
# θ in units of the mean of h · h, which differs between networks: 0 counts words, more prefers similar states.
SHARPNESS = (0.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True)
class CacheShape:
    """A window W in tokens, and θ."""

    window: int
    theta: float


def shapes_to_try(h: Floats) -> list[CacheShape]:
    """The grid, with θ in units of the mean of h · h over the beginning of a text, `h` (tokens, width)."""
    unit = max(float(np.square(h[: 4 * _STEPS], dtype=np.float64).sum(1).mean()), 1e-12)
    return [CacheShape(window, sharpness / unit) for window in WINDOWS for sharpness in SHARPNESS]


def cache_nats(
    h: Floats, words: NDArray[np.integer], first: float, shapes: Sequence[CacheShape]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """−log p_cache of each token under each shape: (start, (shapes, tokens)), in the order of the text.

    `h` (tokens, width) is what the output layer reads before each of `words` (tokens,); `first` is the network's cost
    of the first token. Infinity where the token is not in the window. Only the longest window is in memory.
    """
    longest = max(shape.window for shape in shapes)
    for start in range(0, len(words), _STEPS):
        near = slice(max(0, start - longest), start + _STEPS)
        keys, kept = torch.from_numpy(np.array(h[near])), torch.from_numpy(np.asarray(words[near], np.int32))
        costs = _stretch_costs(min(_STEPS, len(words) - start), keys, kept, shapes)
        if start == 0:
            costs[:, 0] = first
        yield start, costs.numpy()


def _stretch_costs(count: int, keys: Tensor, words: Tensor, shapes: Sequence[CacheShape]) -> Tensor:
    """The last `count` tokens of keys (kept, width) and words (kept,) → (shapes, count)."""
    similarity = keys[-count:] @ keys.T
    same = words[-count:].unsqueeze(1) == words
    position = torch.arange(len(keys))
    back = position[-count:].unsqueeze(1) - position  # distance back to a key; below 1 for keys after the token
    costs = keys.new_empty((len(shapes), count), dtype=torch.float64)
    for window in {shape.window for shape in shapes}:
        inside = (back >= 1) & (back <= window)
        near = similarity.masked_fill(~inside, -torch.inf)
        near -= near.amax(1, keepdim=True)
        for number, shape in enumerate(shapes):
            if shape.window == window:
                weight = (near * shape.theta).exp_() if shape.theta else inside.to(near.dtype)
                total = weight.sum(1, dtype=torch.float64)
                costs[number] = -(weight.mul_(same).sum(1, dtype=torch.float64) / total).log()
    return costs
