"""Temperature scaling: the temperature of the softmax, fitted on text that the network was not trained on.

    p(w) = softmax(o / T)[w],   T = arg min Σ −log p(y(t)) over a part of validation

A network that was trained with dropout, or has memorized its text, is overconfident. Sources: Guo et al. 2017; Melis et
al. 2018 on language models. With clusters the logits of every softmax are divided by the same T.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from rnnlm.corpus.ids import Ids
from rnnlm.model.likelihood import text_outputs
from rnnlm.model.network import Network
from rnnlm.model.outputs.loss import SoftmaxFactor
from rnnlm.model.outputs.product import product

CALIBRATION_TOKENS = 20_000  # of validation; for three networks T was within 0.003 of that of 73,760 tokens
# With thousands of logits per token fewer suffice: fitting T to n tokens costs 1 / 2n nats per token.
_FEWEST, _LOGITS_IN_ALL = 2_000, 40_000_000
_SIDE_BY_SIDE = {"stream": 1, "sentence": 64}
_LOGITS = 2**20  # at once
_COLDEST, _HOTTEST = 0.5, 4.0
_CLOSE = 1e-4


@torch.inference_mode()
def calibrate(network: Network, valid: Ids, context: str) -> float:
    """Divide the network's logits by the T of least cost on the first 20,000 tokens of `valid`; 1 if it is empty.

    Uses fewer tokens, but at least 2,000, where that would be more than 40 million logits. `context` says where the
    state is reset, as in `spans_of`. T is folded into the weights, so that other code need not handle it.
    """
    if not valid.lines:
        return 1.0
    outputs, targets, count = [], [], 0
    lines = max(1, int(np.searchsorted(valid.offsets, CALIBRATION_TOKENS, side="right")) - 1)
    for output, wanted in text_outputs(network, valid.part(0, lines), context, _SIDE_BY_SIDE[context]):
        outputs.append(output)
        targets.append(wanted)
        count += len(wanted)
        if count >= CALIBRATION_TOKENS:
            break
    output, wanted = torch.cat(outputs), torch.cat(targets)
    factors = list(network.factors(output, wanted))
    logits = sum(len(factor.h) * len(factor.V) for factor in factors)
    if logits > _LOGITS_IN_ALL:
        tokens = max(_FEWEST, len(wanted) * _LOGITS_IN_ALL // logits)
        factors = list(network.factors(output[:tokens], wanted[:tokens]))
    temperature = best_temperature(factors)
    fold(network, temperature)
    return temperature


@torch.no_grad()
def best_temperature(factors: Sequence[SoftmaxFactor]) -> float:
    """T from 0.5 to 4 that minimizes Σ −log p over the factors.

    By Newton's method in a = 1 / T, in which the cost is convex: its derivatives are Σ E[o] − o_y and Σ Var[o] under
    softmax(a o). A step out of the interval that holds the minimum is replaced by bisection.
    """
    low, a, high = 1 / _HOTTEST, 1.0, 1 / _COLDEST
    while high - low > _CLOSE:
        slope, curvature = (sum(each) for each in zip(*(_derivatives(factor, a) for factor in factors), strict=True))
        low, high = (low, a) if slope > 0 else (a, high)
        newton = a - slope / curvature if curvature > 0 else math.inf
        if abs(newton - a) < _CLOSE:
            break
        a = newton if low < newton < high else (low + high) / 2
    return 1 / a


def _derivatives(factor: SoftmaxFactor, a: float) -> tuple[float, float]:
    """Σ E[o] − o_y and Σ Var[o] over the rows of a factor that have a target."""
    slope = curvature = 0.0
    rows = max(1, _LOGITS // len(factor.V))
    for start in range(0, len(factor.h), rows):
        targets = factor.targets[start : start + rows]
        there = targets >= 0
        o = product(factor.h[start : start + rows], factor.V, factor.c)[there]
        p = (a * o).softmax(1)
        mean = (p * o).sum(1, keepdim=True)
        chosen = o.gather(1, targets[there].unsqueeze(1))
        slope += float((mean - chosen).sum(dtype=torch.float64))
        curvature += float((p * (o - mean).square_()).sum(dtype=torch.float64))
    return slope, curvature


@torch.no_grad()
def fold(network: Network, temperature: float) -> None:
    """Change the weights so that every logit is divided by `temperature`, and nothing else changes.

    V and c are divided by it, or the projection in place of V where V reads only that. Where V is the embedding, its
    reader, the matrices before x(t) in the first layer, is multiplied by it.
    """
    a = 1 / temperature
    network.bias.mul_(a)
    if network.bands is not None:
        network.bands.a.mul_(a)
    if network.output is not None:
        network.output.mul_(a)
    elif network.projection is not None and network.architecture.read_out == "linear":
        network.projection.mul_(a)
    else:
        assert network.embedding is not None
        network.embedding.mul_(a)
        for block in network.cells[0].input_blocks:
            block.mul_(temperature)
        if network.bands is not None:
            network.bands.G.mul_(a)
            for _, _, cluster in network.bands:
                cluster.rows.mul_(a)
