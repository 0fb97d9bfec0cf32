"""Text drawn from a network as ids, for an n-gram model to be estimated on.

Such a model can be used where only n-grams can, as in the first pass of a speech recogniser, and comes the nearer to
the network the more text is drawn. Source: Deoras et al. 2011, "Variational approximation of long-span language models
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

_ROWS = 64  # texts drawn side by side
_NUMBERS = 2**21  # log probabilities in memory at once: 16 MB
_STEPS = 256  # steps kept before they are written


@dataclass(frozen=True)
class Samples:
    """`ids` (tokens,) of some texts one after the other, `starts` (lines,) the places where their lines begin."""

    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]


@torch.inference_mode()
def sample_text(
    model: Network, tokens: int, context: str, seed: int, scratch: Scratch, advance: Callable[[int], None]
) -> Samples:
    """`tokens` draws from the model's own distribution, `<unk>` and `</s>` included.

    With `context` 'sentence' every line begins anew with `<s>`; otherwise each of the texts goes on from line to line.
    The last line of a text may have no end: it is left as it is, so that every token is a fair draw. `advance` is told
    how many more there are.
    """
    outputs = model.architecture.outputs
    rows = max(1, min(_ROWS, tokens, _NUMBERS // outputs))
    length = -(-tokens // rows)
    text = scratch.array(rows * length, np.uint32).reshape(rows, length)
    generator = torch.Generator().manual_seed(seed)  # on the CPU, so that a seed means the same on every device
    start = states = model.initial_state(rows)
    inputs = torch.full((rows,), START_ID, dtype=torch.int64, device=model.device)
    for first in range(0, length, _STEPS):
        drawn = []
        for _ in range(min(_STEPS, length - first)):
            hidden, states = model(inputs.unsqueeze(0), states)
            chances = torch.rand(rows, generator=generator, dtype=torch.float64).to(model.device)
            inputs = draw(log_probabilities(model, hidden[0]), 1.0, chances)
            drawn.append(inputs)
            if context == "sentence":
                ended = inputs == END_ID
                states = _begun(states, start, ended)
                inputs = torch.where(ended, START_ID, inputs)
        text[:, first : first + len(drawn)] = torch.stack(drawn, 1).cpu().numpy()
        advance(rows * len(drawn))
    ends = np.flatnonzero(text.reshape(-1)[:tokens] == END_ID) + 1
    starts = np.union1d(np.arange(0, tokens, length), ends[ends < tokens])
    return Samples(text.reshape(-1)[:tokens], starts.astype(np.int64))


def _begun(states: States, start: States, ended: Tensor) -> States:
    """The states with those of `ended` (rows,) at the start again."""
    where = ended.unsqueeze(1)
    return tuple(
        tuple(torch.where(where, old, new) for new, old in zip(state, begin, strict=True))
        for state, begin in zip(states, start, strict=True)
    )
