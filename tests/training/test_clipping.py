"""Clipping keeps its bounds; penalties and averaged weights follow their equations."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from settled_settings import settled_with
from torch import nn

from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network, SegmentOutput
from rnnlm.training.average import Average
from rnnlm.training.objective import BatchCounts, penalties
from rnnlm.training.optimizer import clip_gradients, make_optimizer
from rnnlm.training.settings import TrainSettings, check_forms


def parameters(scale: float) -> list[nn.Parameter]:
    """Two parameters with random gradients."""
    generator = torch.Generator().manual_seed(1)
    made = [nn.Parameter(torch.zeros(shape)) for shape in ((5, 7), (11,))]
    for parameter in made:
        parameter.grad = scale * torch.randn(parameter.shape, generator=generator)
    return made


def gradients(made: list[nn.Parameter]) -> torch.Tensor:
    """All gradients as one vector."""
    return torch.cat([parameter.grad.flatten() for parameter in made if parameter.grad is not None])


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e4])
def test_clipping_by_norm_keeps_the_direction_and_bounds_the_norm(scale: float) -> None:
    before, made = gradients(parameters(scale)), parameters(scale)
    norm, clipped = clip_gradients(made, 0.5, 0.0)
    after = gradients(made)
    assert norm == pytest.approx(float(before.norm()), rel=1e-5)
    assert clipped == (norm > 0.5)
    assert float(after.norm()) == pytest.approx(min(0.5, norm), rel=1e-5)
    assert torch.allclose(after / after.norm(), before / before.norm(), atol=1e-6)


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e4])
def test_clipping_by_value_bounds_every_entry(scale: float) -> None:
    before, made = gradients(parameters(scale)), parameters(scale)
    norm, clipped = clip_gradients(made, 1.0, 0.1)
    assert norm == pytest.approx(float(before.norm()), rel=1e-5)
    assert clipped == bool(before.abs().max() > 0.1)
    assert torch.equal(gradients(made), before.clamp(-0.1, 0.1))


def test_no_clipping_changes_nothing() -> None:
    made = parameters(1e4)
    assert not clip_gradients(made, 0.0, 0.0)[1]
    assert torch.equal(gradients(made), gradients(parameters(1e4)))


def test_a_gradient_that_is_not_a_number_is_seen() -> None:
    made = parameters(1.0)
    assert made[0].grad is not None
    made[0].grad[0, 0] = float("nan")
    assert not np.isfinite(clip_gradients(made, 1.0, 0.0)[0])


@pytest.mark.parametrize("lengths", [(6, 2, 1), (6, 6, 6)])
def test_penalties_are_means_over_true_steps(lengths: tuple[int, int, int]) -> None:
    h, dropped = torch.randn(6, 3, 4), torch.randn(6, 3, 4)
    segment = SegmentOutput(h, dropped, dropped, ())
    inside = torch.arange(6).unsqueeze(1) < torch.tensor(lengths)
    counts = BatchCounts(0, sum(lengths), sum(lengths) - len(lengths))
    assert penalties(settled_with(), segment, inside, counts) is None
    alpha = penalties(settled_with(activation_penalty=2.0), segment, inside, counts)
    beta = penalties(settled_with(temporal_penalty=3.0), segment, inside, counts)
    both = penalties(settled_with(activation_penalty=2.0, temporal_penalty=3.0), segment, inside, counts)
    assert alpha is not None and beta is not None and both is not None
    true = torch.cat([dropped[:length, k] for k, length in enumerate(lengths)])
    changes = torch.cat([h[1:length, k] - h[: length - 1, k] for k, length in enumerate(lengths)])
    assert float(alpha) == pytest.approx(2 * float((true**2).mean()), rel=1e-5)
    assert float(beta) == pytest.approx(3 * float((changes**2).mean()), rel=1e-5)
    assert float(both) == pytest.approx(float(alpha + beta), rel=1e-5)


def test_the_average_follows_its_equation_and_does_not_change_the_weights() -> None:
    model = Network(Architecture("elman", 9, 4, 4, 1, True), torch.Generator().manual_seed(1))
    average = Average(model, 0.8)
    slow = model.bias.detach().clone()
    for step in range(1, 30):
        model.bias.data.add_(torch.randn(7, generator=torch.Generator().manual_seed(step)))
        average.update(model)
        decay = min(0.8, (1 + step) / (10 + step))
        slow = decay * slow + (1 - decay) * model.bias.detach()
    kept = model.tensors()
    with average.in_place_of(model):
        assert torch.allclose(model.bias.detach(), slow, atol=1e-5)
    assert all(np.array_equal(array, kept[name]) for name, array in model.tensors().items())
    assert np.allclose(average.tensors()["bias"], slow.numpy(), atol=1e-5)


def test_only_matrices_decay() -> None:
    model = Network(Architecture("lstm-peephole", 9, 4, 6, 1, True), torch.Generator().manual_seed(1))
    optimizer = make_optimizer(model, settled_with(weight_decay=0.3))
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with torch.no_grad():
        model.get_parameter("layers.0.p").fill_(1.0)
    before["layers.0.p"].fill_(1.0)
    optimizer.step()
    for name, parameter in model.named_parameters():
        wanted = (
            before[name] * (1 - 0.1 * 0.3)
            if name.split(".")[-1] in ("U", "W", "embedding", "projection")
            else before[name]
        )
        assert torch.allclose(parameter.detach(), wanted, atol=1e-7), name


@pytest.mark.parametrize(
    "given",
    [
        {"cell": "elman", "forget_bias": 2.0},
        {"cell": "lstm", "feedback": "logits"},
        {"cell": "lstm", "forcing": "free"},
        {"cell": "output-recurrent", "layers": 2},
        {"cell": "output-recurrent", "pooling": "last"},
    ],
)
def test_a_form_of_another_cell_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check_forms(replace(TrainSettings(), **given))


def test_two_ways_to_clip_are_refused() -> None:
    with pytest.raises(UsageError, match="give one of them"):
        replace(TrainSettings(), clip=0.3, clip_value=0.1).check()
