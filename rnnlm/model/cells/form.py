"""A cell as everything else sees it: equations, sizes, weights by letter, state, gates, costs; imports no torch."""

import functools
import re
from dataclasses import dataclass

from rnnlm.model.cells.notation import FED_BACK, Node, Parsed, Wrong, parse
from rnnlm.model.cells.schedule import Stage, linear, schedule
from rnnlm.model.cells.shapes import Shapes, Size, infer
from rnnlm.model.cells.writing import NOTATION

Slot = tuple[str, int]  # a name and how many steps back
_FED = Node("ref", of=(FED_BACK, 1))


@dataclass(frozen=True)
class Gate:
    """A share between 0 and 1 of each unit: a name whose equation is a sigmoid, or what a state is multiplied by.

    `keeps` where it is the latter, the gate that keeps a state from one step to the next.
    """

    name: str
    term: Node
    keeps: bool


@dataclass(frozen=True)
class Layer:
    """The sizes of a cell's weights in a layer of `inputs` and `hidden` units below `outputs` outputs."""

    form: "Form"
    inputs: int
    hidden: int
    outputs: int

    def length(self, size: Size) -> int:
        """A size as a number."""
        base, times, over = size[0], size.partition("*")[2], size.partition("/")[2]
        return {"D": self.inputs, "H": self.hidden, "Y": self.outputs, "1": 1}[base] * int(times or 1) // int(over or 1)

    def size(self, name: str) -> tuple[int, ...]:
        """(rows, columns) of a matrix, (n,) of a vector, () of a number."""
        if name in self.form.shapes.matrices:
            rows, columns = self.form.shapes.matrices[name]
            return self.length(rows), self.length(columns)
        return () if name in self.form.parsed.scalars else (self.length(self.form.shapes.vectors[name]),)

    def stored(self, letter: str) -> tuple[int, ...]:
        """The size of a stored weight, which holds the rows of its blocks one after the other."""
        sizes = [self.size(name) for name in self.form.blocks[letter]]
        return (sum(size[0] for size in sizes), *sizes[0][1:]) if sizes[0] else ()

    @property
    def places(self) -> dict[str, tuple[str, int, int]]:
        """The stored weight of every block, its first row there, and the first one after it."""
        found = {}
        for letter, names in self.form.blocks.items():
            first = 0
            for name in names:
                end = first + (self.size(name) or (0,))[0]
                found[name] = letter, first, end
                first = end
        return found

    def slot(self, slot: Slot) -> int:
        """The length of a part of the state."""
        return self.length(self.form.shapes.vectors[slot[0]])

    @property
    def parameters(self) -> int:
        """How many numbers all weights are."""
        total = 0
        for letter in self.form.blocks:
            size = self.stored(letter)
            total += 1 if not size else size[0] * (size[1] if len(size) == 2 else 1)
        return total

    def operations(self, *, labels: bool) -> int:
        """Floating-point operations of a step's matrix products; of `labels` y(t-1) a column is looked up instead."""
        done = [node for node in self.form.products if not (labels and node.args[1] == _FED)]
        return sum(2 * rows * columns for rows, columns in (self.product(node.args[0]) for node in done))

    def product(self, matrix: Node) -> tuple[int, int]:
        """Rows and columns of a matrix term."""
        if matrix.op == "mat":
            rows, columns = self.size(matrix.of)
            return rows, columns
        rows, columns = self.product(matrix.args[0])
        return (columns, rows) if matrix.op == "T" else (rows, columns)


class Form:
    """A parsed cell. `text` is without comments, as models keep it.

    `blocks` are the stored weights: U holds the rows of U_g, U_f, … in the order of the text. `slots` are the parts of
    the state, h(t-1) first. `recurrent` are the stored weights that are multiplied with what depends on the past.
    """

    def __init__(self, parsed: Parsed, text: str) -> None:
        self.parsed, self.text = parsed, text
        self.shapes: Shapes = infer(parsed)
        self.blocks = self._blocks()
        refs = {ref for expression in parsed.equations.values() for ref in expression.refs()}
        self.feeds_back = (FED_BACK, 1) in refs
        self.stages: dict[bool, list[Stage]] = {
            given: schedule(parsed.equations, given=given) for given in (False, True)
        }  # fmt: skip
        self.slots: tuple[Slot, ...] = self._slots()
        self.reads_h = ("h", 1) in refs
        looped = [e for stage in self.stages[False] if stage.kind == "loop" for e in stage.equations.values()]
        inside = {name for stage in self.stages[False] if stage.kind == "loop" for name in stage.equations}
        self.recurrent = self._recurrent(looped, inside | {FED_BACK})
        products = (node for e in parsed.equations.values() for node in e.walk() if node.op == "@")
        self.products: list[Node] = list(dict.fromkeys(products))  # of a matrix and a vector, each once

    def _blocks(self) -> dict[str, list[str]]:
        """Names by stored weight: those of one letter with the same columns, or vectors of one letter."""
        parsed = self.parsed
        keys: dict[tuple[str, str], str] = {}
        blocks: dict[str, list[str]] = {}
        for name in sorted((*parsed.leaves("mat"), *parsed.leaves("vec")), key=self._first):
            columns = self.shapes.matrices[name][1] if name in self.shapes.matrices else ""
            letter = name if name in parsed.scalars else name.partition("_")[0]
            key = keys.setdefault((letter, columns), letter if letter not in blocks else name)
            blocks.setdefault(key, []).append(name)
        return blocks

    def _first(self, name: str) -> tuple[int, int]:
        return min(
            n.at for e in self.parsed.equations.values() for n in e.walk() if n.op in ("vec", "mat") and n.of == name
        )

    def _slots(self) -> tuple[Slot, ...]:
        back: dict[str, int] = {"h": 1}
        for expression in self.parsed.equations.values():
            for (name, delay), _ in sorted(expression.refs().items(), key=lambda item: item[1]):
                if delay:
                    back[name] = max(back.get(name, 0), delay)
        return tuple((name, k) for name, depth in back.items() for k in range(1, depth + 1))

    def _recurrent(self, expressions: list[Node], names: set[str]) -> tuple[str, ...]:
        within = {
            leaf.of for e in expressions for node in e.walk()
            if node.op == "@" and any(name in names for name, _ in node.args[1].refs())
            for leaf in node.args[0].walk() if leaf.op == "mat"
        }  # fmt: skip
        return tuple(letter for letter, names in self.blocks.items() if within & set(names))

    @functools.cached_property
    def gates(self) -> tuple[Gate, ...]:
        """Its gates in the order of the equations."""
        equations = self.parsed.equations
        kept: dict[Node, bool] = {}
        for name, expression in equations.items():
            if (name, 1) in expression.refs() and (parts := linear(expression, (name, 1))) and parts[0].op != "num":
                kept[parts[0]] = True
        found = [
            Gate(name, Node("ref", of=(name, 0)), kept.pop(Node("ref", of=(name, 0)), False))
            for name, expression in equations.items() if expression.op == "sigmoid"
        ]  # fmt: skip
        return (*found, *(Gate(NOTATION.write(term).replace("(t)", ""), term, keeps=True) for term in kept))

    @functools.cached_property
    def keeping_bias(self) -> tuple[str, int] | None:
        """The vector that opens the gate that keeps the state, and the sign with which it does; None without one."""
        equations = self.parsed.equations
        for gate in self.gates:
            term, sign = gate.term, 1
            if term.op == "-" and term.args[0] == Node("num", of=1.0):  # 1 - z(t) is open where z(t) is closed
                term, sign = term.args[1], -1
            if not gate.keeps or term.op != "ref" or equations[term.of[0]].op != "sigmoid":
                continue
            for bias in terms(equations[term.of[0]].args[0]):
                if bias.op == "vec" and bias.of not in self.parsed.starts:
                    return bias.of, sign
        return None

    @functools.cached_property
    def input_blocks(self) -> tuple[str, ...] | None:
        """The matrices that x(t) is multiplied by; None where it is also read otherwise, or a matrix not only by it."""
        expressions = self.parsed.equations.values()
        products = [node for e in expressions for node in e.walk() if node.op == "@"]
        mine = [node for node in products if node.args[1].op == "ref" and node.args[1].of[0] == "x"]
        blocks = {node.args[0].of for node in mine}
        leaves = [leaf for e in expressions for leaf in e.walk() if leaf.op in ("ref", "mat")]
        read = sum(leaf.op == "ref" and leaf.of[0] == "x" for leaf in leaves)
        used = sum(leaf.op == "mat" and leaf.of in blocks for leaf in leaves)
        return tuple(sorted(blocks)) if read == used == len(mine) else None

    @property
    def kept(self) -> int:
        """About how many numbers for each unit and step a backward pass needs: two for each gate and four more."""
        return 2 * max(len(self.parsed.leaves("mat")) // 2, 1) + 4

    def layer(self, inputs: int, hidden: int, outputs: int) -> Layer:
        """The cell at given sizes."""
        return Layer(self, inputs, hidden, outputs)


def terms(node: Node) -> list[Node]:
    """The terms of a sum, left to right."""
    return [leaf for arg in node.args for leaf in terms(arg)] if node.op == "+" else [node]


@functools.lru_cache(maxsize=64)
def read_form(text: str, origin: str = "the cell") -> Form:
    """The cell that a text defines; CellError, with line and column, where it defines none."""
    try:
        return Form(parse(text), bare(text))
    except Wrong as wrong:
        raise wrong.error(origin) from None


def bare(text: str) -> str:
    """The text without comments, empty lines and needless spaces."""
    lines = (line.partition("#")[0].rstrip() for line in re.split(r"\r\n|\r|\n", text))
    return "\n".join(
        " ".join(line.split()) if line == line.lstrip() else " " + " ".join(line.split()) for line in lines if line
    )
