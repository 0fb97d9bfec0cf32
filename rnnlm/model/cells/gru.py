"""The gated recurrent unit."""

import torch
from torch import Tensor

from rnnlm.model.cells.cell import Cell, State


class Gru(Cell):
    """One layer of gated recurrent units (Cho et al. 2014), the reset gate after the product as in fused kernels.

        r(t) = σ(bʳ + Uʳ x(t) + Wʳ h(t−1))           reset gate
        z(t) = σ(bᶻ + Uᶻ x(t) + Wᶻ h(t−1))           update gate, which keeps h(t−1)
        n(t) = tanh(bⁿ + Uⁿ x(t) + r(t) Wⁿ h(t−1))   candidate
        h(t) = (1 − z(t)) n(t) + z(t) h(t−1)         hidden state

    U, W and b hold the rows of r, z, n in this order. The state is (h,), (batch, hidden).
    """

    BLOCKS = "rzn"
    KEEPS = 1

    def advance(self, drive: Tensor, state: State, W: Tensor) -> State:
        """h(t) of b + U x(t) and h(t−1)."""
        (h,) = state
        r, z, n = drive.chunk(3, dim=1)
        Wr, Wz, Wn = self.recur(h, W).chunk(3, dim=1)
        r, z = (r + Wr).sigmoid(), (z + Wz).sigmoid()
        n = (n + r * Wn).tanh()
        return ((1 - z) * n + z * h,)

    def gates(self, drive: Tensor, state: State) -> dict[str, Tensor]:
        """r(t) and z(t) by letter."""
        rz = slice(0, 2 * self.hidden)
        r, z = (drive[:, rz] + state[0] @ self.W[rz].T).sigmoid().chunk(2, dim=1)
        return {"r": r, "z": z}

    def segment(self, x: Tensor, state: State, W: Tensor) -> tuple[Tensor, State]:
        """All steps in torch's kernel."""
        weights = [self.U, W, self.b, self._zero]
        h, last = torch.gru(x, state[0].unsqueeze(0), weights, True, 1, 0.0, self.training, False, False)
        return h, (last[0],)
