"""The neural cache and dynamic evaluation, held to slow loops in float64 that follow the equations."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from rnnlm.corpus.ids import Ids
from rnnlm.model.architecture import Architecture
from rnnlm.model.likelihood import log_probabilities, nats_and_gradient, spans_of, text_nats
from rnnlm.model.network import Network
from rnnlm.model.outputs.loss import SoftmaxFactor
from rnnlm.use.ladder import dynamic, neural_cache
from rnnlm.use.ladder.dynamic import DynamicRule, Scales, choose_rule, dynamic_nats, gradient_scales
from rnnlm.use.ladder.neural_cache import CacheShape, cache_nats

CONTEXTS = ("stream", "document", "sentence")
SHAPES = [CacheShape(3, 0.0), CacheShape(3, 0.7), CacheShape(20, 1.5), CacheShape(500, 0.2)]
VOCABULARY = 17


def network(**more: object) -> Network:
    """A network in float64 whose every weight matters."""
    generator = torch.Generator().manual_seed(3)
    shape = {"cell": "lstm", "vocabulary": VOCABULARY, "embedding": 5, "hidden": 6, "layers": 2, "tied": True, **more}
    model = Network(Architecture(**shape), generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.6)
        model.embedding[0] = 0
    return model.double().eval()


def text(lines: int = 22) -> Ids:
    """Lines of few words, a document at every fifth."""
    random = np.random.Generator(np.random.PCG64(2))
    flat = [[*random.integers(3, VOCABULARY, random.integers(0, 7)).tolist(), 2] for _ in range(lines)]
    offsets = np.cumsum([0, *map(len, flat)])
    return Ids(
        np.concatenate(flat).astype(np.uint16), offsets.astype(np.int64), np.arange(0, lines, 5, dtype=np.uint32)
    )


def slow_states(model: Network, ids: Ids, context: str) -> list[np.ndarray]:
    """What the output layer reads before each token, one step after another."""
    begins = {int(first) for first, _ in spans_of(ids, context)}
    found, before = [], 1
    for position, target in enumerate(ids.ids.tolist()):
        if position in begins:
            states, before = model.initial_state(1), 1
        with torch.no_grad():
            hidden, states = model(torch.tensor([[before]]), states)
        found.append(hidden[0, 0].numpy())
        before = target
    return found


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_cache_is_its_equation(context: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neural_cache, "_STEPS", 7)
    model, ids = network(), text()
    h, y = slow_states(model, ids, context), ids.ids.tolist()
    first = -log_probabilities(model, torch.from_numpy(h[0]).unsqueeze(0))[0, y[0] - 2].item()
    found = np.zeros((len(SHAPES), len(y)))
    for start, costs in cache_nats(np.array(h), ids.ids, first, SHAPES):
        found[:, start : start + costs.shape[1]] = costs
    for number, shape in enumerate(SHAPES):
        for t in range(1, len(y)):
            window = range(max(0, t - shape.window), t)
            weights = [math.exp(shape.theta * float(h[t] @ h[i])) for i in window]
            p = sum(weight for weight, i in zip(weights, window, strict=True) if y[i] == y[t]) / sum(weights)
            assert math.exp(-found[number, t]) == pytest.approx(p, abs=1e-10)
    assert found[:, 0] == pytest.approx([first] * len(SHAPES))


CASES: dict[str, dict[str, object]] = {
    "tied": {},
    "projected": {"hidden": 8},
    "clusters": {"cuts": (4, 9), "widths": (5, 3)},
    "apart": {"tied": False, "cell": "gru"},
}


def drawn_scales(model: Network) -> Scales:
    """A scale for each weight, one a row for the rows of words."""
    generator = torch.Generator().manual_seed(5)

    def drawn(name: str, weight: torch.Tensor) -> torch.Tensor:
        rows = name in ("embedding", "output") or name.endswith("rows")
        size = weight[:, :1].shape if rows else weight.shape
        return torch.rand(size, generator=generator, dtype=torch.float64) * 2

    return {name: drawn(name, weight) for name, weight in model.named_parameters()}


def learned(model: Network, ids: Ids, context: str, rule: DynamicRule, scales: Scales) -> np.ndarray:
    """What every token costs by dynamic evaluation."""
    found = np.zeros(len(ids.ids))
    for span in dynamic_nats(model, ids, context, rule, scales):
        found[span.start : span.start + len(span.nats)] = span.nats
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("context", CONTEXTS)
def test_dynamic_evaluation_is_its_rule(case: str, context: str) -> None:
    """The rule by plain automatic differentiation of log softmax, every weight dense."""
    model, ids = network(**CASES[case]), text()
    rule, scales = DynamicRule(0.3, 0.01, 4), drawn_scales(model)
    found = learned(model, ids, context, rule, scales)
    learner = network(**CASES[case]).use_engine("readable")
    trained = {name: weight.detach().clone() for name, weight in learner.named_parameters()}
    slow, segments = [], 0
    for first, end in spans_of(ids, context):
        states, before = learner.initial_state(1), 1
        for start in range(int(first), int(end), rule.segment):
            targets = ids.ids[start : min(start + rule.segment, end)].tolist()
            costs = []
            for target in targets:
                hidden, states = learner(torch.tensor([[before]]), states)
                costs.append(-torch.log_softmax(learner.logits(hidden[0, 0]), -1)[target - 2])
                before = target
            slow += [float(cost.detach()) for cost in costs]
            learner.zero_grad()
            torch.stack(costs).mean().backward()
            segments += 1
            with torch.no_grad():
                for name, weight in learner.named_parameters():
                    g = torch.zeros_like(weight) if weight.grad is None else weight.grad
                    weight -= rule.rate * g / (scales[name] + 0.5)
                    if segments % 8 == 0:
                        weight += (8 * rule.decay * scales[name]).clamp(max=1) * (trained[name] - weight)
            states = tuple(tuple(part.detach() for part in state) for state in states)
    assert segments > 16
    assert found == pytest.approx(np.array(slow), abs=1e-9)
    assert all(torch.equal(weight, trained[name]) for name, weight in model.named_parameters()), "a copy learns"


def test_a_cell_that_reads_its_own_output_learns_too() -> None:
    model, ids = network(cell="output-recurrent"), text()
    plain, scales = costs_of(model, ids), drawn_scales(model)
    found = learned(model, ids, "stream", DynamicRule(0.1, 0.003), scales)
    assert found[:20] == pytest.approx(plain[:20], abs=1e-10)
    assert found[20:].sum() < plain[20:].sum()


@pytest.mark.parametrize("case", CASES)
def test_scales_are_root_mean_squares_of_gradients(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamic, "_STREAMS", 2)
    model, ids = network(**CASES[case]), text(40).ids.astype(np.int64)
    found = gradient_scales(model, ids)
    learner, half = network(**CASES[case]).use_engine("readable"), len(ids) // 2
    states, squares, segments = learner.initial_state(2), {}, 0
    rows = torch.from_numpy(np.stack([ids[:half], ids[half : 2 * half]], 1))
    for start in range(0, half - 1, 20):
        inputs, targets = rows[start : start + 20], rows[start + 1 : start + 21]
        hidden, states = learner(inputs[: len(targets)], states)
        states = tuple(tuple(part.detach() for part in state) for state in states)
        learner.zero_grad()
        cost = torch.nn.functional.cross_entropy(
            learner.logits(hidden).flatten(0, 1).log_softmax(-1), targets.flatten() - 2
        )
        cost.backward()
        segments += 1
        for name, weight in learner.named_parameters():
            g = torch.zeros_like(weight) if weight.grad is None else weight.grad
            squares[name] = squares.get(name, 0) + g**2
    size = {name: weight.numel() for name, weight in learner.named_parameters()}
    for name in set(squares) & {name for name in found if name.endswith(("embedding", "output", "rows"))}:
        rows = squares[name].mean(1, keepdim=True)
        squares[name] = (rows + rows.mean()) / 2
    roots = {name: square.sqrt() for name, square in squares.items()}
    mean = sum(float(root.mean()) * size[name] for name, root in roots.items()) / sum(size.values())
    assert segments > 2 and {found[name].shape[-1] for name in found if name.endswith(("embedding", "rows"))} == {1}
    for name, root in roots.items():
        torch.testing.assert_close(found[name], root / mean, rtol=1e-8, atol=1e-10)


def test_nats_and_gradient_are_those_of_the_slow_sum() -> None:
    generator = torch.Generator().manual_seed(1)
    h, V, c = (torch.randn(*size, generator=generator, dtype=torch.float64) * 3 for size in ((6, 4), (9, 4), (9,)))
    targets = torch.tensor([0, 3, 8, 8, 1, 5])
    o = (h @ V.T + c).requires_grad_()
    slow = -(o - torch.logsumexp(o, 1, keepdim=True))[torch.arange(6), targets]
    slow.sum().backward()
    nats, gradient = nats_and_gradient(SoftmaxFactor(h, V, c, targets))
    torch.testing.assert_close(nats, slow.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient, o.grad, rtol=0, atol=1e-12)
    nats, _ = nats_and_gradient(SoftmaxFactor(h.float(), V.float(), c.float(), targets))
    torch.testing.assert_close(nats, slow.detach(), rtol=0, atol=1e-5)


def costs_of(model: Network, ids: Ids, context: str = "stream") -> np.ndarray:
    """What every token costs without learning."""
    found = np.zeros(len(ids.ids))
    for span in text_nats(model, ids, context, 4):
        found[span.start : span.start + len(span.nats)] = span.nats
    return found


@pytest.mark.parametrize("context", CONTEXTS)
def test_without_a_rate_it_is_the_network(context: str) -> None:
    model, ids = network(), text()
    dynamic = learned(model, ids, context, DynamicRule(0.0, 0.0), drawn_scales(model))
    assert dynamic == pytest.approx(costs_of(model, ids, context), abs=1e-10)


def test_a_text_that_repeats_itself_is_learned_and_a_rate_that_breaks_the_network_is_not_taken() -> None:
    model = network()
    line = [5, 9, 3, 14, 7, 2]
    again = Ids(np.array(line * 60, np.uint16), np.arange(0, 361, 6), np.zeros(1, np.uint32))
    plain, scales = float(costs_of(model, again).sum()), gradient_scales(model, again.ids)
    tried = {}

    def totals(rules: Sequence[DynamicRule]) -> list[float]:
        for rule in rules:
            tried[rule] = float(learned(model, again, "stream", rule, scales).sum())
        return [tried[rule] for rule in rules]

    rule = choose_rule(totals, plain)
    assert rule.rate > 0 and tried[rule] == min(tried.values()) < 0.7 * plain
    assert choose_rule(totals, 1.0).rate == 0, "no rate is better than next to nothing"
    assert choose_rule(lambda rules: [math.nan] * len(rules), plain).rate == 0
    broken = learned(model, again, "stream", DynamicRule(1e300, 0.0), scales)
    assert len(broken) == 360 and not np.isnan(broken).any() and np.isinf(broken).any()
