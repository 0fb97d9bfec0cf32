"""A recurrent layer in ONNX operators, from the program of its cell's equations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.form import Layer, Slot
from rnnlm.model.cells.notation import FED_BACK, Node
from rnnlm.model.cells.program import Line, Program
from rnnlm.model.cells.writing import NOTATION
from rnnlm.use.export.onnx_nodes import Nodes

_OPERATORS = {
    "+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "neg": "Neg", "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu",
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "softplus": "Softplus", "max": "Max", "min": "Min",
}  # fmt: skip
_COMBINED: dict[str, Callable[..., NDArray[Any]]] = {"+": np.add, "-": np.subtract, "T": np.transpose}
_X, _Y = Node("ref", of=("x", 0)), Node("ref", of=(FED_BACK, 1))


@dataclass(frozen=True)
class OnnxLayer:
    """A layer's stored weights by letter, and the name that its constants begin with.

    `output` adds the output layer: h (…, hidden) → o (…, outputs). With forced input y(t−1) is the last token.
    """

    name: str
    number: int
    weights: Mapping[str, NDArray[Any]]
    architecture: Architecture
    output: Callable[[Nodes, str], str]

    @property
    def layer(self) -> Layer:
        """The sizes of its weights."""
        return self.architecture.recurrent_layers[self.number]

    @property
    def forced(self) -> bool:
        """Whether y(t−1) is given."""
        return self.architecture.forced and self.architecture.form.feeds_back

    @property
    def states(self) -> dict[Slot, tuple[str, int]]:
        """The names and lengths of the parts of its state; none if it depends on the last token only."""
        form, letters = self.architecture.form, {FED_BACK: "y"}
        read = {ref for e in form.parsed.equations.values() for ref in e.refs() if ref[1]}
        slots = [slot for slot in form.slots if not (self.forced and (slot[0] == FED_BACK or slot not in read))]
        names = [f"{letters.get(name, name)}{f'_t{k}' if k > 1 else ''}_{self.number}" for name, k in slots]
        return {slot: (name, self.layer.slot(slot)) for slot, name in zip(slots, names, strict=True)}

    @property
    def program(self) -> Program:
        """A step; what is driven by x(t), and a given y(t−1), comes from outside."""
        form = self.architecture.form
        outer = (_X, _Y) if self.forced else (_X,)
        return Program(form.parsed.equations, form.parsed.scalars, lambda node: node in outer)

    def drives(self, nodes: Nodes, x: str, ids: str) -> list[tuple[str, int]]:
        """The driven lines of the program for x (…, inputs) of tokens `ids` (…): their names and lengths."""
        found = []
        for line in self.program.lines:
            if line.op != "driven":
                continue
            bundle, total = line.detail, None
            bias = self._weight(nodes, bundle.bias) if bundle.bias else None
            for vector, matrices in zip(bundle.vectors, bundle.matrices, strict=True):
                part = self._fed(nodes, matrices, ids) if vector == _Y else self._product(nodes, x, matrices)
                total = part if total is None else nodes.op("Add", total, part)
            assert total is not None
            rows = sum(len(self._array(node)) for node in bundle.matrices[0])
            found.append((nodes.op("Add", total, bias) if bias else total, rows))
        return found

    def step(self, nodes: Nodes, x: str, drives: Sequence[str], state: Mapping[Slot, str]) -> tuple[str, list[str]]:
        """h(t), and the parts of the state after it, of those before it."""
        program, left, registers = self.program, iter(drives), list[Any]()
        for line in program.lines:
            registers.append(self._line(nodes, line, registers, x, left, state))
        h = registers[program.results["h"]]
        after = []
        for name, k in self.states:
            if k > 1:
                after.append(state[name, k - 1])
            elif name == FED_BACK:
                after.append(self._fed_back(nodes, h))
            else:
                after.append(x if name == "x" else registers[program.results[name]])
        return h, after

    def _line(
        self, nodes: Nodes, line: Line, registers: list[Any], x: str, drives: Any, state: Mapping[Slot, str]
    ) -> Any:
        """The name of a line's value; the names of its parts for a split."""
        of = [registers[each] for each in line.of]
        if line.op == "num":
            return nodes.constant(f"number {line.detail!r}", np.array(line.detail, np.float32))
        if line.op == "driven":
            return next(drives)
        if line.op == "ref":
            return x if line.detail == ("x", 0) else state[line.detail]
        if line.op == "weight":
            return line.detail
        if line.op == "linear":
            product = self._product(nodes, of[0], of[1])
            return nodes.op("Add", product, self._weight(nodes, of[2])) if len(of) > 2 else product
        if line.op == "split":
            lengths = np.array([len(self._array(node)) for node in line.detail], np.int64)
            return nodes.ops("Split", len(lengths), of[0], nodes.constant(f"lengths {lengths}", lengths), axis=-1)
        if line.op == "part":
            return of[0][line.detail]
        of = [self._weight(nodes, each) if isinstance(each, tuple) else each for each in of]
        if line.op == "^":
            return nodes.op("Pow", of[0], nodes.constant(f"number {line.detail!r}", np.array(line.detail, np.float32)))
        if line.op == "norm":
            one = nodes.constant("one", np.ones(1, np.float32))
            return nodes.op("LayerNormalization", of[0], one, axis=-1, epsilon=1e-5)
        return nodes.op(_OPERATORS[line.op], *of)

    def _fed_back(self, nodes: Nodes, h: str) -> str:
        o = self.output(nodes, h)
        return nodes.op("Softmax", o, axis=-1) if self.architecture.feedback == "probabilities" else o

    def _product(self, nodes: Nodes, v: str, matrices: Sequence[Node]) -> str:
        M = np.concatenate([self._array(node) for node in matrices])
        return nodes.op("MatMul", v, nodes.constant(f"{self.name}.{_shown(matrices)}.T", M.T))

    def _fed(self, nodes: Nodes, matrices: Sequence[Node], ids: str) -> str:
        """W y(t−1) where y(t−1) is the last token, (…, rows): a column of W; 0 for what is never predicted."""
        M = np.concatenate([self._array(node) for node in matrices]).T
        table = np.concatenate([np.zeros((FIRST_OUTPUT, M.shape[1]), M.dtype), M])
        return nodes.op("Gather", nodes.constant(f"{self.name}.{_shown(matrices)}.fed", table), ids)

    def _weight(self, nodes: Nodes, blocks: Sequence[Node]) -> str:
        array = np.concatenate([np.atleast_1d(self._array(node)) for node in blocks])
        return nodes.constant(f"{self.name}.{_shown(blocks)}", array)

    def _array(self, node: Node) -> NDArray[Any]:
        """The rows of a block, or of a term of matrices."""
        if node.op not in ("mat", "vec"):
            return _COMBINED[node.op](*map(self._array, node.args))
        form = self.architecture.form
        letter = next(letter for letter, names in form.blocks.items() if node.of in names)
        stored, first = self.weights[letter], 0
        for name in form.blocks[letter]:
            size = self.layer.size(name)
            if name == node.of:
                return stored[first : first + size[0]] if size else stored
            first += size[0]
        raise KeyError(node.of)


def _shown(blocks: Sequence[Node]) -> str:
    return " ".join(map(NOTATION.write, blocks))
