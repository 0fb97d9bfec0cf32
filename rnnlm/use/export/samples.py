"""Text sampled from a network as ids, on which an n-gram model is estimated.

Such a model serves where only n-grams can be used, as in the first pass of a speech recognizer; it gets closer to
the network with more text. Source: Deoras et al. 2011, "Variational approximation of long-span language models
for LVCSR".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.tokenizer import END_ID, START_ID
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.network import Network, States
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.generation.sampling import draw

_ROWS = 64  # texts sampled in a batch
_NUMBERS = 2**21  # log probabilities in memory at once: 16 MB
_STEPS = 256  # steps kept before they are written


@dataclass(frozen=True)
class Samples:
    """`ids` (tokens,) of some texts one after the other, `starts` (lines,) the positions where their lines begin."""

    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]


@torch.inference_mode()
def sample_text(
    model: Network, tokens: int, context: str, seed: int, scratch: Scratch, advance: Callable[[int], None]
) -> Samples:
    """`tokens` samples from the model's distribution, `<unk>` and `</s>` included.

    With `context` 'sentence' every line starts with `<s>`; otherwise each text continues from line to line. The last
    line of a text may have no end: it is kept as is, so that every token is an unbiased sample. `advance` gets the
    number of new tokens.
    """
    outputs = model.architecture.outputs
    rows = max(1, min(_ROWS, tokens, _NUMBERS // outputs))
    length = -(-tokens // rows)
    text = scratch.array(rows * length, np.uint32).reshape(rows, length)
    generator = torch.Generator().manual_seed(seed)  # on the CPU, so that a seed means the same on every device
    start = states = model.initial_state(rows)
    inputs = torch.full((rows,), START_ID, dtype=torch.int64, device=model.device)
    for first in range(0, length, _STEPS):
        sampled = []
        for _ in range(min(_STEPS, length - first)):
            hidden, states = model(inputs.unsqueeze(0), states)
            chances = torch.rand(rows, generator=generator, dtype=torch.float64).to(model.device)
            inputs = draw(log_probabilities(model, hidden[0]), 1.0, chances)
            sampled.append(inputs)
            if context == "sentence":
                ended = inputs == END_ID
                states = _reset(states, start, ended)
                inputs = torch.where(ended, START_ID, inputs)
        text[:, first : first + len(sampled)] = torch.stack(sampled, 1).cpu().numpy()
        advance(rows * len(sampled))
    ends = np.flatnonzero(text.reshape(-1)[:tokens] == END_ID) + 1
    starts = np.union1d(np.arange(0, tokens, length), ends[ends < tokens])
    return Samples(text.reshape(-1)[:tokens], starts.astype(np.int64))


def _reset(states: States, start: States, ended: Tensor) -> States:
    """The states with those of `ended` (rows,) reset."""
    where = ended.unsqueeze(1)
    return tuple(
        tuple(torch.where(where, old, new) for new, old in zip(state, begin, strict=True))
        for state, begin in zip(states, start, strict=True)
    )
