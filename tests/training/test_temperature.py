"""Temperature scaling: T of least cost by a slow search, and folding it in changes nothing else."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids
from rnnlm.model.architecture import Architecture
from rnnlm.model.likelihood import log_probabilities, text_nats
from rnnlm.model.network import Network
from rnnlm.model.outputs.loss import SoftmaxFactor
from rnnlm.training import temperature
from rnnlm.training.temperature import best_temperature, calibrate, fold

SHAPES = {
    "tied": Architecture("lstm", 30, 8, 8, 2, True),
    "tied gru": Architecture("gru", 30, 8, 8, 1, True),
    "projected": Architecture("lstm", 30, 6, 10, 1, True),
    "tanh": Architecture("lstm", 30, 6, 10, 2, True, read_out="tanh"),
    "tanh before clusters": Architecture("gru", 30, 8, 10, 1, True, cuts=(6, 20), widths=(8, 3), read_out="tanh"),
    "untied": Architecture("elman", 30, 5, 9, 2, False),
    "tied clusters": Architecture("lstm", 30, 10, 10, 1, True, cuts=(6, 20), widths=(10, 10)),
    "clusters": Architecture("lstm", 30, 8, 10, 1, True, cuts=(6, 20), widths=(8, 8)),
    "shrinking clusters": Architecture("lstm", 30, 10, 10, 1, True, cuts=(6, 20), widths=(8, 3)),
}


def network(name: str) -> Network:
    """A network with weights of some size."""
    generator = torch.Generator().manual_seed(3)
    model = Network(SHAPES[name], generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.7)
        model.get_parameter("embedding")[0] = 0
    return model.eval()


def text(tokens: int = 3_000) -> Ids:
    """Words at random, ten a line, the frequent ones more often."""
    random = np.random.Generator(np.random.PCG64(5))
    ids = np.minimum(random.geometric(0.12, tokens) + 1, 29).astype(np.uint16)
    ids[9::10] = 2
    return Ids(ids, np.arange(0, tokens + 1, 10, dtype=np.int64), np.empty(0, np.uint32))


def cost(model: Network, ids: Ids, context: str) -> float:
    """Nats per token."""
    return float(np.concatenate([piece.nats for piece in text_nats(model, ids, context, 8)]).mean())


def logarithms(logits: NDArray[Any], temperature: float) -> NDArray[Any]:
    """Logarithms of each row's probabilities when its logits are divided by `temperature`."""
    divided = logits / temperature
    return np.asarray(divided - np.log(np.exp(divided).sum(-1, keepdims=True)))


def slow_log_p(model: Network, output: torch.Tensor, temperature: float) -> NDArray[Any]:
    """log p of every output in float64, each softmax at the temperature."""
    h = output.detach().numpy().astype(np.float64)
    w = {name: array.astype(np.float64) for name, array in model.tensors().items()}
    V = w["embedding"][2:] if "output" not in w else w["output"]
    c = w["bias"]
    if not model.architecture.cuts:
        return logarithms(h @ V.T + c, temperature)
    bounds = [*model.architecture.cuts, 28]
    first = bounds[0]
    softmaxes = [h @ np.vstack([V, w["bands.G"]]).T + np.append(c[:first], w["bands.a"])]
    for number, (begin, end) in enumerate(itertools.pairwise(bounds)):
        up = w.get(f"bands.later.{number}.up")
        softmaxes.append((h if up is None else h @ up) @ w[f"bands.later.{number}.rows"].T + c[begin:end])
    choices, *clusters = (logarithms(logits, temperature) for logits in softmaxes)
    return np.concatenate(
        [choices[..., :first], *(choices[..., first + k, None] + within for k, within in enumerate(clusters))], -1
    )


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("temperature", [0.8, 1.25])
def test_every_softmax_is_divided_and_nothing_else_changes(name: str, temperature: float) -> None:
    model = network(name)
    ids = torch.from_numpy(text(120).ids.astype(np.int64)).view(20, 6)
    with torch.no_grad():
        before = model.read(ids, model.initial_state(6))
        expected = slow_log_p(model, before.output, temperature)
        fold(model, temperature)
        after = model.read(ids, model.initial_state(6))
        found = log_probabilities(model, after.output.flatten(0, 1)).view(20, 6, -1).numpy()
    assert torch.allclose(before.h, after.h, atol=2e-5)
    np.testing.assert_allclose(found, expected, atol=5e-5)
    assert model.embedding is not None and not model.embedding[0].any()


def test_the_temperature_is_that_of_a_slow_search() -> None:
    generator = torch.Generator().manual_seed(1)
    factors = []
    for rows, choices in ((400, 12), (90, 30)):
        h, V = torch.randn(rows, 7, generator=generator), torch.randn(choices, 7, generator=generator)
        c = torch.randn(choices, generator=generator)
        p = (0.6 * (h @ V.T + c)).softmax(1)  # a little too sure
        targets = torch.distributions.Categorical(p).sample()  # type: ignore[no-untyped-call]
        targets[::9] = -1
        factors.append(SoftmaxFactor(h, V, c, targets))

    def cost(temperature: float) -> float:
        total = 0.0
        for factor in factors:
            there = factor.targets.numpy() >= 0
            o = (factor.h.numpy().astype(np.float64) @ factor.V.numpy().T + factor.c.numpy())[there]
            log_p = logarithms(o, temperature)
            total -= float(log_p[np.arange(len(o)), factor.targets.numpy()[there]].sum())
        return total

    found = best_temperature(factors)
    searched = min(np.linspace(1.0, 3.0, 2001), key=cost)
    assert found == pytest.approx(searched, abs=0.002)
    assert 1.3 < found < 2.1


def test_the_temperature_stays_within_bounds() -> None:
    h, V = torch.eye(4), 3 * torch.eye(4)
    sure = SoftmaxFactor(h, V, torch.zeros(4), torch.arange(4))
    wrong = SoftmaxFactor(h, V, torch.zeros(4), (torch.arange(4) + 1) % 4)
    assert best_temperature([sure]) == pytest.approx(0.5, abs=1e-3)
    assert best_temperature([wrong]) == pytest.approx(4.0, abs=1e-2)


@pytest.mark.parametrize("context", ["stream", "sentence"])
@pytest.mark.parametrize("name", ["tied", "projected", "tied clusters"])
def test_an_overconfident_network_is_calibrated(name: str, context: str) -> None:
    valid = text()
    model = Network(SHAPES[name], torch.Generator().manual_seed(3))
    model.start_bias(np.bincount(valid.ids, minlength=30)[2:])
    calibrate(model, valid, context)
    best = cost(model, valid, context)
    fold(model, 1 / 1.7)
    assert cost(model, valid, context) > best + 0.05
    assert calibrate(model, valid, context) == pytest.approx(1.7, abs=0.005)
    assert cost(model, valid, context) == pytest.approx(best, abs=1e-5)


def test_without_validation_nothing_changes() -> None:
    model = network("tied")
    before = model.tensors()
    assert calibrate(model, Ids(np.empty(0, np.uint16), np.zeros(1, np.int64), np.empty(0, np.uint32)), "stream") == 1.0
    assert all((array == before[name]).all() for name, array in model.tensors().items())


@pytest.mark.parametrize(
    ("logits", "fewest", "lines"), [(28 * 600, 10, 60), (28 * 600, 1_000, 100), (28 * 3_000, 10, 300)]
)
def test_many_outputs_use_fewer_tokens(monkeypatch: pytest.MonkeyPatch, logits: int, fewest: int, lines: int) -> None:
    def found(ids: Ids) -> float:
        model = Network(SHAPES["projected"], torch.Generator().manual_seed(3))
        model.start_bias(np.bincount(text().ids, minlength=30)[2:])
        fold(model, 1 / 1.7)
        return calibrate(model, ids, "stream")

    expected = [found(text().part(0, each)) for each in (60, 100, 300)]
    assert len(set(expected)) == 3
    monkeypatch.setattr(temperature, "_LOGITS_IN_ALL", logits)
    monkeypatch.setattr(temperature, "_FEWEST", fewest)
    assert found(text()) == expected[(60, 100, 300).index(lines)]
