"""How a segment is computed: stage after stage, each a program of lines on tensors."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from rnnlm.model.cells.form import Slot
from rnnlm.model.cells.notation import FED_BACK, Node
from rnnlm.model.cells.program import Line, Program
from rnnlm.model.cells.scan import Scan
from rnnlm.model.cells.schedule import Stage
from rnnlm.model.int8 import Int8Rows
from rnnlm.model.outputs.product import linear

if TYPE_CHECKING:
    from rnnlm.model.cells.cell import Cell

State = tuple[Tensor, ...]
Weights = Mapping[str, Tensor]


def _either(choose: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Tensor]:
    """A function of two tensors for a tensor and a number too."""

    def chosen(a: Any, b: Any) -> Tensor:
        like = a if isinstance(a, Tensor) else b
        return choose(*(each if isinstance(each, Tensor) else like.new_tensor(each) for each in (a, b)))

    return chosen


APPLY: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "neg": operator.neg,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "exp": torch.exp, "log": torch.log,
    "sqrt": torch.sqrt, "softplus": functional.softplus, "max": _either(torch.maximum), "min": _either(torch.minimum),
    "norm": lambda v: functional.layer_norm(v, v.shape[-1:]), "T": lambda M: M.T,
}  # fmt: skip


def evaluate(node: Node, ref: Callable[[str, int], Any], weight: Callable[[str], Tensor]) -> Any:
    """A term, of tensors (…, n); a number where it has numbers alone. `ref` gives names at delays, `weight` blocks."""
    if node.op == "ref":
        return ref(*node.of)
    if node.op in ("vec", "mat"):
        return weight(node.of)
    if node.op == "num":
        return node.of
    args = [evaluate(arg, ref, weight) for arg in node.args]
    if node.op == "@":
        return functional.linear(args[1], args[0])
    return args[0] ** node.of if node.op == "^" else APPLY[node.op](*args)


def product(v: Tensor, M: Tensor, b: Tensor | None = None, rows: Int8Rows | None = None) -> Tensor:
    """M v + b: (…, columns) → (…, rows); for labels, (…) of integers, a column of M each, 0 for negative ones."""
    if v.is_floating_point():
        return linear(v, M, b, rows)
    fed = functional.embedding(v.clamp(min=0), M.T) * (v >= 0).unsqueeze(-1)
    return fed if b is None else fed + b


class Compiled:
    """A stage's program with what does not depend on the step: which registers hold what, and what runs in a step."""

    def __init__(
        self, cell: "Cell", stage: Stage, stages: Iterable[Stage] = (), *, given: bool = False, alone: bool = False
    ) -> None:
        self.cell = cell
        inside = set(stage.equations) | (set() if given else {FED_BACK}) if stage.kind == "loop" else set()
        equations = {"keep": stage.keep, "add": stage.add} if stage.kind == "scan" else stage.equations
        looped = stage.kind == "loop" and not alone
        program = Program(
            equations, cell.form.parsed.scalars,
            lambda node: looped and all(name not in inside for name, _ in node.refs()),
        )  # fmt: skip
        self.lines, self.results = program.lines, program.results
        numbered = list(enumerate(self.lines))
        self.state = [(k, line.detail) for k, line in numbered if line.op == "ref" and line.detail[0] in inside]
        held = {k for k, _ in self.state}
        self.sequences = [(k, line) for k, line in numbered if line.op in ("ref", "driven") and k not in held]
        self.numbers: list[Any] = [line.detail if line.op == "num" else None for line in self.lines]
        stored = [(k, cell.whole(line.detail), line.detail) for k, line in numbered if line.op == "weight"]
        self.whole = [(k, letter) for k, letter, _ in stored if letter is not None]
        self.weights = [(k, cell.weight(detail)) for k, letter, detail in stored if letter is None]
        self.steps = [(k, self._function(line), line.of) for k, line in numbered if line.of]
        others = [
            e for other in stages if other is not stage for e in (*other.equations.values(), other.keep, other.add)
        ]
        self.read = {name for e in others for name, _ in e.refs()} | {"h"}
        self.feeds = FED_BACK in inside and (FED_BACK, 1) in [slot for _, slot in self.state]

    def step(self, x: Tensor, before: Mapping[Slot, Tensor], stored: Weights) -> dict[str, Tensor]:
        """One step of all equations: x (batch, inputs) → every name and x, (batch, ·)."""
        registers = self.registers(stored)
        for k, slot in self.state:
            registers[k] = before[slot]
        for k, line in self.sequences:
            registers[k] = before[line.detail] if line.detail[1] else x
        self.run(registers)
        found = {name: registers[k] for name, k in self.results.items()}
        found["x"] = x
        return found

    def registers(self, stored: Weights) -> list[Any]:
        """The registers with what is the same in every step."""
        found = self.numbers.copy()
        for k, letter in self.whole:
            found[k] = stored[letter]
        for k, weight in self.weights:
            found[k] = weight(stored)
        return found

    def run(self, registers: list[Any]) -> None:
        """Fill the registers that are computed from others."""
        for k, function, of in self.steps:
            if len(of) == 1:
                registers[k] = function(registers[of[0]])
            elif len(of) == 2:
                registers[k] = function(registers[of[0]], registers[of[1]])
            else:
                registers[k] = function(*[registers[each] for each in of])

    def _function(self, line: Line) -> Callable[..., Any]:
        cell, detail = self.cell, line.detail
        if line.op == "linear":
            names = plain(self.lines[line.of[1]].detail)
            rows = None if names is None else cell.rows(names)
            return lambda v, M, b=None: product(v, M, b, rows() if rows is not None and cell.int8 else None)
        if line.op == "split":
            lengths = [cell.rows_of(node) for node in detail]
            return lambda v: v.split_with_sizes(lengths, -1)
        if line.op == "part":
            return lambda parts: parts[detail]
        return (lambda v: v**detail) if line.op == "^" else APPLY[line.op]


def plain(nodes: Sequence[Node]) -> list[str] | None:
    """The names of blocks; None where there are other terms among them."""
    return [node.of for node in nodes] if all(node.op in ("mat", "vec") for node in nodes) else None


class Segment:
    """One run of the stages: values for all steps, (time, batch, n), by name."""

    def __init__(self, cell: "Cell", x: Tensor, state: State, stored: Weights, previous: Tensor | None = None) -> None:
        self.cell, self.stored, self.length, self.batch = cell, stored, len(x), x.shape[1]
        self.before: dict[Slot, Tensor] = dict(zip(cell.form.slots, state, strict=True))
        self.of: dict[str, Any] = {"x": x}
        self.previous = previous

    def run(self) -> tuple[Tensor, State]:
        """h (time, batch, hidden) and the state after the last step."""
        given = self.previous is not None
        for number, stage in enumerate(self.cell.form.stages[given]):
            compiled = self.cell.compiled(given, number, stage)
            registers = compiled.registers(self.stored)
            sequences = [(k, self._sequence(line)) for k, line in compiled.sequences]
            if stage.kind == "loop":
                self._loop(compiled, registers, sequences)
                continue
            for k, sequence in sequences:
                registers[k] = sequence
            compiled.run(registers)
            found = {name: self._steps(registers[k]) for name, k in compiled.results.items()}
            if stage.kind == "scan":
                (name,) = stage.equations
                first = self.before[name, 1]
                keep, add = (found[each].expand(self.length, *first.shape) for each in ("keep", "add"))
                found = {name: Scan.apply(keep, add.contiguous(), first)}  # type: ignore[no-untyped-call]
            self.of |= found
        return self.of["h"], tuple(self._last(*slot) for slot in self.cell.form.slots)

    def _loop(self, compiled: Compiled, registers: list[Any], sequences: list[tuple[int, Tensor]]) -> None:
        """Step by step; what later stages read is stacked."""
        now = {slot: self.before[slot] for _, slot in compiled.state}
        outputs: dict[str, list[Tensor]] = {name: [] for name in compiled.results}
        steps = [(k, sequence.unbind()) for k, sequence in sequences]
        for t in range(self.length):
            for k, sequence in steps:
                registers[k] = sequence[t]
            for k, slot in compiled.state:
                registers[k] = now[slot]
            compiled.run(registers)
            for name, k in compiled.results.items():
                outputs[name].append(registers[k])
            after = {}
            for name, delay in now:
                if name == FED_BACK:
                    after[name, delay] = self.cell.fed_back(outputs["h"][-1])
                elif delay == 1:
                    after[name, delay] = outputs[name][-1]
                else:
                    after[name, delay] = outputs[name][-delay] if t + 1 >= delay else self.before[name, delay - t - 1]
            now = after
        self.of |= {name: torch.stack(found) if name in compiled.read else found for name, found in outputs.items()}
        if compiled.feeds:
            self.before[FED_BACK, 1] = now[FED_BACK, 1]

    def _steps(self, value: Any) -> Tensor:
        """A value for all steps, also of a number or of weights alone."""
        known: Tensor = value if isinstance(value, Tensor) else self.of["x"].new_tensor(value)
        return known.expand(self.length, self.batch, known.shape[-1] if known.dim() else 1)

    def _last(self, name: str, delay: int) -> Tensor:
        """The value `delay` − 1 steps before the end."""
        if name == FED_BACK:
            return self.before[name, delay]
        found: Tensor = self.of[name][-delay] if delay <= self.length else self.before[name, delay - self.length]
        return found

    def _sequence(self, line: Line) -> Tensor:
        """What is known for all steps: a name at some delay, or the outer part of sums."""
        if line.op == "ref":
            return self._ref(*line.detail)
        total: Tensor | None = None
        bias = self.cell.weight(line.detail.bias)(self.stored) if line.detail.bias else None
        for vector, matrices in zip(line.detail.vectors, line.detail.matrices, strict=True):
            names = plain(matrices)
            rows = self.cell.rows(names)() if names and self.cell.int8 else None
            v = evaluate(vector, self._ref, lambda name: self.cell.joined([name])(self.stored))
            part = product(v, self.cell.weight(matrices)(self.stored), bias, rows)
            total, bias = part if total is None else total + part, None
        assert total is not None
        return total

    def _ref(self, name: str, delay: int) -> Tensor:
        if name == FED_BACK:
            assert self.previous is not None
            return self.previous
        whole: Tensor = self.of[name]
        if not delay:
            return whole
        before = [self.before[name, k] for k in range(delay, 0, -1)]
        return torch.cat([torch.stack(before), whole])[: self.length]
