"""The LSTM layer: its equations and the fused kernel that computes them for a whole segment."""

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]


class Lstm(nn.Module):
    """One layer of long short-term memory (Hochreiter & Schmidhuber 1997; forget gate of Gers et al. 2000).

        g(t) = σ(bᵍ + Uᵍ x(t) + Wᵍ h(t−1))          external input gate
        f(t) = σ(bᶠ + Uᶠ x(t) + Wᶠ h(t−1))          forget gate
        c(t) = tanh(b + U x(t) + W h(t−1))           candidate
        q(t) = σ(b^q + U^q x(t) + W^q h(t−1))        output gate
        s(t) = f(t) s(t−1) + g(t) c(t)
        h(t) = tanh(s(t)) q(t)

    U (4·hidden, inputs), W (4·hidden, hidden) and b (4·hidden,) hold the rows of g, f, c, q in this order, which is
    the order of the fused kernel. The state is (h, s), each (batch, hidden).
    """

    def __init__(self, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.hidden = hidden
        bound = hidden**-0.5
        self.U = nn.Parameter(torch.empty(4 * hidden, inputs).uniform_(-bound, bound, generator=generator))
        self.W = nn.Parameter(torch.empty(4 * hidden, hidden).uniform_(-bound, bound, generator=generator))
        self.b = nn.Parameter(torch.zeros(4 * hidden))
        with torch.no_grad():
            self.b[hidden : 2 * hidden] = 1.0  # an open forget gate lets gradients through from the first step
        # The kernel wants a second bias; a constant zero keeps the equations' single b.
        self._zero: Tensor
        self.register_buffer("_zero", torch.zeros(4 * hidden), persistent=False)

    def initial_state(self, batch: int) -> State:
        """h(0) = s(0) = 0, each (batch, hidden)."""
        zero = self.b.new_zeros(batch, self.hidden)
        return zero, zero

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """x (time, batch, inputs) → h (time, batch, hidden) and the state after the last step."""
        if len(x) == 1 and not torch.is_grad_enabled():
            state = self.step(x[0], state)
            return state[0].unsqueeze(0), state
        weights = [self.U, self.W, self.b, self._zero]
        before = tuple(part.unsqueeze(0) for part in state)
        output, h, s = torch.lstm(x, before, weights, True, 1, 0.0, self.training, False, False)
        return output, (h[0], s[0])

    def step(self, x: Tensor, state: State) -> State:
        """One step, x (batch, inputs); quicker than the kernel for a single step, which unpacks its weights anew."""
        h, s = state
        g, f, c, q = (x @ self.U.T + h @ self.W.T + self.b).chunk(4, dim=1)
        s = f.sigmoid() * s + g.sigmoid() * c.tanh()
        return s.tanh() * q.sigmoid(), s
