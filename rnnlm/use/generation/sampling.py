"""From a distribution over the next token to a token: ways to shape it, as small functions composed, and the draw.

Log probabilities, (rows, outputs) float64, come in and go out; what is left out has −∞.
"""

import math

import torch
from torch import Tensor

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, UNKNOWN_ID
from rnnlm.use.generation.settings import GenerateSettings


def shaped(log_p: Tensor, settings: GenerateSettings, said: Tensor | None = None) -> Tensor:
    """log_p (rows, outputs) of the model → what is drawn from, (rows, outputs), not normalised.

    `said` (rows, outputs) is true for what each row has said already, None where that does not matter.
    """
    log_q = log_p.clone()
    if not settings.unknown:
        log_q[:, UNKNOWN_ID - FIRST_OUTPUT] = -torch.inf
    if said is not None:
        log_q = _less_of_the_same(log_q, said, settings.repetition_penalty)
    if settings.temperature not in (0.0, 1.0):
        log_q = (log_q - log_q.amax(-1, keepdim=True)) / settings.temperature
    if settings.top_k is not None and settings.top_k < log_q.shape[1]:
        least = log_q.topk(settings.top_k, -1).values[:, -1:]
        log_q = log_q.masked_fill(log_q < least, -torch.inf)
    if settings.top_p is not None:
        log_q = _nucleus(log_q, settings.top_p)
    if settings.min_p is not None:
        log_q = _near_the_best(log_q, settings.min_p)
    if settings.typical is not None:
        log_q = _typical(log_q, settings.typical)
    return log_q


def _less_of_the_same(log_q: Tensor, said: Tensor, penalty: float) -> Tensor:
    """x / θ where x > 0 and x θ where x < 0, for what has been said, with x = log p + log outputs and θ the penalty.

    Keskar et al. 2019 divide a logit by θ, which makes it less likely where the logit is positive; implementations
    multiply where it is not. A logit's zero is arbitrary; here it is the probability that all would have if none were
    likelier than another.
    """
    shift = math.log(log_q.shape[1])
    x = log_q + shift
    return torch.where(said, torch.where(x > 0, x / penalty, x * penalty) - shift, log_q)


def _nucleus(log_q: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of most likely tokens that holds `top_p` (Holtzman et al. 2020), one at least."""
    ordered, places = log_q.softmax(-1).sort(-1, descending=True)
    return _first_to_hold(log_q, ordered, places, top_p)


def _near_the_best(log_q: Tensor, min_p: float) -> Tensor:
    """Keep what is at least `min_p` times as likely as the most likely token (Nguyen et al. 2024)."""
    least = log_q.amax(-1, keepdim=True) + (math.log(min_p) if min_p > 0 else -torch.inf)
    return log_q.masked_fill(log_q < least, -torch.inf)


def _typical(log_q: Tensor, mass: float) -> Tensor:
    """Keep the smallest set that holds `mass` of tokens whose surprisal is nearest to the entropy, one at least.

    Locally typical sampling (Meister et al. 2023): smallest |−log q − H(q)| first.
    """
    q = log_q.softmax(-1)
    entropy = torch.special.entr(q).sum(-1, keepdim=True)
    places = torch.argsort((-q.log() - entropy).abs(), dim=-1, stable=True)
    return _first_to_hold(log_q, q.gather(-1, places), places, mass)


def _first_to_hold(log_q: Tensor, ordered: Tensor, places: Tensor, mass: float) -> Tensor:
    """Keep the first tokens of an order that together hold `mass`: `ordered` are their probabilities."""
    before = ordered.cumsum(-1) - ordered
    drop = before >= mass
    drop[:, 0] = False
    return log_q.masked_fill(torch.zeros_like(drop).scatter(-1, places, drop), -torch.inf)


def draw(log_q: Tensor, temperature: float, chance: Tensor) -> Tensor:
    """(rows, outputs) → (rows,) ids; the most likely at temperature 0, otherwise what `chance` falls on.

    `chance` (rows,) float64 from 0 to below 1 is all that is random in a draw: the token is the first whose cumulated
    probability exceeds it. So a row's token does not depend on what is drawn beside it.
    """
    if temperature == 0:
        return log_q.argmax(-1) + FIRST_OUTPUT
    reached = (log_q - log_q.amax(-1, keepdim=True)).exp_().cumsum(-1)
    whole = reached[:, -1:]
    wanted = torch.minimum(chance.unsqueeze(1) * whole, whole * (1 - 2**-52))
    return torch.searchsorted(reached, wanted, right=True).squeeze(1) + FIRST_OUTPUT
