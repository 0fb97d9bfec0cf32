"""The blocked training loss against torch's own, forward and backward, and against finite differences."""

import pytest
import torch
from torch.nn import functional

from rnnlm.model.outputs import loss as loss_module
from rnnlm.model.outputs import product as product_module
from rnnlm.model.outputs.loss import linear_cross_entropy


def problem(rows: int, width: int, outputs: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """h, V, c in float64, and targets of which some are left out."""
    generator = torch.Generator().manual_seed(1)
    h, V, c = (
        torch.randn(*size, generator=generator, dtype=torch.float64)
        for size in ((rows, width), (outputs, width), (outputs,))
    )
    targets = torch.randint(-2, outputs, (rows,), generator=generator)
    return h, V, c, targets


def of_the_library(h: torch.Tensor, V: torch.Tensor, c: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The same loss by torch."""
    wanted = targets.where(targets >= 0, -100)
    return functional.cross_entropy(functional.linear(h, V, c), wanted, reduction="sum", ignore_index=-100)


@pytest.mark.parametrize("block", [1, 7 * 32, 2**21])
def test_equals_cross_entropy_whatever_the_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_module, "_BLOCK", block)
    h, V, c, targets = problem(100, 5, 7)
    ours = [tensor.clone().requires_grad_() for tensor in (h, V, c)]
    theirs = [tensor.clone().requires_grad_() for tensor in (h, V, c)]
    value = linear_cross_entropy(*ours, targets)
    expected = of_the_library(*theirs, targets)
    (3 * value).backward()
    (3 * expected).backward()
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("onednn", [False, True])
def test_equals_cross_entropy_whichever_library_multiplies(onednn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each processor takes one of the two; both are here wherever torch was built with them."""
    assert product_module._HAS_ONEDNN
    monkeypatch.setattr(product_module, "_ONEDNN", onednn)
    monkeypatch.setattr(loss_module, "_BLOCK", 64 * 70)  # several blocks, the last of them a smaller one
    h, V, c, targets = problem(200, 50, 70)
    ours = [tensor.float().requires_grad_() for tensor in (h, V, c)]
    theirs = [tensor.clone().requires_grad_() for tensor in (h, V, c)]
    value = linear_cross_entropy(*ours, targets)
    expected = of_the_library(*theirs, targets)
    value.backward()
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad is not None and other.grad is not None and mine.grad.is_contiguous()
        torch.testing.assert_close(mine.grad.double(), other.grad, rtol=1e-3, atol=1e-4)


def test_gradients_by_finite_differences() -> None:
    h, V, c, targets = problem(6, 3, 4)
    inputs = tuple(tensor.requires_grad_() for tensor in (h, V, c))
    assert torch.autograd.gradcheck(lambda *each: linear_cross_entropy(*each, targets), inputs)


def test_nothing_to_predict_costs_nothing() -> None:
    h, V, c, _ = problem(4, 3, 5)
    h.requires_grad_()
    value = linear_cross_entropy(h, V, c, torch.full((4,), -2))
    value.backward()
    assert value == 0
    assert h.grad is not None and not h.grad.any()
