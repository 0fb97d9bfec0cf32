"""A factor of p(target): one softmax over some choices, asked for some of the rows."""

from dataclasses import dataclass

from torch import Tensor

from rnnlm.model.outputs.loss import linear_cross_entropy


@dataclass(frozen=True)
class SoftmaxFactor:
    """A softmax that some rows' probability has as a factor.

    h (rows, width), V (choices, width), c (choices,); `targets` (rows,) are numbers of choices, negative where there
    is nothing to predict; `rows` says which rows of the whole they are, all of them where it is None.
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
