"""Matrices in 8 bits: what rounding costs, products that are exact, and weights that change."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.model import int8
from rnnlm.model.int8 import Int8Rows, Multiply
from rnnlm.model.outputs.product import linear

KERNELS = (int8._by_fbgemm, int8._by_onednn, int8._by_float)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    """Normal numbers, the same for a seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 40), st.integers(1, 70), st.integers(0, 1000))
@settings(max_examples=40)
def test_a_number_is_off_by_half_of_its_rows_scale_at_most(rows: int, columns: int, seed: int) -> None:
    matrix = random(rows, columns, seed=seed) * random(rows, 1, seed=seed + 1)
    matrix[0] = 0
    made = Int8Rows.of(matrix)
    off = (made.matrix() - matrix).abs()
    assert bool((off <= made.scale.unsqueeze(1) * (0.5 + 1e-5)).all())
    assert int(made.numbers.abs().max()) <= 127
    assert torch.equal(made.scale * 127, matrix.abs().amax(1)) or torch.allclose(
        made.scale * 127, matrix.abs().amax(1), rtol=1e-6
    )
    assert not made.matrix()[0].any()


def test_what_is_in_8_bits_stays_what_it_is() -> None:
    made = Int8Rows.of(random(50, 30))
    again = Int8Rows.of(made.matrix())
    assert torch.equal(made.numbers, again.numbers)
    torch.testing.assert_close(made.scale, again.scale, rtol=1e-6, atol=0)


@pytest.mark.parametrize("make", KERNELS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (37, 129), (400, 650)])
def test_every_kernel_that_passes_its_trial_multiplies_whole_numbers_exactly(
    make: Callable[[torch.Tensor], Multiply], shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a processor lacks instructions for it, the trial fails, and another kernel is taken."""
    try:
        passes = int8._is_exact(make)
    except (RuntimeError, AttributeError):
        passes = False
    if not passes:
        assert int8.kernel() is not make
        return
    generator = torch.Generator().manual_seed(3)
    numbers = torch.randint(-127, 128, shape, dtype=torch.int8, generator=generator)
    numbers[0] = 127
    digits = torch.randint(0, 128, (4, shape[1]), dtype=torch.int32, generator=generator)
    digits[0] = 127
    expected = digits.numpy().astype(np.int64) @ numbers.numpy().astype(np.int64).T
    assert np.array_equal(make(numbers)(digits).numpy(), expected.astype(np.float32))


@pytest.mark.parametrize("make", KERNELS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("size", [1e-20, 1e-3, 1.0, 300.0])
def test_a_product_is_as_good_as_one_of_float32(
    make: Callable[[torch.Tensor], Multiply], size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        if not int8._is_exact(make):
            return
    except (RuntimeError, AttributeError):
        return
    monkeypatch.setattr(int8, "kernel", lambda: make)
    made = Int8Rows.of(random(300, 650))
    x, b = size * random(1, 650, seed=1), size * random(300, seed=2)
    exact = x.double() @ made.matrix().double().T
    largest = float(exact.abs().max())
    assert float((made.product(x).double() - exact).abs().max()) < 2e-6 * largest
    assert float((made.product(x, b).double() - exact - b).abs().max()) < 2e-6 * largest


def test_a_product_with_nothing_is_the_bias() -> None:
    made = Int8Rows.of(random(6, 5))
    b = random(6, seed=4)
    torch.testing.assert_close(made.product(torch.zeros(1, 5), b), b.unsqueeze(0), rtol=0, atol=1e-6)
    assert float(made.product(torch.zeros(1, 5)).abs().max()) < 1e-20


def test_rows_are_used_for_a_single_row_without_gradients_and_not_after_the_matrix_has_changed() -> None:
    """The rows here are not those of the matrix, so that it shows which of the two is read."""
    matrix, other = random(4, 3), Int8Rows.of(random(4, 3, seed=9))
    rows = other.standing_for(matrix)
    x = random(1, 3, seed=1)

    def reads_rows(x: torch.Tensor, rows: Int8Rows) -> bool:
        return torch.allclose(linear(x, matrix, None, rows), x @ other.matrix().T, atol=1e-5)

    assert not reads_rows(x, rows)  # gradients are on
    with torch.no_grad():
        assert reads_rows(x, rows)
        assert reads_rows(x.view(1, 1, 3), rows)
        assert not reads_rows(random(2, 3), rows)
        assert not reads_rows(x, other)  # not registered for it
        matrix += 1
        assert not reads_rows(x, rows)


@pytest.mark.parametrize("rows", [1, 2, 8, 9, 40])
def test_products_without_gradients_are_those_with(rows: int) -> None:
    x, W, b = random(rows, 130), random(70, 130, seed=1), random(70, seed=2)
    with_gradients = linear(x, W, b)
    with torch.no_grad():
        torch.testing.assert_close(linear(x, W, b), with_gradients, rtol=0, atol=1e-4)
        torch.testing.assert_close(linear(x.view(rows, 1, 130), W), (x @ W.T).unsqueeze(1), rtol=0, atol=1e-4)
        assert linear(x[:0], W, b).shape == (0, 70)
