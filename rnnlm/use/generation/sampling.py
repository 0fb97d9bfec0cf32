"""Sampling of the next token: transforms of the distribution, one function each, and the draw.

All map log probabilities (rows, outputs) in float64 to the same; excluded tokens have −∞.
"""

import math

import torch
from torch import Tensor

from rnnlm.corpus.tokenizer import FIRST_OUTPUT, UNKNOWN_ID
from rnnlm.model.likelihood import numbers
from rnnlm.model.network import Network
from rnnlm.use.generation.settings import GenerateSettings


def shaped(log_p: Tensor, settings: GenerateSettings, generated: Tensor | None = None) -> Tensor:
    """log_p (rows, outputs) of the model → the distribution to sample from, (rows, outputs), not normalized.

    `generated` (rows, outputs) is true for tokens that a row has already; None without a repetition penalty.
    """
    log_q = log_p.clone()
    if not settings.unknown:
        log_q[:, UNKNOWN_ID - FIRST_OUTPUT] = -torch.inf
    if generated is not None:
        log_q = _penalized(log_q, generated, settings.repetition_penalty)
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


def _penalized(log_q: Tensor, generated: Tensor, penalty: float) -> Tensor:
    """x / θ where x > 0 and x θ where x < 0, for generated tokens, with x = log p + log outputs and θ the penalty.

    Keskar et al. 2019 divide a logit by θ, which lowers its probability if the logit is positive; implementations
    multiply otherwise. The zero of logits is arbitrary; here it is the log probability of a uniform distribution.
    """
    shift = math.log(log_q.shape[1])
    x = log_q + shift
    return torch.where(generated, torch.where(x > 0, x / penalty, x * penalty) - shift, log_q)


def _nucleus(log_q: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of most likely tokens with probability `top_p` (Holtzman et al. 2020), at least one."""
    ordered, indices = log_q.softmax(-1).sort(-1, descending=True)
    return _first_to_hold(log_q, ordered, indices, top_p)


def _near_the_best(log_q: Tensor, min_p: float) -> Tensor:
    """Keep tokens at least `min_p` times as likely as the most likely token (Nguyen et al. 2024)."""
    least = log_q.amax(-1, keepdim=True) + (math.log(min_p) if min_p > 0 else -torch.inf)
    return log_q.masked_fill(log_q < least, -torch.inf)


def _typical(log_q: Tensor, mass: float) -> Tensor:
    """Keep the smallest set, at least one, with probability `mass` of tokens whose surprisal is nearest to the entropy.

    Locally typical sampling (Meister et al. 2023): smallest |−log q − H(q)| first.
    """
    q = log_q.softmax(-1)
    entropy = torch.special.entr(q).sum(-1, keepdim=True)
    indices = torch.argsort((-q.log() - entropy).abs(), dim=-1, stable=True)
    return _first_to_hold(log_q, q.gather(-1, indices), indices, mass)


def _first_to_hold(log_q: Tensor, ordered: Tensor, indices: Tensor, mass: float) -> Tensor:
    """Keep the first tokens of an order with probability `mass` together: `ordered` are their probabilities."""
    before = ordered.cumsum(-1) - ordered
    drop = before >= mass
    drop[:, 0] = False
    return log_q.masked_fill(torch.zeros_like(drop).scatter(-1, indices, drop), -torch.inf)


def draw(log_q: Tensor, temperature: float, chance: Tensor) -> Tensor:
    """(rows, outputs) → (rows,) ids; the most likely at temperature 0, otherwise the one that `chance` selects.

    `chance` (rows,) float64 from 0 to below 1 is the only randomness: the token is the first whose cumulative
    probability exceeds it, so that a row's token does not depend on the other rows.
    """
    if temperature == 0:
        return log_q.argmax(-1) + FIRST_OUTPUT
    return _first_beyond((log_q - log_q.amax(-1, keepdim=True)).exp_(), chance)[0] + FIRST_OUTPUT


def draw_plainly(model: Network, hidden: Tensor, chance: Tensor, *, unknown: bool) -> tuple[Tensor, Tensor]:
    """The ids (rows,) that `draw` gives for the model's own distribution, and their nats (rows,) float64.

    hidden (rows, width), chance (rows,) float64; `<unk>` only if `unknown`. A softmax in float32, whose sum is taken in
    float64, as everywhere: of one row of 10,000 it takes a quarter of the time of exponentials on two threads.
    """
    if model.bands is not None:
        return draw_by_cluster(model, hidden, chance, unknown=unknown)
    p = model.logits(hidden).softmax(-1)
    total = numbers(p.sum(-1, dtype=torch.float64))
    if not unknown:
        p[:, UNKNOWN_ID - FIRST_OUTPUT] = 0
    choices, _ = _first_beyond(p, chance)
    return choices + FIRST_OUTPUT, total.log() - p.gather(1, choices.unsqueeze(1)).squeeze(1).double().log()


def draw_by_cluster(model: Network, hidden: Tensor, chance: Tensor, *, unknown: bool) -> tuple[Tensor, Tensor]:
    """The cluster first and then the word, of a network with clusters: hidden (rows, width), chance (rows,) float64.

    The ids (rows,) that `draw` gives for the model's own distribution, without computing all outputs, and their nats
    (rows,) float64. `<unk>` only if `unknown`.
    """
    assert model.bands is not None
    V, c, first = model.output_matrix, model.bias, model.bands.first
    log_p = numbers(model.bands.first_log_p(hidden, V, c).double())
    p = log_p.exp()
    if not unknown:
        p[:, UNKNOWN_ID - FIRST_OUTPUT] = 0
    choices, left = _first_beyond(p, chance)
    nats = -log_p.gather(1, choices.unsqueeze(1)).squeeze(1)
    found = choices.clone()
    for number, (begin, _, _) in enumerate(model.bands):
        here = (choices == first + number).nonzero().squeeze(1)
        if len(here):
            within = numbers(model.bands.within_log_p(number, hidden[here], c).double())
            words, _ = _first_beyond(within.exp(), left[here])
            found[here] = begin + words
            nats[here] -= within.gather(1, words.unsqueeze(1)).squeeze(1)
    return found + FIRST_OUTPUT, nats


def _first_beyond(p: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, choices) of weights → for each row the first whose cumulative weight exceeds the chance's share of all.

    And how far into its own weight that is, from 0 to below 1.
    """
    reached = p.cumsum(-1, dtype=torch.float64)
    whole = reached[:, -1:]
    wanted = torch.minimum(chance.unsqueeze(1) * whole, whole * (1 - 2**-52))
    choices = torch.searchsorted(reached, wanted, right=True)
    own = p.gather(1, choices)
    left = (wanted - (reached.gather(1, choices) - own)) / own
    return choices.squeeze(1), left.squeeze(1).clamp(0, 1 - 2**-52)
