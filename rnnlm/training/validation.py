"""The quick validation metric that selects the best weights during training."""

import numpy as np
import torch

from rnnlm.corpus.ids import Ids, shifted
from rnnlm.corpus.tokenizer import END_ID, START_ID
from rnnlm.model.likelihood import segment_nats
from rnnlm.model.network import Network

_VALIDATION_TOKENS = 50_000
_STRIPES = 20


@torch.inference_mode()
def striped_nats(model: Network, ids: Ids, most: int | None = None) -> float:
    """Nats per token for selecting the best weights: 20 stripes of at most 50,000 tokens, or `most`, side by side.

    Each stripe starts from the zero state in the middle of the text, so this is not comparable with `evaluate`.
    """
    model.eval()
    tokens = np.asarray(ids.ids[: most or _VALIDATION_TOKENS]).astype(np.int64)
    stripes = min(_STRIPES, len(tokens))
    length = len(tokens) // stripes
    targets = tokens[: stripes * length].reshape(stripes, length).T
    before = shifted(tokens, length * np.arange(stripes) + np.arange(length)[:, None], 0)
    before[0] = np.where(before[0] == END_ID, START_ID, before[0])
    states = model.initial_state(stripes)
    total = 0.0
    for start in range(0, length, 64):
        inputs = torch.from_numpy(before[start : start + 64]).to(model.bias.device)
        wanted = torch.from_numpy(np.ascontiguousarray(targets[start : start + 64])).to(model.bias.device)
        nats, states = segment_nats(model, inputs, wanted, states)
        total += float(nats.sum())
    return total / targets.size
