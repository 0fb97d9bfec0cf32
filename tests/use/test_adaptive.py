"""The neural cache and dynamic evaluation, held to slow loops in float64 that follow the equations."""

import math

import numpy as np
import pytest
import torch

from rnnlm.corpus.ids import Ids
from rnnlm.model.architecture import Architecture
from rnnlm.model.likelihood import log_probabilities, spans_of, text_nats
from rnnlm.model.network import Network
from rnnlm.use.ladder import neural_cache
from rnnlm.use.ladder.dynamic import DynamicRule, choose_rule, dynamic_nats
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
    found = np.zeros((len(SHAPES), len(y)))
    for start, costs in cache_nats(model, ids, context, SHAPES):
        found[:, start : start + costs.shape[1]] = costs
    for number, shape in enumerate(SHAPES):
        for t in range(1, len(y)):
            window = range(max(0, t - shape.window), t)
            weights = [math.exp(shape.theta * float(h[t] @ h[i])) for i in window]
            p = sum(weight for weight, i in zip(weights, window, strict=True) if y[i] == y[t]) / sum(weights)
            assert math.exp(-found[number, t]) == pytest.approx(p, abs=1e-10)
    first = -log_probabilities(model, torch.from_numpy(h[0]).unsqueeze(0))[0, y[0] - 2].item()
    assert found[:, 0] == pytest.approx([first] * len(SHAPES))


@pytest.mark.parametrize("case", ["tied", "clusters", "apart", "fed back"])
@pytest.mark.parametrize("context", CONTEXTS)
def test_dynamic_evaluation_is_its_rule(case: str, context: str) -> None:
    """θ ← θ − η g + λ (θ₀ − θ) after every segment, by plain automatic differentiation of log softmax."""
    more = {
        "tied": {},
        "clusters": {"cuts": (4, 9), "widths": (5, 5)},
        "apart": {"tied": False, "cell": "gru"},
        "fed back": {"cell": "output-recurrent"},
    }[case]
    model, ids = network(**more), text()
    rule = DynamicRule(0.3, 0.05, 4)
    found = np.zeros(len(ids.ids))
    for span in dynamic_nats(model, ids, context, rule):
        found[span.start : span.start + len(span.nats)] = span.nats
    learner = network(**more).use_engine("readable")
    trained = {name: weight.detach().clone() for name, weight in learner.named_parameters()}
    slow = []
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
            with torch.no_grad():
                for name, weight in learner.named_parameters():
                    g = torch.zeros_like(weight) if weight.grad is None else weight.grad
                    if name == "embedding":
                        g[0] = 0  # the row of <pad> is no weight
                    weight += -rule.rate * g + rule.decay * (trained[name] - weight)
            states = tuple(tuple(part.detach() for part in state) for state in states)
    assert found == pytest.approx(np.array(slow), abs=1e-9)
    assert all(torch.equal(weight, trained[name]) for name, weight in model.named_parameters()), "a copy learns"


@pytest.mark.parametrize("context", CONTEXTS)
def test_without_a_rate_it_is_the_network(context: str) -> None:
    model, ids = network(), text()
    plain, dynamic = np.zeros(len(ids.ids)), np.zeros(len(ids.ids))
    for found, spans in (
        (plain, text_nats(model, ids, context, 4)),
        (dynamic, dynamic_nats(model, ids, context, DynamicRule(0.0, 0.0))),
    ):
        for span in spans:
            found[span.start : span.start + len(span.nats)] = span.nats
    assert dynamic == pytest.approx(plain, abs=1e-10)


def test_a_text_that_repeats_itself_is_learned_and_a_rate_that_breaks_the_network_is_not_taken() -> None:
    model = network()
    line = [5, 9, 3, 14, 7, 2]
    again = Ids(np.array(line * 60, np.uint16), np.arange(0, 361, 6), np.zeros(1, np.uint32))
    plain = sum(float(span.nats.sum()) for span in text_nats(model, again, "stream", 1))
    tried = {}

    def total(rule: DynamicRule) -> float:
        tried[rule] = sum(float(span.nats.sum()) for span in dynamic_nats(model, again, "stream", rule))
        return tried[rule]

    rule = choose_rule(total, plain)
    assert rule.rate > 0 and tried[rule] == min(tried.values()) < 0.7 * plain
    assert choose_rule(total, 1.0).rate == 0, "no rate is better than next to nothing"
    assert choose_rule(lambda rule: math.nan, plain).rate == 0
    broken = np.concatenate([span.nats for span in dynamic_nats(model, again, "stream", DynamicRule(1e300, 0.0))])
    assert len(broken) == 360 and not np.isnan(broken).any() and np.isinf(broken).any()
