"""The simple recurrent network, recurrence ①: hidden to hidden."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from rnnlm.model.cells.cell import Cell, State


class Elman(Cell):
    """The simple recurrent layer (Elman 1990).

        a(t) = b + U x(t) + W h(t−1)
        h(t) = tanh(a(t))

    The state is (h,), (batch, hidden).
    """

    _kernel: ClassVar[Any] = staticmethod(torch.rnn_tanh)

    def act(self, a: Tensor) -> Tensor:
        """tanh(a)."""
        return a.tanh()

    def advance(self, drive: Tensor, state: State, W: Tensor) -> State:
        """h(t) of b + U x(t) and h(t−1)."""
        (h,) = state
        a = drive + self.recur(h, W)
        return (self.act(a),)

    def segment(self, x: Tensor, state: State, W: Tensor) -> tuple[Tensor, State]:
        """All steps in torch's kernel."""
        weights = [self.U, W, self.b, self._zero]
        h, last = self._kernel(x, state[0].unsqueeze(0), weights, True, 1, 0.0, self.training, False, False)
        return h, (last[0],)


class ElmanRelu(Elman):
    """The same with h(t) = max(0, a(t)), whose gradient does not shrink where a(t) > 0."""

    _kernel = staticmethod(torch.rnn_relu)

    def act(self, a: Tensor) -> Tensor:
        """max(0, a)."""
        return a.relu()
