"""Rare words in bands: the loss and its gradients, the start, the cuts, and what a model file says of them."""

import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from rnnlm.model.architecture import Architecture
from rnnlm.model.embedding import whole_layer
from rnnlm.model.likelihood import log_probabilities, target_nats
from rnnlm.model.network import Network
from rnnlm.model.outputs.bands import band_width
from rnnlm.model.outputs.cuts import choose_cuts, expected_choices, step_cost

EQUAL = Architecture("lstm", 60, 16, 8, 1, True, cuts=(9, 30))
SHORTER = replace(EQUAL, shrink=2)
BOTH = pytest.mark.parametrize("architecture", [EQUAL, SHORTER], ids=["equal", "shorter"])


def network(architecture: Architecture) -> Network:
    """A float64 network whose weights all matter."""
    generator = torch.Generator().manual_seed(4)
    model = Network(architecture, generator).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
        assert model.embedding is not None
        model.embedding[0] = 0
    return model


def outputs_of(model: Network, rows: int) -> torch.Tensor:
    """Something for the output layer to read."""
    return torch.randn(rows, 16, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


@BOTH
@torch.no_grad()
def test_the_loss_is_the_sum_of_exact_nats_and_probabilities_sum_to_one(architecture: Architecture) -> None:
    model = network(architecture)
    h = outputs_of(model, 58)
    targets = torch.arange(58)
    log_p = log_probabilities(model, h)
    assert torch.allclose(log_p.exp().sum(1), torch.ones(58, dtype=torch.float64), atol=1e-12)
    exact = -log_p.gather(1, targets.unsqueeze(1)).squeeze(1)
    assert torch.allclose(target_nats(model, h, targets), exact, atol=1e-12)
    assert float(model.loss(h, targets)) == pytest.approx(float(exact.sum()), abs=1e-9)
    some = torch.where(targets % 3 == 0, -1, targets)
    assert float(model.loss(h, some)) == pytest.approx(float(exact[targets % 3 != 0].sum()), abs=1e-9)
    assert not target_nats(model, h, some)[targets % 3 == 0].any()


@BOTH
def test_gradients_are_those_of_log_p(architecture: Architecture) -> None:
    model = network(architecture)
    h = outputs_of(model, 40).requires_grad_()
    targets = torch.arange(58)[torch.randperm(58, generator=torch.Generator().manual_seed(2))[:40]]
    named = {name: parameter for name, parameter in model.named_parameters() if not name.startswith(("layers", "proj"))}
    ours = torch.autograd.grad(model.loss(h, targets), [h, *named.values()])
    slow = -model.logits(h).gather(1, targets.unsqueeze(1)).sum()
    for name, one, other in zip(["h", *named], ours, torch.autograd.grad(slow, [h, *named.values()]), strict=True):
        assert torch.allclose(one, other, atol=1e-9), name


@BOTH
def test_words_are_embedded_as_the_whole_layer_has_them(architecture: Architecture) -> None:
    model = network(architecture)
    rows = torch.from_numpy(whole_layer(model.tensors()))
    ids = torch.arange(60).view(5, 12)
    assert torch.allclose(model.embed(ids), rows[ids], atol=1e-12)
    model.embed(ids).sum().backward()
    assert model.embedding is not None and model.embedding.grad is not None
    assert torch.equal(model.embedding.grad[1:], torch.ones_like(model.embedding.grad[1:]))  # `<pad>` stays 0
    assert not model.embedding.grad[0].any()


@torch.no_grad()
def test_a_start_keeps_the_unigram_and_the_layer() -> None:
    counts = np.geomspace(10_000, 1, 58).astype(np.int64)
    model = Network(EQUAL, torch.Generator().manual_seed(1))
    model.start_bias(counts)
    layer = np.random.default_rng(1).normal(size=(60, 16)).astype(np.float32)
    model.start_embedding(layer)
    assert np.array_equal(whole_layer(model.tensors()), layer)
    p = log_probabilities(model, torch.zeros(1, 16)).exp()[0].numpy()
    assert np.allclose(p, (counts + 1) / (counts + 1).sum(), rtol=1e-5)


def test_shorter_rows_start_as_the_nearest_of_their_rank() -> None:
    layer = np.random.default_rng(1).normal(size=(60, 16)).astype(np.float32)
    model = Network(SHORTER, torch.Generator().manual_seed(1))
    model.start_embedding(layer)
    found = whole_layer(model.tensors())
    assert np.array_equal(found[:11], layer[:11])
    for begin, end, width in ((11, 32, 8), (32, 60, 8)):
        left, scale, right = np.linalg.svd(layer[begin:end], full_matrices=False)
        nearest = (left[:, :width] * scale[:width]) @ right[:width]
        assert np.allclose(found[begin:end], nearest, atol=1e-4)


def test_rows_shrink_from_band_to_band_but_not_to_nothing() -> None:
    assert [band_width(256, 4, number) for number in range(4)] == [256, 64, 16, 8]
    assert [band_width(256, 1, number) for number in range(4)] == [256] * 4
    assert band_width(4, 4, 1) == 4


def test_cuts_make_a_step_cheaper_and_few_words_are_left_whole() -> None:
    counts = (1e6 / np.arange(3, 10_003)).astype(np.int64)
    cuts = choose_cuts(counts, 1120)
    assert list(cuts) == sorted(cuts) and cuts[0] > 0 and cuts[-1] < 10_000
    whole, chosen = step_cost(counts, (), 1120), step_cost(counts, cuts, 1120)
    assert chosen < 0.3 * whole
    for moved in ((cuts[0] * 3, *cuts[1:]), (max(1, cuts[0] // 3), *cuts[1:]), cuts[:-1]):
        assert chosen <= step_cost(counts, moved, 1120)
    assert choose_cuts(counts[:100], 1120) == ()
    assert expected_choices(counts, ()) == 10_000
    shares = [counts[a:b].sum() / counts.sum() for a, b in ((100, 1000), (1000, 10_000))]
    assert expected_choices(counts, (100, 1000)) == pytest.approx(102 + 900 * shares[0] + 9000 * shares[1])


def test_operations_are_those_of_the_products_made() -> None:
    model = network(SHORTER)
    targets = torch.tensor([0, 5, 8, 9, 29, 30, 57, -1])
    first = 7 * 2 * 16 * (9 + 2)
    later = 2 * 2 * 8 * (21 + 16) + 2 * 2 * 8 * (28 + 16)
    assert model.output_operations(targets) == first + later


@torch.no_grad()
def test_a_configuration_from_a_file_is_checked() -> None:
    again = Architecture(**{**asdict(SHORTER), "cuts": [9, 30]})
    assert again == SHORTER and again.fits()
    for wrong in ({"cuts": [30, 9]}, {"cuts": [9, 58]}, {"cuts": [0, 9]}, {"cuts": [9.0]}, {"cuts": [True]},
                  {"cuts": ["9"]}, {"shrink": 3}, {"shrink": 2.0}, {"tied": False}):  # fmt: skip
        assert not Architecture(**{**asdict(SHORTER), **wrong}).fits(), wrong
    assert math.isfinite(float(network(again).loss(outputs_of(network(again), 3), torch.tensor([1, 20, 40]))))
