"""Matrices as integers from −127 to 127 with a scale per row, and exact products with them.

    M[i, k] ≈ scale[i] · numbers[i, k],   scale[i] = max_k |M[i, k]| / 127

A product treats M as exactly what its rows hold. Its other factor, float32, is not rounded to 8 bits: it is split into
four digits of 7 bits, each multiplied in integers, so that the result is that of float32 for a quarter of the bytes
read.
"""

import functools
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

_LARGEST = 127
_DIGITS, _BITS = 4, 7
_SHIFTS = torch.tensor([[(_DIGITS - 1 - digit) * _BITS] for digit in range(_DIGITS)], dtype=torch.int32)
_HALF = 2.0 ** (_DIGITS * _BITS - 1)
# digits (n, k), integers from 0 to 127 → (n, m) float32
Multiply = Callable[[Tensor], Tensor]


class Int8Rows:
    """`numbers` (rows, columns) int8 and `scale` (rows,) float32."""

    def __init__(self, numbers: Tensor, scale: Tensor) -> None:
        self.numbers, self.scale = numbers, scale
        self._version = -1
        self._ready: tuple[Multiply, Tensor] | None = None  # built by the first product

    @classmethod
    def of(cls, matrix: Tensor) -> "Int8Rows":
        """The nearest rows to a matrix (rows, columns): each number is off by at most half its row's scale."""
        scale = matrix.abs().amax(1) / _LARGEST
        numbers = (matrix / torch.where(scale > 0, scale, 1.0).unsqueeze(1)).round()
        return cls(numbers.clamp(-_LARGEST, _LARGEST).to(torch.int8), scale)

    def matrix(self) -> Tensor:
        """(rows, columns) float32: the matrix that the rows represent."""
        return self.numbers * self.scale.unsqueeze(1)

    def part(self, first: int, end: int | None = None) -> "Int8Rows":
        """The rows from number `first` to before `end`, standing for the same part of the matrix."""
        found = Int8Rows(self.numbers[first:end], self.scale[first:end])
        found._version = self._version
        return found

    def belongs_to(self, whole: "Int8Rows") -> bool:
        """Whether these are rows of `whole`, standing for the same matrix."""
        same = self.numbers.untyped_storage().data_ptr() == whole.numbers.untyped_storage().data_ptr()
        return same and self._version == whole._version

    def standing_for(self, matrix: Tensor) -> "Int8Rows":
        """The same rows, to be used as long as the float32 matrix made from them is not changed."""
        found = Int8Rows(self.numbers, self.scale)
        found._version = matrix._version
        return found

    def stand_for(self, matrix: Tensor) -> bool:
        """Whether `matrix` is unchanged since `standing_for`; training changes it."""
        return self._version == matrix._version

    def product(self, x: Tensor, b: Tensor | None = None) -> Tensor:
        """x Mᵀ + b: (1, columns), (rows,) → (1, rows), within rounding of the same with `matrix()`.

        With r = max |x| and v = (x / r + 1) 2²⁷, rounded to an integer below 2²⁸, whose digits are d₀ … d₃:
        numbers · x = r (2⁻²⁷ Σ_j 2^(21 − 7j) numbers · d_j − Σ_k numbers[:, k]).
        """
        if self._ready is None:
            self._ready = kernel()(self.numbers), self.numbers.sum(1, dtype=torch.int32).float()
        multiply, sums = self._ready
        largest = x.abs().amax().clamp_min(1e-30)
        v = (x * (_HALF / largest) + _HALF).to(torch.int32).clamp_max(int(2 * _HALF) - 1)
        digits = (v >> _SHIFTS) & (2**_BITS - 1)
        whole = _POWERS @ multiply(digits) - sums
        return torch.addcmul(b, whole, self.scale * largest) if b is not None else whole * (self.scale * largest)


_POWERS = torch.pow(2.0, _SHIFTS.float()).T / _HALF


@functools.cache
def kernel() -> Callable[[Tensor], Multiply]:
    """The fastest exact way to multiply an int8 matrix by digits on this processor.

    Without special instructions some libraries add pairs of products in 16 bits, which overflow; so each is tested.
    """
    for make in (_by_fbgemm, _by_onednn):
        try:
            if _is_exact(make):
                return make
        except (RuntimeError, AttributeError):  # not in this build of torch or on this processor
            continue
    return _by_float


def _is_exact(make: Callable[[Tensor], Multiply]) -> bool:
    """Whether the largest possible sums are exact."""
    numbers = torch.full((40, 70), _LARGEST, dtype=torch.int8)
    numbers[1::2] *= -1
    digits = torch.full((_DIGITS, 70), 2**_BITS - 1, dtype=torch.int32)
    digits[1] = torch.arange(70)
    return torch.equal(make(numbers)(digits), digits.float() @ numbers.float().T)


def _by_fbgemm(numbers: Tensor) -> Multiply:
    """torch's int8 kernel on x86: 13 MB in 0.15 ms on one core, four digits as fast as one.

    It rounds its input to 8 bits between its smallest and largest number; with 0 and 255 added, in columns of zeros,
    rounding changes nothing.
    """
    rows, columns = numbers.shape
    wide = torch.cat([numbers, numbers.new_zeros(rows, 2)], 1)
    sums = wide.sum(1, dtype=torch.int32)
    zero = torch.zeros(rows)
    ends = torch.tensor([[0, 255]] * _DIGITS, dtype=torch.int32)

    def multiply(d: Tensor) -> Tensor:
        x = torch.cat([d, ends], 1).float()
        return torch.fbgemm_linear_int8_weight_fp32_activation(x, wide, packed, sums, 1.0, 0, zero)

    with warnings.catch_warnings():  # it is deprecated; if it is removed, the next kernel is used
        warnings.simplefilter("ignore")
        packed = torch.fbgemm_pack_quantized_matrix(wide)
        multiply(torch.zeros(_DIGITS, columns, dtype=torch.int32))
    return multiply


def _by_onednn(numbers: Tensor) -> Multiply:
    """Integers throughout; exact if the processor has instructions for them (VNNI)."""
    turned = numbers.T
    return lambda d: torch._int_mm(d.to(torch.int8), turned).float()


def _by_float(numbers: Tensor) -> Multiply:
    """For any other processor: exact, but no faster than float32."""
    matrix = numbers.float().T
    return lambda d: d.float() @ matrix
