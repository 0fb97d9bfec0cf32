"""The only place that computes nats per token.

−log p(y(t) | x(1)…x(t)), exact and normalized over all outputs, however training computed its loss. The sum over the
outputs is taken in float64, so that the result does not depend on the batch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rnnlm.corpus.ids import Ids, shifted
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, PAD_ID
from rnnlm.errors import DivergenceError, UsageError
from rnnlm.model.network import Network, States
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.outputs.loss import SoftmaxFactor
from rnnlm.model.outputs.product import linear, product

LanguageModel = Network | NgramModel

_SEGMENT = 1024  # steps of a stream read in one call
# Logits at once: 4 MB, which stay in the cache. A row of 10,000 takes 26 µs on one core, 16 of them the product and 6
# the exponentials; 30 µs with 16 MB, and 72 µs with 16 MB, torch's product and a copy.
_LOGITS = 2**20
_ROWS = 16  # more rows are padded to a multiple of this: oneDNN compiles a kernel for every shape
_POOL = 256  # batches of sequences sorted by length together


@dataclass(frozen=True)
class SpanNats:
    """The cost of consecutive tokens of a text: `nats` (tokens,) float64 from position `start` on."""

    start: int
    nats: NDArray[np.float64]


@dataclass(frozen=True)
class SpanReading:
    """Consecutive tokens of a text from position `start` on, as a network reads them.

    `h` (tokens, width) is what the output layer reads before each, `nats` (tokens,) its cost, and `entropies` (tokens,)
    those of the prediction in nats; with clusters of rare words, as if all words of a cluster were equally likely.
    """

    start: int
    h: Tensor
    nats: Tensor
    entropies: Tensor


def perplexity(nats_per_token: float) -> float:
    """exp of the mean cost; DivergenceError where that overflows."""
    if not nats_per_token < 700:
        raise DivergenceError(f"{nats_per_token:.4g} nats per token", "the network has diverged; lower --learning-rate")
    return math.exp(nats_per_token)


def numbers(values: Tensor) -> Tensor:
    """The same values; DivergenceError where one is NaN, as the weights are of no use then."""
    if bool(values.isnan().any()):
        raise DivergenceError("what the network computes is not a number", "it diverged: train it again")
    return values


def log_total(logits: Tensor) -> Tensor:
    """log Σ exp(logits) over the last dimension, float64.

    The exponentials are float32 and only their sum is float64: within 1e-7 of all in float64, in half the time.
    """
    largest = logits.amax(-1, keepdim=True)
    return largest.squeeze(-1).double() + (logits - largest).exp_().sum(-1, dtype=torch.float64).log()


def log_probabilities(model: LanguageModel, hidden: Tensor) -> Tensor:
    """(rows, width) → (rows, outputs) log p in float64; the first output of a language model is id 2."""
    if isinstance(model, NgramModel):
        return model.log_p(hidden)
    logits = model.logits(hidden)
    return numbers(logits.double() - log_total(logits).unsqueeze(-1))


def target_nats(model: LanguageModel, hidden: Tensor, targets: Tensor) -> Tensor:
    """hidden (rows, width), targets (rows,) of output numbers → −log p (rows,) float64, 0 for a negative target.

    With clusters of rare words p is a product, and only the factors of the target are computed.
    """
    if isinstance(model, NgramModel):
        log_p = model.log_p_of(hidden, targets.clamp(min=0) + FIRST_OUTPUT)
        return torch.where(targets < 0, 0.0, -log_p)
    return _target_sums(model, hidden, targets, None)[0]


def _target_sums(model: Network, hidden: Tensor, targets: Tensor, within: Tensor | None) -> tuple[Tensor, Tensor]:
    """−log p (rows,), and the entropy by the first factor as `_factor_sums`."""
    first, *rest = model.factors(hidden, targets)
    nats, entropies = _factor_sums(first, within)
    for factor in rest:
        assert factor.rows is not None
        nats.index_add_(0, factor.rows, _factor_nats(factor))
    return nats, entropies


def mixture_nats(
    costs: Sequence[NDArray[np.float64]], weights: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """−log Σ_k w_k p_k (tokens,) of a linear mixture; `costs` are −log p_k, (tokens,) each, infinity for p = 0.

    `weights` are (components,), or (components, tokens).
    """
    w = np.asarray(weights, np.float64)
    with np.errstate(divide="ignore"):
        parts = np.stack(costs) - np.log(w if w.ndim == 2 else w[:, None])
    least = parts.min(0)
    return np.asarray(least - np.log(np.exp(least - parts).sum(0)), np.float64)


def _factor_nats(factor: SoftmaxFactor) -> Tensor:
    """−log softmax(V h + c)[target] (rows,) float64, 0 for a negative target; in place, as `log_total`."""
    return _factor_sums(factor, None)[0]


@torch.no_grad()
def _factor_sums(factor: SoftmaxFactor, within: Tensor | None) -> tuple[Tensor, Tensor]:
    """The same, and Σ p (w − log p) (rows,), the entropy where w (choices,) = `within` is that within each choice.

    log Σ exp(o) − Σ exp(o) (o − w) / Σ exp(o), o less the largest one. Empty where `within` is None.
    """
    rows, count = max(1, _LOGITS // len(factor.V) // _ROWS) * _ROWS, len(factor.targets)
    more = -count % _ROWS if count > _ROWS else 0
    h, targets = functional.pad(factor.h, (0, 0, 0, more)), functional.pad(factor.targets, (0, more), value=-1)
    nats, entropies = list[Tensor](), [h.new_empty(0)]
    for start in range(0, count, rows):
        wanted = targets[start : start + rows]
        o = product(h[start : start + rows], factor.V, factor.c)
        chosen = o.gather(1, wanted.clamp(min=0).unsqueeze(1)).squeeze(1).double()
        largest = o.amax(1, keepdim=True)
        p = o.sub_(largest).exp_() if within is None else o.sub_(largest).exp()
        total = p.sum(1, dtype=torch.float64)
        if within is not None:
            entropies.append(total.log() - p.mul_(o.sub_(within)).sum(1, dtype=torch.float64) / total)
        total = total.log() + largest.squeeze(1).double()
        nats.append(torch.where(wanted < 0, torch.zeros_like(total), total - chosen))
    return torch.cat(nats)[:count], torch.cat(entropies)[:count]


@torch.no_grad()
def nats_and_gradient(factor: SoftmaxFactor) -> tuple[Tensor, Tensor]:
    """−log softmax(o)[target] (rows,) float64, and p − onehot(target), its gradient (rows, choices), o = V h + c.

    For a few rows, every one with a target: the logits are computed once.
    """
    o, chosen = linear(factor.h, factor.V, factor.c), factor.targets.unsqueeze(1)
    target = o.gather(1, chosen).double()
    largest = o.amax(1, keepdim=True)
    p = o.sub_(largest).exp_()
    total = p.sum(1, keepdim=True, dtype=torch.float64)
    nats = total.log() + largest.double() - target
    p /= total.to(p.dtype)
    return nats.squeeze(1), p.scatter_add_(1, chosen, p.new_full((), -1).expand_as(chosen))


def segment_nats(model: LanguageModel, inputs: Tensor, targets: Tensor, states: States) -> tuple[Tensor, States]:
    """inputs, targets (time, batch) of ids → nats (time, batch) float64, 0 at `<pad>`, and the states after them."""
    hidden, states = model(inputs, states)
    numbers = targets.flatten() - FIRST_OUTPUT
    return target_nats(model, hidden.flatten(0, 1), numbers).view_as(targets), states


def spans_of(ids: Ids, context: str) -> NDArray[np.int64]:
    """(sequences, 2) begin and end of each sequence read from the zero state: all, each document, or each line."""
    if context == "stream":
        return np.array([[0, len(ids.ids)]], np.int64)
    if context == "document":
        starts = ids.offsets[ids.documents.astype(np.int64)]
        starts = np.union1d(starts, [0])
        return np.stack([starts, np.append(starts[1:], len(ids.ids))], 1)
    if context == "sentence":
        return np.stack([ids.offsets[:-1], ids.offsets[1:]], 1)
    raise UsageError(f"unknown context {context!r}", "use stream, sentence or document")


@torch.inference_mode()
def text_nats(model: LanguageModel, ids: Ids, context: str, batch_size: int) -> Iterator[SpanNats]:
    """The cost of every token of a text, in pieces of bounded size, each token once, in no particular order.

    Each sequence of the context starts from the zero state with `<s>`; `batch_size` sequences of similar length are
    read side by side, which changes costs only by rounding.
    """
    if isinstance(model, Network):
        model.eval()
    for some in _side_by_side(spans_of(ids, context), batch_size):
        states = model.initial_state(len(some))
        for positions, inside, inputs, targets in _segments(ids, some, model.device):
            nats, states = segment_nats(model, inputs, targets, states)
            costs = nats.cpu().numpy()
            for column, count in _columns(inside):
                yield SpanNats(int(positions[0, column]), costs[:count, column])


@torch.inference_mode()
def text_readings(model: Network, ids: Ids, context: str, batch_size: int) -> Iterator[SpanReading]:
    """The same with what the output layer reads, and entropies."""
    model.eval()
    within = model.bias.new_zeros(()) if model.bands is None else model.bands.log_sizes
    for some in _side_by_side(spans_of(ids, context), batch_size):
        states = model.initial_state(len(some))
        for positions, inside, inputs, targets in _segments(ids, some, model.device):
            h, states = model(inputs, states)
            sums = _target_sums(model, h.flatten(0, 1), targets.flatten() - FIRST_OUTPUT, within)
            parts = (h, *(part.view_as(targets) for part in sums))
            for column, count in _columns(inside):
                yield SpanReading(int(positions[0, column]), *(part[:count, column].cpu() for part in parts))


def _columns(inside: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """The spans that have tokens here, and how many; inside (steps, spans)."""
    counts = inside.sum(0)
    return ((int(column), int(counts[column])) for column in np.flatnonzero(counts))


@torch.inference_mode()
def text_outputs(model: Network, ids: Ids, context: str, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs of the output layer (rows, width) and its targets (rows,) of output numbers, in the order of `text_nats`.

    Targets are negative where a sequence has ended.
    """
    model.eval()
    for some in _side_by_side(spans_of(ids, context), batch_size):
        states = model.initial_state(len(some))
        for _, _, inputs, targets in _segments(ids, some, model.device):
            output, states = model(inputs, states)
            yield output.flatten(0, 1), targets.flatten() - FIRST_OUTPUT


def _side_by_side(spans: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """The spans that are read together, of similar length."""
    pool = batch_size * _POOL
    for first in range(0, len(spans), pool):
        some = spans[first : first + pool]
        some = some[np.argsort(some[:, 1] - some[:, 0], kind="stable")]
        for start in range(0, len(some), batch_size):
            yield some[start : start + batch_size]


def _segments(
    ids: Ids, spans: NDArray[np.int64], device: torch.device
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_], Tensor, Tensor]]:
    """Positions in the text, whether they are inside their span, inputs and targets: (steps, spans) each."""
    lengths = spans[:, 1] - spans[:, 0]
    segment = max(1, _SEGMENT // len(spans)) if len(spans) > 1 else _SEGMENT
    for start in range(0, int(lengths.max()), segment):
        time = min(segment, int(lengths.max()) - start)
        positions = spans[:, 0] + start + np.arange(time)[:, None]
        inside = positions < spans[:, 1]
        last = len(ids.ids) - 1
        targets = np.where(inside, ids.ids[positions.clip(0, last)].astype(np.int64), PAD_ID)
        inputs = np.where(inside, shifted(ids.ids, positions, spans[:, 0]), PAD_ID)
        yield positions, inside, torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)
