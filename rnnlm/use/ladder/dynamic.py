"""Dynamic evaluation: the network continues to learn from the text that it is measured on, after each prediction.

    after every segment:    θ ← θ − η g / (r + ε),   g = ∂/∂θ of the segment's mean nats
    after every K of them:  θ ← θ + min(K λ r, 1) (θ₀ − θ)

r is the root mean square of the same gradient over a training text, divided by its mean over all weights: what varied
much in training takes small steps, and is drawn back to the trained weights θ₀ more (Krause et al. 2018). For the rows
of words, which are most of the weights, r is one number a row. A token is predicted before anything is learned from it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.likelihood import SpanNats, nats_and_gradient
from rnnlm.model.network import Network, States
from rnnlm.model.outputs.loss import SoftmaxFactor
from rnnlm.use.evaluation.evaluate import stretches

RATES = (0.5, 1.0, 2.0, 4.0)
DECAYS = (3e-3, 1e-3, 1e-2)
SEGMENT = 20  # tokens
_EPSILON = 0.5
_TOGETHER = 8  # segments between two steps back to the trained weights, K
_MEASURED, _STREAMS = 25_000, 50  # training tokens from which r is measured, and in how many streams side by side


@dataclass(frozen=True)
class DynamicRule:
    """The rate η, the decay λ and the tokens of a segment."""

    rate: float
    decay: float
    segment: int = SEGMENT


Scales = Mapping[str, Tensor]  # r of each weight by name, (rows, 1) for the rows of words


def _holds_words(name: str) -> bool:
    """Whether the rows of a weight are words."""
    return name in ("embedding", "output") or name.endswith(".rows")


def gradient_scales(network: Network, ids: NDArray[np.integer]) -> Scales:
    """r from the beginning of a training text, `ids` (tokens,)."""
    learner = _copied(network).train()
    weights = dict(learner.named_parameters())
    squares = {name: torch.zeros_like(w[:, :1] if _holds_words(name) else w) for name, w in weights.items()}
    streams = max(1, min(_STREAMS, len(ids) // (2 * SEGMENT)))
    text = torch.from_numpy(np.asarray(ids[:_MEASURED], np.int64)).to(learner.device)
    rows = text[: len(text) // streams * streams].view(streams, -1).T
    states = learner.initial_state(streams)
    for start in range(0, len(rows) - 1, SEGMENT):
        inputs, targets = rows[start : start + SEGMENT], rows[start + 1 : start + 1 + SEGMENT]
        hidden, states = learner(inputs[: len(targets)], _detached(states))
        loss = learner.loss(hidden.flatten(0, 1), targets.flatten() - FIRST_OUTPUT) / targets.numel()
        for name, g in zip(weights, torch.autograd.grad(loss, list(weights.values()), allow_unused=True), strict=True):
            if g is not None:
                squares[name] += g.square().mean(1, keepdim=True) if _holds_words(name) else g.square()
    for name, square in squares.items():
        if _holds_words(name):
            square.lerp_(square.mean(), 0.5)
    roots = {name: square.sqrt() for name, square in squares.items()}
    total = sum(float(root.double().sum()) * weights[name].numel() / root.numel() for name, root in roots.items())
    mean = total / sum(weight.numel() for weight in weights.values())
    return {name: root / mean if mean > 0 else torch.ones_like(root) for name, root in roots.items()}


def dynamic_nats(network: Network, ids: Ids, context: str, rule: DynamicRule, scales: Scales) -> Iterator[SpanNats]:
    """The cost of every token under a copy of the network that learns from the text, in its order.

    `context` resets the state, but not what was learned. A segment whose gradient is not finite is not learned from,
    and a cost that is NaN becomes infinite.
    """
    learner = _Learner(network, rule, scales)
    states = learner.network.initial_state(1)
    for stretch in stretches(ids, context, rule.segment):
        states = learner.network.initial_state(1) if stretch.fresh else _detached(states)
        inputs, targets = stretch.inputs.to(network.device), stretch.targets.to(network.device) - FIRST_OUTPUT
        nats, states = learner.learn(inputs, targets, states)
        yield SpanNats(stretch.start, nats.nan_to_num(torch.inf, torch.inf).cpu().numpy())


class _Learner:
    """A copy of a network that learns from each segment after it has predicted it.

    Rows of words are changed where they stand: those of a cluster only if a word of it is in the segment. Nothing is
    learned through what a cell reads of its own output.
    """

    def __init__(self, network: Network, rule: DynamicRule, scales: Scales) -> None:
        self.network = _copied(network).train()  # the kernels keep activations for gradients only in training mode
        named = dict(self.network.named_parameters())
        self._step = {name: rule.rate / (scales[name] + _EPSILON) for name in named}
        self._back = [
            (weight, weight.detach().clone(), (_TOGETHER * rule.decay * scales[name]).clamp(max=1))
            for name, weight in named.items()
        ]
        self._weights = {name: weight for name, weight in named.items() if not _holds_words(name)}
        for name, weight in named.items():
            weight.requires_grad_(not _holds_words(name))
        self._segments = 0

    def learn(self, inputs: Tensor, targets: Tensor, states: States) -> tuple[Tensor, States]:
        """inputs (time, 1) and targets (time,) of output numbers → nats (time,) before learning, and the states."""
        with torch.enable_grad():
            x = self.network.embed(inputs)
            x = x if x.requires_grad else x.detach().requires_grad_()
            read = self.network.read(inputs, states, embedded=x)
            factors = list(self.network.factors(read.output[:, 0], targets))
        nats, surprises = torch.zeros(len(targets), dtype=torch.float64, device=x.device), list[Tensor]()
        outputs, above = list[Tensor](), list[Tensor]()  # what depends on weights, and the gradient with regard to it
        with torch.no_grad():
            for factor in factors:
                own, do = nats_and_gradient(factor)
                nats = nats + own if factor.rows is None else nats.index_add(0, factor.rows, own)
                do /= len(targets)
                surprises.append(do)
                outputs += [factor.h, factor.c]
                above += [do @ factor.V, do.sum(0)]
                if factor.V.requires_grad:  # has the logits of clusters beside rows of words
                    outputs.append(factor.V)
                    above.append(do.T @ factor.h)
        dx, *found = torch.autograd.grad(outputs, [x, *self._weights.values()], above, allow_unused=True)
        if bool(nats.isfinite().all()) and all(g is None or bool(g.sum().isfinite()) for g in (dx, *found)):
            with torch.no_grad():
                for factor, do in zip(factors, surprises, strict=True):
                    self._change_words(factor, do)
                self._change_inputs(inputs.flatten(), dx.flatten(0, 1))  # reads weights that are changed next
                for (name, weight), g in zip(self._weights.items(), found, strict=True):
                    if g is not None:
                        weight.addcmul_(g, self._step[name], value=-1)
                self._go_back()
        return nats, read.states

    def _change_words(self, factor: SoftmaxFactor, do: Tensor) -> None:
        """The rows of words that a factor reads: V ← V − η / (r + ε) (∂L/∂o)ᵀ h."""
        network = self.network
        rows, step = network.output_matrix, self._step["output" if network.output is not None else "embedding"]
        for number, (_, _, cluster) in enumerate(network.bands or ()):
            if factor.V is cluster.rows:
                rows, step = cluster.rows, self._step[f"bands.later.{number}.rows"]
        rows.addmm_((do[:, : len(rows)] * step[-len(rows) :].T).T, factor.h, alpha=-1)

    def _change_inputs(self, ids: Tensor, dx: Tensor) -> None:
        """The embeddings of the words that were read: ids (n,), dx (n, D)."""
        network, step = self.network, self._step["embedding"]
        assert network.embedding is not None
        here = (ids < len(network.embedding)).nonzero().squeeze(1)
        network.embedding.index_add_(0, ids[here], dx[here] * step[ids[here]], alpha=-1)
        for number, (begin, end, cluster) in enumerate(network.bands or ()):
            inside = ids - FIRST_OUTPUT - begin
            here = ((inside >= 0) & (inside < end - begin)).nonzero().squeeze(1)
            own, step = inside[here], self._step[f"bands.later.{number}.rows"]
            cluster.rows.index_add_(0, own, cluster.read(dx[here]) * step[own], alpha=-1)

    def _go_back(self) -> None:
        """Towards the trained weights, every few segments."""
        self._segments += 1
        if self._segments % _TOGETHER == 0:
            for weight, trained, share in self._back:
                weight.lerp_(trained, share)


def _copied(network: Network) -> Network:
    """A separate network with the same weights, whose cells read its own outputs."""
    found = Network(network.architecture, torch.Generator()).to(network.device, network.bias.dtype)
    found.load_state_dict(network.state_dict())
    return found


def _detached(states: States) -> States:
    return tuple(tuple(part.detach() for part in state) for state in states)


def choose_rule(costs: Callable[[Sequence[DynamicRule]], Sequence[float]], plain: float) -> DynamicRule:
    """The best rule of the grid, first the rate and then the decay; rate 0 where none is better than `plain`.

    `costs` are those of a text by some rules, `plain` its cost without learning.
    """
    rates = [DynamicRule(rate, DECAYS[0]) for rate in RATES]
    tried = dict(zip(rates, costs(rates), strict=True))
    best = min(tried, key=lambda rule: _finite(tried[rule]))
    decays = [DynamicRule(best.rate, decay) for decay in DECAYS[1:]]
    tried |= zip(decays, costs(decays), strict=True)
    best = min(tried, key=lambda rule: _finite(tried[rule]))
    return best if tried[best] < plain else DynamicRule(0.0, 0.0)


def _finite(cost: float) -> float:
    return math.inf if math.isnan(cost) else cost
