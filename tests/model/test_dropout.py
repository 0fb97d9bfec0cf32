"""Dropout of every kind: what it drops, that it keeps the mean, and that nothing of it is left at evaluation."""

import math

import pytest
import torch

from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.library import shipped
from rnnlm.model.dropout import Dropout
from rnnlm.model.network import Network

IDS = torch.randint(4, 30, (20, 16), generator=torch.Generator().manual_seed(1))
KINDS = ("words", "inputs", "between", "outputs", "recurrent")


def network(cell: str = "lstm", layers: int = 2) -> Network:
    """A network whose weights are large enough that everything matters."""
    generator = torch.Generator().manual_seed(3)
    model = Network(Architecture(cell, 30, 8, 8, layers, True), generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.7)
        model.embedding[0] = 0
    return model


def dropout(seed: int = 5, **rates: float) -> Dropout:
    """Dropout with these rates."""
    return Dropout(torch.Generator().manual_seed(seed), **rates)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", shipped())
@torch.no_grad()
def test_each_kind_changes_what_training_sees_and_nothing_else(cell: str, kind: str) -> None:
    layers = 1 if cell == "output-recurrent" else 2
    model = network(cell, layers)
    states = model.initial_state(16)
    plain = model.read(IDS, states).output
    none = model.read(IDS, states, dropout()).output
    dropped = model.read(IDS, states, dropout(**{kind: 0.5})).output
    again = model.read(IDS, states, dropout(**{kind: 0.5})).output
    assert torch.equal(plain, none)
    assert torch.equal(dropped, again)
    nothing = (kind == "between" and layers == 1) or (kind == "recurrent" and not model.cells[0].recurrent)
    assert torch.equal(plain, dropped) == nothing
    # Evaluation has no dropout, and the network keeps no state of an earlier one.
    assert torch.equal(model(IDS, states)[0], plain)
    assert torch.equal(model.eval()(IDS, states)[0], plain)


@pytest.mark.parametrize("locked", [True, False])
def test_the_mean_is_kept_and_the_fraction_is_the_given_one(locked: bool) -> None:
    x = torch.ones(50, 40, 100)
    dropped = dropout(locked=locked).drop(x, 0.3)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.03)
    assert float((dropped == 0).double().mean()) == pytest.approx(0.3, abs=0.03)
    same = bool((dropped == dropped[0]).all())
    assert same == locked


def test_word_dropout_drops_a_word_wherever_it_stands() -> None:
    x = dropout(words=0.4).drop_rows(torch.ones(20, 16, 8), IDS, 30)
    for word in range(4, 30):
        here = x[word == IDS]
        assert len(here) == 0 or (here == here[0, 0]).all()
    assert sorted(set(x.flatten().tolist())) == [0.0, pytest.approx(1 / 0.6, rel=1e-4)]


@torch.no_grad()
def test_dropped_recurrent_weights_are_the_same_at_every_step_and_in_both_engines() -> None:
    for cell in shipped():
        model = network(cell, 1)
        masks = dropout(recurrent=0.5)
        some = {letter: masks.drop_weights(W) for letter, W in model.cells[0].recurrent.items()}
        assert all(float((W == 0).double().mean()) == pytest.approx(0.5, abs=0.15) for W in some.values())
        fused = model.read(IDS, model.initial_state(16), dropout(recurrent=0.5)).h
        readable = model.use_engine("readable").read(IDS, model.initial_state(16), dropout(recurrent=0.5)).h
        near = 1e-4 * max(1, float(fused.abs().max()))
        assert torch.allclose(fused, readable, rtol=1e-4, atol=near)
        for letter, W in some.items():
            model.cells[0].recurrent[letter].copy_(W)
        assert torch.allclose(model.read(IDS, model.initial_state(16)).h, fused, rtol=1e-4, atol=near)


def test_dropped_weights_get_no_gradient() -> None:
    model = network("lstm", 1)
    mask = dropout(recurrent=0.5).drop_weights(torch.ones_like(model.cells[0].W))
    model.read(IDS, model.initial_state(16), dropout(recurrent=0.5)).h.sum().backward()
    gradient = model.cells[0].W.grad
    assert gradient is not None
    assert not gradient[mask == 0].any()
    assert math.isfinite(float(gradient.abs().sum()))
    assert (gradient[mask != 0] != 0).double().mean() > 0.99
