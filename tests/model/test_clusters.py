"""Clusters of rare words: the loss and its gradients, the init, the cuts, and their record in a model file."""

import itertools
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from rnnlm.model.architecture import Architecture
from rnnlm.model.embedding import whole_layer
from rnnlm.model.likelihood import log_probabilities, target_nats
from rnnlm.model.network import Network
from rnnlm.model.outputs.cuts import Cut, choose_cut, output_operations, row_width, step_cost, with_widths

EQUAL = Architecture("lstm", 60, 16, 8, 1, True, cuts=(9, 30), widths=(16, 16))
SHORTER = replace(EQUAL, widths=(8, 5))
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
    for begin, end, width in ((11, 32, 8), (32, 60, 5)):
        left, scale, right = np.linalg.svd(layer[begin:end], full_matrices=False)
        nearest = (left[:, :width] * scale[:width]) @ right[:width]
        assert np.allclose(found[begin:end], nearest, atol=1e-4)


def test_rows_of_rare_words_are_shorter() -> None:
    ranks = (0, 9_999, 10_000, 39_999, 40_000, 160_000)
    assert [row_width(256, rank, shrink=True) for rank in ranks] == [256, 256, 64, 64, 16, 8]
    assert [row_width(256, rank, shrink=False) for rank in ranks] == [256] * 6
    assert row_width(4, 50_000, shrink=True) == 4


@pytest.mark.parametrize("shrink", [False, True])
def test_cuts_make_a_step_cheaper_and_few_words_are_left_whole(shrink: bool) -> None:
    counts = (1e6 / np.arange(3, 20_003)).astype(np.int64)
    found = choose_cut(counts, 64, 1120, shrink=shrink)
    cuts = found.cuts
    assert list(cuts) == sorted(cuts) and cuts[0] > 0 and cuts[-1] < 20_000
    assert found == with_widths(cuts, 64, shrink=shrink)
    chosen = step_cost(counts, found, 64, 1120)
    assert chosen < 0.3 * step_cost(counts, Cut((), ()), 64, 1120)
    for moved in ((cuts[0] * 3, *cuts[1:]), (max(1, cuts[0] // 3), *cuts[1:]), cuts[:-1]):
        assert chosen <= step_cost(counts, with_widths(moved, 64, shrink=shrink), 64, 1120)
    assert choose_cut(counts[:100], 64, 1120) == Cut((), ())


def test_the_cuts_are_the_cheapest_of_all_that_were_candidates() -> None:
    counts = (1e5 / np.arange(3, 503)).astype(np.int64)
    grid = np.unique(np.geomspace(32, len(counts) - 1, 64).astype(int)).tolist()
    for rows in (100, 2000):
        every = [
            with_widths(cuts, 16, shrink=False) for count in range(4) for cuts in itertools.combinations(grid, count)
        ]
        cheapest = min(step_cost(counts, cut, 16, rows) for cut in every)
        assert step_cost(counts, choose_cut(counts, 16, rows), 16, rows) == pytest.approx(cheapest, rel=1e-12)


def test_the_output_layer_costs_what_its_clusters_cost() -> None:
    counts = np.array([5, 3, 1, 1])
    assert output_operations(counts, Cut((), ()), 8) == 2 * 4 * 8
    found = output_operations(counts, Cut((1, 2), (8, 2)), 8)
    assert found == pytest.approx(2 * ((1 + 2) * 8 + 0.3 * 8 + 0.2 * (2 * 2 + 8 * 2)))


def test_operations_are_those_of_the_products_made() -> None:
    model = network(SHORTER)
    targets = torch.tensor([0, 5, 8, 9, 29, 30, 57, -1])
    first = 7 * 2 * 16 * (9 + 2)
    later = 2 * 2 * 8 * (21 + 16) + 2 * 2 * 5 * (28 + 16)
    assert model.output_operations(targets.numpy()) == first + later


@torch.no_grad()
def test_a_configuration_from_a_file_is_checked() -> None:
    again = Architecture(**{**asdict(SHORTER), "cuts": [9, 30]})
    assert again == SHORTER and again.fits()
    for wrong in ({"cuts": [30, 9]}, {"cuts": [9, 58]}, {"cuts": [0, 9]}, {"cuts": [9.0]}, {"cuts": [True]},
                  {"cuts": ["9"]}, {"widths": [8]}, {"widths": [8, 17]}, {"widths": [8, 0]}, {"widths": [8, 5.0]},
                  {"tied": False}):  # fmt: skip
        assert not Architecture(**{**asdict(SHORTER), **wrong}).fits(), wrong
    assert math.isfinite(float(network(again).loss(outputs_of(network(again), 3), torch.tensor([1, 20, 40]))))
