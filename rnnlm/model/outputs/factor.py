"""A factor of p(target): one softmax over some choices, for some of the rows."""

from dataclasses import dataclass

from torch import Tensor

from rnnlm.model.outputs.loss import linear_cross_entropy


@dataclass(frozen=True)
class SoftmaxFactor:
    """A softmax that is a factor of the probability of some rows.

    h (rows, width), V (choices, width), c (choices,); `targets` (rows,) are numbers of choices, negative where there
    is nothing to predict; `rows` are their indices in the whole, None for all of it.
    """

    h: Tensor
    V: Tensor
    c: Tensor
    targets: Tensor
    rows: Tensor | None = None

    @property
    def loss(self) -> Tensor:
        """Σ −log softmax(V h + c)[target], a scalar."""
        return linear_cross_entropy(self.h, self.V, self.c, self.targets)
