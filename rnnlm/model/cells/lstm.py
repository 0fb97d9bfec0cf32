"""Long short-term memory."""

import torch
from torch import Tensor, nn

from rnnlm.model.cells.cell import Cell, CellOptions, Output, State


class Lstm(Cell):
    """One layer of long short-term memory (Hochreiter & Schmidhuber 1997; forget gate of Gers et al. 2000).

        g(t) = σ(bᵍ + Uᵍ x(t) + Wᵍ h(t−1))          input gate
        f(t) = σ(bᶠ + Uᶠ x(t) + Wᶠ h(t−1))          forget gate
        c(t) = act(b + U x(t) + W h(t−1))            candidate, act = tanh or nothing
        q(t) = σ(b^q + U^q x(t) + W^q h(t−1))        output gate
        s(t) = f(t) s(t−1) + g(t) c(t)              cell state
        h(t) = tanh(s(t)) q(t)                      hidden state

    U, W and b hold the rows of g, f, c, q in this order, that of the fused kernel. With peepholes (Gers & Schmidhuber
    2000) P (3, hidden) lets the gates read the cell state: Pᵍ s(t−1) inside g, Pᶠ s(t−1) inside f, P^q s(t) inside q.
    The state is (h, s), each (batch, hidden).
    """

    BLOCKS = "gfcq"
    KEEPS = 1

    def __init__(
        self, inputs: int, hidden: int, options: CellOptions, generator: torch.Generator, output: Output
    ) -> None:
        super().__init__(inputs, hidden, options, generator, output)
        self.P = nn.Parameter(torch.zeros(3, hidden)) if options.peepholes else None

    def initial_state(self, batch: int) -> State:
        """h(0) = s(0) = 0, each (batch, hidden)."""
        zero = self.b.new_zeros(batch, self.hidden)
        return zero, zero

    def advance(self, drive: Tensor, state: State, W: Tensor) -> State:
        """h(t) and s(t) of b + U x(t), h(t−1) and s(t−1)."""
        h, s = state
        g, f, c, q = (drive + self.recur(h, W)).chunk(4, dim=1)
        if self.P is not None:
            g, f = g + self.P[0] * s, f + self.P[1] * s
        s = f.sigmoid() * s + g.sigmoid() * (c.tanh() if self.options.activation == "tanh" else c)
        if self.P is not None:
            q = q + self.P[2] * s
        return s.tanh() * q.sigmoid(), s

    def gates(self, drive: Tensor, state: State) -> dict[str, Tensor]:
        """g(t), f(t) and q(t) by letter."""
        h, s = state
        g, f, _, q = (drive + h @ self.W.T).chunk(4, dim=1)
        if self.P is not None:
            _, s_now = self.advance(drive, state, self.W)
            g, f, q = g + self.P[0] * s, f + self.P[1] * s, q + self.P[2] * s_now
        return {"g": g.sigmoid(), "f": f.sigmoid(), "q": q.sigmoid()}

    def segment(self, x: Tensor, state: State, W: Tensor) -> tuple[Tensor, State]:
        """All steps in torch's kernel, which has neither peepholes nor other activations."""
        if self.P is not None or self.options.activation != "tanh":
            return super().segment(x, state, W)
        weights = [self.U, W, self.b, self._zero]
        before = [part.unsqueeze(0) for part in state]
        output, h, s = torch.lstm(x, before, weights, True, 1, 0.0, self.training, False, False)
        return output, (h[0], s[0])
