"""Sampled outputs: the loss by its definition, and that it leads where the exact one does."""

import numpy as np
import pytest
import torch

from rnnlm.model.outputs.loss import linear_cross_entropy
from rnnlm.model.outputs.sampled import Sampler, sampled_cross_entropy

COUNTS = np.geomspace(5_000, 1, 40).astype(np.int64)


def problem() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """h, V, c in float64, and targets of which some are left out."""
    generator = torch.Generator().manual_seed(1)
    h, V, c = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((30, 5), (40, 5), (40,)))
    return h, V, c, torch.randint(-1, 40, (30,), generator=generator)


def test_the_loss_is_that_of_its_definition() -> None:
    h, V, c, targets = problem()
    drawn = torch.tensor([0, 3, 4, 17, 39])
    chance = torch.rand(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64).log()
    expected = 0.0
    for row, target in enumerate(targets.tolist()):
        if target >= 0:
            choices = sorted({target, *drawn.tolist()})
            o = torch.stack([V[k] @ h[row] + c[k] - chance[k] for k in choices])
            expected -= float(o.log_softmax(0)[choices.index(target)])
    assert float(sampled_cross_entropy(h, V, c, targets, drawn, chance)) == pytest.approx(expected, abs=1e-9)
    inputs = tuple(tensor.requires_grad_() for tensor in (h, V, c))
    assert torch.autograd.gradcheck(lambda *each: sampled_cross_entropy(*each, targets, drawn, chance), inputs)


def test_all_outputs_drawn_is_the_exact_loss() -> None:
    h, V, c, targets = problem()
    found = sampled_cross_entropy(h, V, c, targets, torch.arange(40), torch.zeros(40, dtype=torch.float64))
    assert float(found) == pytest.approx(float(linear_cross_entropy(h, V, c, targets)), abs=1e-9)


def test_outputs_are_drawn_as_often_as_the_chance_says() -> None:
    sampler, generator = Sampler(COUNTS, 12), torch.Generator().manual_seed(3)
    met = torch.zeros(40)
    for _ in range(4_000):
        drawn = sampler.draw(generator)
        assert torch.equal(drawn, drawn.unique())
        met[drawn] += 1
    assert torch.allclose(met / 4_000, sampler._log_chance.exp(), atol=0.03)


def test_its_gradient_comes_to_that_of_the_exact_loss_with_more_draws() -> None:
    h, V, c, targets = problem()
    h.requires_grad_()
    (exact,) = torch.autograd.grad(linear_cross_entropy(h, V, c, targets), h)
    generator, errors = torch.Generator().manual_seed(3), []
    for samples in (10, 100, 1_000):
        sampler, found = Sampler(COUNTS, samples), torch.zeros_like(exact)
        for _ in range(200):
            loss = sampler.loss(h, V, c, targets, sampler.draw(generator))
            found += torch.autograd.grad(loss, h)[0] / 200
        errors.append(float((found - exact).norm() / exact.norm()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1
