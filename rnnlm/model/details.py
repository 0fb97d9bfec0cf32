"""Details of a predicted distribution beside the cost of its target: rank, entropy, and whether a word ends here.

Computed in float64 from the log probabilities of `likelihood.py`; only the weights p of the entropy have the precision
of the network: within 1e-6 nats of all in float64, in a third of the time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.likelihood import LanguageModel, log_probabilities

_NUMBERS = 2**19  # log probabilities in memory at once

_LEAST = -1e300  # stands for log 0, so that 0 log 0 is 0


@dataclass(frozen=True)
class Details:
    """For each row (rows,): the target's rank from 1, the entropy in nats, and the nats of 'one of `chosen` follows'.

    Entropy H = −Σ_w p(w) ln p(w) over all outputs; −ln Σ_{w in chosen} p(w). What was not requested is None.
    """

    rank: Tensor | None
    entropy: Tensor | None
    chosen: Tensor | None


def details(
    model: LanguageModel, hidden: Tensor, targets: Tensor, *, spread: bool, chosen: Tensor | None = None
) -> Details:
    """hidden (rows, …) and targets (rows,) of ids → a `Details`; rank and entropy if `spread`.

    `chosen` (outputs,) are flags of outputs. The rank is 1 + the number of more likely outputs.
    """
    rank, entropy, cost = [], [], []
    outputs = log_probabilities(model, hidden[:1]).shape[-1]
    rows = max(1, _NUMBERS // outputs)
    for start in range(0, len(hidden), rows):
        log_p = log_probabilities(model, hidden[start : start + rows])
        if spread:
            number = (targets[start : start + rows] - FIRST_OUTPUT).clamp(min=0).unsqueeze(1)
            rank.append(1 + (log_p > log_p.gather(1, number)).sum(1))
            p = log_p.to(hidden.dtype if hidden.is_floating_point() else torch.float64).exp()
            entropy.append(-(p * log_p.clamp(min=_LEAST)).sum(1))
        if chosen is not None:
            cost.append(-log_p[:, chosen].logsumexp(1))
    return Details(
        torch.cat(rank) if spread else None,
        torch.cat(entropy) if spread else None,
        torch.cat(cost) if chosen is not None else None,
    )
