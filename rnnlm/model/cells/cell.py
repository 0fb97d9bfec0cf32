"""What every recurrent cell is: one time step, the same weights at each, and two ways to run it over a segment.

The state is a tuple of (batch, ·) tensors whose first is h(t). No caller asks which cell it has, only whether it feeds
the output back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from rnnlm.model.int8 import Int8Rows
from rnnlm.model.outputs.product import linear

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class CellOptions:
    """The form of a cell, and the init of its recurrent weights.

    `activation` and `peepholes` are the LSTM's, `feedback` (what ŷ(t−1) is) the output-recurrent network's.
    `forget_bias` is the initial bias of the gate that keeps the state.
    """

    activation: str = "tanh"
    peepholes: bool = False
    feedback: str = "probabilities"
    recurrent_init: str = "uniform"
    forget_bias: float = 1.0


@dataclass(frozen=True)
class Output:
    """The network's output layer as a cell sees it: `function` makes o (batch, size) of h (batch, hidden)."""

    size: int
    function: Callable[[Tensor], Tensor]


class Cell(nn.Module):
    """One recurrent layer with U (rows, inputs), W (rows, hidden) and b (rows,), rows = hidden times len(BLOCKS).

    A cell defines `advance`, the equation of one step. `engine` says how a segment is run: 'readable' step by step,
    'fused' the fastest way: a kernel for the whole segment where torch has one, otherwise the product with U of all
    steps at once.
    """

    BLOCKS: ClassVar[str] = "a"  # a letter of the equations for each block of rows
    KEEPS: ClassVar[int | None] = None  # the block of the gate that keeps the state
    FEEDS_BACK: ClassVar[bool] = False  # whether the network's output is part of the state

    def __init__(
        self, inputs: int, hidden: int, options: CellOptions, generator: torch.Generator, output: Output
    ) -> None:
        super().__init__()
        self.inputs, self.hidden, self.options = inputs, hidden, options
        self.engine = "fused"
        self.int8: dict[str, Int8Rows] = {}  # U and W in 8 bits, where the weights are quantized
        bound = hidden**-0.5
        self.U = nn.Parameter(
            torch.empty(len(self.BLOCKS) * hidden, inputs).uniform_(-bound, bound, generator=generator)
        )
        self.W = nn.Parameter(self._recurrent_init(output, generator))
        self.b = nn.Parameter(torch.zeros(len(self.BLOCKS) * hidden))
        # A kernel needs a second bias; a constant zero keeps the single b of the equations.
        self._zero: Tensor
        self.register_buffer("_zero", torch.zeros_like(self.b), persistent=False)
        if self.KEEPS is not None:  # an open gate lets gradients through from the first step
            with torch.no_grad():
                self.b[self.KEEPS * hidden : (self.KEEPS + 1) * hidden] = options.forget_bias

    def _recurrent_init(self, output: Output, generator: torch.Generator) -> Tensor:
        """W: small and uniform, or a random rotation per gate (Saxe et al. 2014)."""
        W = torch.empty(len(self.BLOCKS) * self.hidden, self.hidden)
        if self.options.recurrent_init == "orthogonal":
            for block in W.chunk(len(self.BLOCKS)):
                nn.init.orthogonal_(block, generator=generator)
            return W
        return W.uniform_(-(self.hidden**-0.5), self.hidden**-0.5, generator=generator)

    def initial_state(self, batch: int) -> State:
        """The zero state, each part (batch, hidden)."""
        return (self.b.new_zeros(batch, self.hidden),)

    def drive(self, x: Tensor) -> Tensor:
        """The input projection b + U x: (…, inputs) → (…, rows)."""
        return linear(x, self.U, self.b, self.int8.get("U"))

    def recur(self, h: Tensor, W: Tensor) -> Tensor:
        """W h: (batch, ·) → (batch, rows); `W` is the cell's or its replacement."""
        return linear(h, W, None, self.int8.get("W") if W is self.W else None)

    def advance(self, drive: Tensor, state: State, W: Tensor) -> State:
        """The state after one step; `drive` (batch, rows) is the input projection b + U x(t)."""
        raise NotImplementedError

    def gates(self, drive: Tensor, state: State) -> dict[str, Tensor]:
        """How far each gate is open in a step, by name: (batch, hidden) from 0 to 1; empty without gates."""
        return {}

    def step(self, x: Tensor, state: State, W: Tensor | None = None) -> State:
        """One step, x (batch, inputs); `W` replaces the cell's, with some of it dropped."""
        return self.advance(self.drive(x), state, self.W if W is None else W)

    def forward(self, x: Tensor, state: State, W: Tensor | None = None) -> tuple[Tensor, State]:
        """x (time, batch, inputs) → h (time, batch, hidden) and the state after the last step."""
        W = self.W if W is None else W
        if self.engine == "readable":
            outputs = []
            for x_t in x:
                state = self.step(x_t, state, W)
                outputs.append(state[0])
            return torch.stack(outputs), state
        if len(x) == 1 and not torch.is_grad_enabled():  # a kernel would unpack its weights for every single step
            state = self.step(x[0], state, W)
            return state[0].unsqueeze(0), state
        return self.segment(x, state, W)

    def segment(self, x: Tensor, state: State, W: Tensor) -> tuple[Tensor, State]:
        """The fastest form of `forward`; here all input projections at once, then step by step."""
        outputs = []
        for drive in self.drive(x):
            state = self.advance(drive, state, W)
            outputs.append(state[0])
        return torch.stack(outputs), state

    @property
    def operations(self) -> int:
        """Floating-point operations of a step's matrix products."""
        return 2 * (self.U.numel() + self.W.numel())
