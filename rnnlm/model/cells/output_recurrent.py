"""Recurrence ②: only the network's output is fed back, so that teacher forcing trains all steps at once."""

import torch
from torch import Tensor
from torch.nn import functional

from rnnlm.model.cells.cell import Cell, CellOptions, Output, State


class OutputRecurrent(Cell):
    """A layer whose only memory is the network's output (Jordan 1986).

        a(t) = b + U x(t) + W ŷ(t−1)
        h(t) = tanh(a(t))
        o(t) = V h(t) + c,   ŷ(t) = softmax o(t), or o(t) itself

    V and c are the network's output layer. W is (hidden, outputs). The state is (h, ŷ), (batch, hidden) and (batch,
    outputs); h(t−1) is not read. Teacher forcing replaces ŷ(t−1) by y(t−1) (Williams & Zipser 1989).
    """

    FEEDS_BACK = True

    def __init__(
        self, inputs: int, hidden: int, options: CellOptions, generator: torch.Generator, output: Output
    ) -> None:
        super().__init__(inputs, hidden, options, generator, output)
        self._output = output

    def _recurrent_init(self, output: Output, generator: torch.Generator) -> Tensor:
        """W: small and uniform, or with orthogonal columns or rows, whichever are fewer."""
        W = torch.empty(self.hidden, output.size)
        if self.options.recurrent_init == "orthogonal":
            return torch.nn.init.orthogonal_(W, generator=generator)
        return W.uniform_(-(self.hidden**-0.5), self.hidden**-0.5, generator=generator)

    def initial_state(self, batch: int) -> State:
        """h(0) = 0 and ŷ(0) = 0: there is no output yet."""
        return self.b.new_zeros(batch, self.hidden), self.b.new_zeros(batch, self._output.size)

    def advance(self, drive: Tensor, state: State, W: Tensor) -> State:
        """h(t) and ŷ(t) of b + U x(t) and ŷ(t−1)."""
        _, y = state
        h = (drive + self.recur(y, W)).tanh()
        o = self._output.function(h)
        return h, o.softmax(-1) if self.options.feedback == "probabilities" else o

    def forced(self, x: Tensor, previous: Tensor, W: Tensor | None = None) -> Tensor:
        """All steps at once: x (time, batch, inputs) and y(t−1) → h (time, batch, hidden).

        `previous` is (time, batch, outputs), or (time, batch) of output numbers, negative where there was none.
        """
        return (self.drive(x) + self._fed(previous, self.W if W is None else W)).tanh()

    def guided(
        self, x: Tensor, state: State, previous: Tensor, given: Tensor, W: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Step by step, y(t−1) where `given` (time, batch) is true and the network's own ŷ(t−1) elsewhere.

        Scheduled sampling (Bengio et al. 2015) draws `given` for each batch. A segment's first `previous` replaces the
        state where it is given. Returns h (time, batch, hidden) and the state after the last step.
        """
        W = self.W if W is None else W
        fed, drive, outputs = self._fed(previous, W), self.drive(x), []
        for t in range(len(x)):
            own = drive[t] + self.recur(state[1], W)
            h = torch.where(given[t].unsqueeze(1), drive[t] + fed[t], own).tanh()
            o = self._output.function(h)
            state = (h, o.softmax(-1) if self.options.feedback == "probabilities" else o)
            outputs.append(h)
        return torch.stack(outputs), state

    def _fed(self, previous: Tensor, W: Tensor) -> Tensor:
        """W y(t−1), (time, batch, hidden)."""
        if previous.is_floating_point():
            return previous @ W.T
        fed = functional.embedding(previous.clamp(min=0), W.T)
        return fed * (previous >= 0).unsqueeze(-1)
