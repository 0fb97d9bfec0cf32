"""Dynamic evaluation: the network continues to learn from the text that it is measured on, after each prediction.

    after every segment of the text:   θ ← θ − η g + λ (θ₀ − θ),   g = ∂/∂θ of the segment's mean nats

(Mikolov et al. 2010; with the decay λ towards the trained weights θ₀, Krause et al. 2018, without their scaling of each
weight's step by gradients over the training text, which a sealed model does not carry.) A token is predicted before
anything is learned from it. The optimizer of training is not used.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.likelihood import SpanNats, target_nats
from rnnlm.model.network import Network, States
from rnnlm.use.evaluation.evaluate import stretches

RATES = (0.03, 0.1, 0.3, 1.0)
DECAYS = (3e-3, 1e-2, 3e-2)
SEGMENT = 20  # tokens; each update writes every weight, so shorter segments cost more


@dataclass(frozen=True)
class DynamicRule:
    """The rate η, the decay λ and the tokens of a segment."""

    rate: float
    decay: float
    segment: int = SEGMENT


def dynamic_nats(network: Network, ids: Ids, context: str, rule: DynamicRule) -> Iterator[SpanNats]:
    """The cost of every token under a copy of the network that learns from the text, in its order.

    `context` resets the state, but not what was learned. A segment whose gradient is not finite is not learned from,
    and a cost that is NaN becomes infinite.
    """
    learner = _copied(network).train()  # the kernels keep activations for gradients only in training mode
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    trained = [weight.detach().clone() for weight in weights]
    states = learner.initial_state(1)
    for stretch in stretches(ids, context, rule.segment):
        states = learner.initial_state(1) if stretch.fresh else _detached(states)
        targets = stretch.targets.to(learner.device) - FIRST_OUTPUT
        with torch.enable_grad():
            hidden, states = learner(stretch.inputs.to(learner.device), states)
            loss = learner.loss(hidden[:, 0], targets) / len(targets)
        with torch.no_grad():
            nats = target_nats(learner, hidden[:, 0].detach(), targets)
        yield SpanNats(stretch.start, nats.nan_to_num(torch.inf, torch.inf).cpu().numpy())
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        _learn(weights, gradients, trained, rule)


@torch.no_grad()
def _learn(
    weights: list[torch.nn.Parameter],
    gradients: tuple[torch.Tensor | None, ...],
    trained: list[torch.Tensor],
    rule: DynamicRule,
) -> None:
    good = all(gradient is None or bool(torch.isfinite(gradient.sum())) for gradient in gradients)
    for weight, gradient, origin in zip(weights, gradients, trained, strict=True):
        weight.lerp_(origin, rule.decay)
        if good and gradient is not None:  # None for clusters without a target in the segment
            weight.sub_(gradient, alpha=rule.rate)


def _copied(network: Network) -> Network:
    """A separate network with the same weights, whose cells read its own outputs."""
    found = Network(network.architecture, torch.Generator()).to(network.device, network.bias.dtype)
    found.load_state_dict(network.state_dict())
    return found


def _detached(states: States) -> States:
    return tuple(tuple(part.detach() for part in state) for state in states)


def choose_rule(total: Callable[[DynamicRule], float], plain: float) -> DynamicRule:
    """The best rule of the grid: first the rate, then the decay.

    `total` is the cost of a text by a rule, `plain` its cost without learning, in nats. Rates and decays rise until one
    is worse than the best before it. If none helps, the rate is 0.
    """
    rule, least = DynamicRule(0.0, 0.0), plain
    for rate in RATES:
        nats = total(DynamicRule(rate, DECAYS[0]))
        if not nats < least:
            break
        rule, least = DynamicRule(rate, DECAYS[0]), nats
    for decay in DECAYS[1:] if rule.rate else ():
        nats = total(DynamicRule(rule.rate, decay))
        if not nats < least:
            break
        rule, least = DynamicRule(rule.rate, decay), nats
    return rule
