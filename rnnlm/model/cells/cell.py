"""A recurrent layer made from equations: its weights, one step, and three engines for a segment.

'readable' evaluates the equations step by step. 'fused' is the fastest: a kernel of torch where there is one for these
equations, otherwise the stages of `schedule.py`. The state is a tuple of (batch, ·) tensors whose first is h(t). No
caller asks which cell it has.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnlm.errors import UsageError
from rnnlm.model.cells.engine import Compiled, Segment, State, Weights, evaluate, plain
from rnnlm.model.cells.form import Form, Slot
from rnnlm.model.cells.kernels import kernel_of, run_kernel
from rnnlm.model.cells.notation import FED_BACK, Node
from rnnlm.model.cells.schedule import Stage
from rnnlm.model.int8 import Int8Rows


@dataclass(frozen=True)
class CellOptions:
    """What ŷ(t−1) is that a cell may read, and the init of its recurrent weights.

    `forget_bias` is the initial bias of the gate that keeps the state.
    """

    feedback: str = "probabilities"
    recurrent_init: str = "uniform"
    forget_bias: float = 1.0


@dataclass(frozen=True)
class Output:
    """The network's output layer as a cell sees it: `function` makes o (batch, size) of h (batch, hidden)."""

    size: int
    function: Callable[[Tensor], Tensor]


class Cell(nn.Module):
    """One recurrent layer with the stored weights of its form: U (rows, inputs), W (rows, hidden), b (rows,), …

    Matrices start uniform in ±H^−½, or each recurrent block as a random rotation (Saxe et al. 2014); vectors start at
    0 or as the text says, the bias of the gate that keeps the state at `forget_bias`.
    """

    def __init__(
        self, form: Form, inputs: int, hidden: int, options: CellOptions, generator: torch.Generator, output: Output
    ) -> None:
        """Raises UsageError for equations that need as many inputs as units where they differ."""
        super().__init__()
        if form.shapes.square and inputs != hidden:
            raise UsageError(f"{form.shapes.square} needs as many inputs as units, not {inputs} and {hidden}",
                             "use as large an --embedding as --hidden, or put a matrix before x(t)")  # fmt: skip
        self.form, self.inputs, self.hidden, self.options = form, inputs, hidden, options
        self.engine = "fused"
        self.int8: dict[str, Int8Rows] = {}  # matrices in 8 bits, where the weights are quantized
        self._output = output
        self._layer = form.layer(inputs, hidden, output.size)
        self._places = self._layer.places
        self._int8_parts: dict[tuple[str, int, int], Int8Rows] = {}
        self._kernel = kernel_of(form.text)
        self._alone: Compiled | None = None
        self._programs: dict[tuple[bool, int], Compiled] = {}
        for letter in form.blocks:  # set beneath `nn.Module`, which has attributes of its own under some names
            tensor = torch.zeros(self._layer.stored(letter))
            self._start(letter, tensor, generator)
            self._parameters[letter] = nn.Parameter(tensor)

    def _start(self, letter: str, tensor: Tensor, generator: torch.Generator) -> None:
        """The init of a stored weight."""
        names, bound = self.form.blocks[letter], self.hidden**-0.5
        parts = self._split(letter, tensor)
        if tensor.dim() == 2 and letter in self.form.recurrent and self.options.recurrent_init == "orthogonal":
            for part in parts.values():
                nn.init.orthogonal_(part, generator=generator)
        elif tensor.dim() == 2:
            tensor.uniform_(-bound, bound, generator=generator)
        keeping = self.form.keeping_bias
        for name in names:
            start = self.form.parsed.starts.get(name)
            if start is not None:
                parts[name].fill_(start[0]) if len(start) == 1 else parts[name].uniform_(*start, generator=generator)
            elif keeping is not None and keeping[0] == name:
                parts[name].fill_(keeping[1] * self.options.forget_bias)

    def _split(self, letter: str, tensor: Tensor) -> dict[str, Tensor]:
        """The blocks of a stored weight, views of it."""
        places = {name: self._places[name] for name in self.form.blocks[letter]}
        return {name: tensor[a:b] if tensor.dim() else tensor for name, (_, a, b) in places.items()}

    @property
    def recurrent(self) -> dict[str, Tensor]:
        """The stored weights that are multiplied with what depends on the past."""
        return {letter: self._parameters[letter] for letter in self.form.recurrent}  # type: ignore[misc]

    @property
    def matrices(self) -> dict[str, Tensor]:
        """The stored matrices."""
        return {name: each for name, each in self._parameters.items() if each is not None and each.dim() == 2}

    @property
    def input_blocks(self) -> list[Tensor]:
        """The matrices that x(t) is multiplied by and that nothing else is."""
        places = [self._places[name] for name in self.form.input_blocks or ()]
        return [self._parameters[letter][first:end] for letter, first, end in places]  # type: ignore[index]

    def operations(self, *, labels: bool) -> int:
        """Floating-point operations of a step's matrix products, as `Layer.operations`."""
        return self._layer.operations(labels=labels)

    def blocks(self, letter: str) -> dict[str, Tensor]:
        """The blocks of a stored weight by name."""
        stored = self._parameters[letter]
        assert stored is not None
        return self._split(letter, stored)

    def initial_state(self, batch: int) -> State:
        """The zero state, each part (batch, ·), h first."""
        like = next(self.parameters())
        return tuple(like.new_zeros(batch, self._layer.slot(slot)) for slot in self.form.slots)

    def stored(self, changed: Weights | None) -> dict[str, Tensor]:
        """The stored weights, some of them replaced."""
        own: dict[str, Tensor] = self._parameters  # type: ignore[assignment]
        return own if changed is None else {**own, **changed}

    def step(self, x: Tensor, state: State, changed: Weights | None = None) -> State:
        """One step as the equations say, x (batch, inputs) and the state → the state after it."""
        return self._after(self.values(x, state, changed), dict(zip(self.form.slots, state, strict=True)))

    def values(self, x: Tensor, state: State, changed: Weights | None = None) -> dict[str, Tensor]:
        """Every name of the equations in one step, (batch, ·)."""
        stored = self.stored(changed)
        weights = {n: part for letter in self.form.blocks for n, part in self._split(letter, stored[letter]).items()}
        before, found = dict(zip(self.form.slots, state, strict=True)), {"x": x}

        def value(node: Node) -> Any:
            return evaluate(node, lambda name, k: before[name, k] if k else found[name], weights.__getitem__)

        for name, expression in self.form.parsed.equations.items():
            term = value(expression)
            found[name] = term if isinstance(term, Tensor) else x.new_full((len(x), 1), term)
        found.update((gate.name, value(gate.term)) for gate in self.form.gates if gate.name not in found)
        return found

    def gates(self, x: Tensor, state: State) -> dict[str, Tensor]:
        """How far each gate is open in a step, by name: (batch, hidden) from 0 to 1; empty without gates."""
        found = self.values(x, state)
        return {gate.name: found[gate.name].expand(len(x), self.hidden) for gate in self.form.gates}

    def _after(self, found: Mapping[str, Tensor], before: Mapping[Slot, Tensor]) -> State:
        """The state after a step in which the names have these values."""
        after = []
        for name, k in self.form.slots:
            now = self.fed_back(found["h"]) if name == FED_BACK else found[name]
            after.append(now if k == 1 else before[name, k - 1])
        return tuple(after)

    def fed_back(self, h: Tensor) -> Tensor:
        """ŷ of h (batch, hidden): (batch, outputs)."""
        o = self._output.function(h)
        return o.softmax(-1) if self.options.feedback == "probabilities" else o

    def forward(self, x: Tensor, state: State, changed: Weights | None = None) -> tuple[Tensor, State]:
        """x (time, batch, inputs) → h (time, batch, hidden) and the state after the last step."""
        if self.engine == "readable":
            outputs = []
            for x_t in x:
                state = self.step(x_t, state, changed)
                outputs.append(state[0])
            return torch.stack(outputs), state
        stored = self.stored(changed)
        # For single steps a kernel would unpack its weights every time.
        if self._kernel is not None and (len(x) > 1 or torch.is_grad_enabled()):
            name, blocks = self._kernel
            weights = [self.joined(blocks[letter])(stored) for letter in "UWb"]
            return run_kernel(name, x, state, weights, self.training)
        if len(x) == 1 and not torch.is_grad_enabled():
            if self._alone is None:
                self._alone = Compiled(self, Stage("loop", self.form.parsed.equations), alone=True)
            before = dict(zip(self.form.slots, state, strict=True))
            after = self._after(self._alone.step(x[0], before, stored), before)
            return after[0].unsqueeze(0), after
        return Segment(self, x, state, stored).run()

    def forced(self, x: Tensor, state: State, previous: Tensor, changed: Weights | None = None) -> tuple[Tensor, State]:
        """The same with y(t−1) in place of ŷ(t−1), which stays in the state as it was.

        `previous` is (time, batch, outputs), or (time, batch) of output numbers, negative where there was none.
        """
        return Segment(self, x, state, self.stored(changed), previous).run()

    def guided(
        self, x: Tensor, state: State, previous: Tensor, given: Tensor, changed: Weights | None = None
    ) -> tuple[Tensor, State]:
        """Step by step, y(t−1) where `given` (time, batch) is true and the network's own ŷ(t−1) elsewhere.

        Scheduled sampling (Bengio et al. 2015) draws `given` for each batch.
        """
        outputs, place = [], self.form.slots.index((FED_BACK, 1))
        for x_t, y, use in zip(x, previous, given, strict=True):
            if not y.is_floating_point():
                y = functional.one_hot(y.clamp(min=0), self._output.size) * (y >= 0).unsqueeze(1)
            fed = torch.where(use.unsqueeze(1), y.to(x.dtype), state[place])
            state = self.step(x_t, (*state[:place], fed, *state[place + 1 :]), changed)
            outputs.append(state[0])
        return torch.stack(outputs), state

    def joined(self, names: Sequence[str]) -> Callable[[Weights], Tensor]:
        """A function of the stored weights: the rows of blocks one after the other, a view where they are neighbors."""
        place = self._run_of(names)
        if place is None:
            places = [self._places[name] for name in names]
            return lambda stored: torch.cat([stored[letter][a:b] for letter, a, b in places])
        letter, first, end = place
        if self._is_whole(place):
            return lambda stored: stored[letter]
        return lambda stored: stored[letter][first:end]

    def _is_whole(self, place: tuple[str, int, int]) -> bool:
        size = self._layer.stored(place[0])
        return not size or place[2] - place[1] == size[0]

    def whole(self, nodes: Sequence[Node]) -> str | None:
        """The stored weight that consists of these blocks, in this order; None where they are anything else."""
        names = plain(nodes)
        place = None if names is None else self._run_of(names)
        return place[0] if place is not None and self._is_whole(place) else None

    def _run_of(self, names: Sequence[str]) -> tuple[str, int, int] | None:
        """The stored weight and the rows of blocks that are neighbors there; None for others."""
        letter, first, end = self._places[names[0]]
        for name in names[1:]:
            other, start, stop = self._places[name]
            if (other, start) != (letter, end):
                return None
            end = stop
        return letter, first, end

    def weight(self, nodes: Sequence[Node]) -> Callable[[Weights], Tensor]:
        """The same for terms of matrices too."""
        names = plain(nodes)
        if names is not None:
            return self.joined(names)

        def found(stored: Weights) -> Tensor:
            parts = [evaluate(node, _no_ref, lambda name: self.joined([name])(stored)) for node in nodes]
            return torch.cat(parts) if len(parts) > 1 else parts[0]

        return found

    def rows(self, names: Sequence[str]) -> Callable[[], Int8Rows | None]:
        """A function that gives the same in 8 bits, where there are such rows."""
        place = self._run_of(names)
        if place is None:
            return lambda: None
        letter, first, end = place

        def found() -> Int8Rows | None:
            whole = self.int8.get(letter)
            if whole is None or end - first == len(whole.numbers):
                return whole
            if place not in self._int8_parts or not self._int8_parts[place].belongs_to(whole):
                self._int8_parts[place] = whole.part(first, end)
            return self._int8_parts[place]

        return found

    def rows_of(self, matrix: Node) -> int:
        """The rows of a matrix term."""
        return self._layer.product(matrix)[0]

    def compiled(self, given: bool, number: int, stage: Stage) -> Compiled:
        """A stage as a program, made once."""
        if (given, number) not in self._programs:
            self._programs[given, number] = Compiled(self, stage, self.form.stages[given], given=given)
        return self._programs[given, number]


def _no_ref(name: str, delay: int) -> Tensor:
    raise AssertionError(f"{name} in a term of matrices")
