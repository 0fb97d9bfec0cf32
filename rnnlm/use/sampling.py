"""From a distribution over the next token to a token: temperature, top-k, top-p, as small functions composed."""

import torch
from torch import Tensor

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, UNKNOWN_ID
from rnnlm.use.settings import GenerateSettings


def shaped(log_p: Tensor, settings: GenerateSettings) -> Tensor:
    """log_p (rows, outputs) of the model → what is drawn from, (rows, outputs), not normalised."""
    log_q = log_p.clone()
    if not settings.unknown:
        log_q[:, UNKNOWN_ID - FIRST_OUTPUT] = -torch.inf
    if settings.temperature > 0:
        log_q = log_q / settings.temperature
    if settings.top_k is not None and settings.top_k < log_q.shape[1]:
        least = log_q.topk(settings.top_k, -1).values[:, -1:]
        log_q = log_q.masked_fill(log_q < least, -torch.inf)
    if settings.top_p is not None:
        log_q = _nucleus(log_q, settings.top_p)
    return log_q


def _nucleus(log_q: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of most likely tokens that holds `top_p` (Holtzman et al. 2020), one at least."""
    ordered, places = log_q.softmax(-1).sort(-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    drop = before >= top_p
    drop[:, 0] = False
    return log_q.masked_fill(torch.zeros_like(drop).scatter(-1, places, drop), -torch.inf)


def draw(log_q: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """(rows, outputs) → (rows,) ids; the most likely at temperature 0."""
    if temperature == 0:
        return log_q.argmax(-1) + FIRST_OUTPUT
    return torch.multinomial(log_q.softmax(-1), 1, generator=generator).squeeze(1) + FIRST_OUTPUT
