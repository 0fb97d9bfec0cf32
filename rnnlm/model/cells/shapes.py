"""The sizes of everything in a cell, from those of x(t) and h(t) alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from rnnlm.model.cells.notation import FED_BACK, Node, Parsed, Wrong
from rnnlm.model.cells.writing import NOTATION

Size = str  # 'D' inputs, 'H' units, 'Y' outputs of the network, '1' a number, 'H/4' as said; '?…' not known yet


@dataclass(frozen=True)
class Shapes:
    """Sizes of vectors, and rows and columns of matrices, by name. `square` is a term for which D must be H, if any."""

    vectors: Mapping[str, Size]
    matrices: Mapping[str, tuple[Size, Size]]
    square: str


class _Solver:
    """Sizes that must be equal, joined as the terms are met."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed, self.square = parsed, ""
        self._same: dict[Size, Size] = {}

    def root(self, size: Size) -> Size:
        while size in self._same:
            size = self._same[size]
        return size

    def join(self, a: Size, b: Size, where: Node) -> Size:
        """The size of both, where one of numbers goes with every other."""
        a, b = self.root(a), self.root(b)
        if a == b or b == "1":
            return a
        if a == "1":
            return b
        if a[0] == "?" or b[0] == "?":
            unknown, other = (a, b) if a[0] == "?" else (b, a)
            self._same[unknown] = other
            return other
        if {a, b} == {"D", "H"}:
            self.square, self._same["D"] = NOTATION.write(where), "H"
            return "H"
        raise Wrong(where.at, f"{NOTATION.write(where)} joins {a} and {b} numbers", "put a matrix before one of them")

    def matrix(self, node: Node) -> tuple[Size, Size]:
        """Rows and columns."""
        if node.op == "mat":
            given = self.parsed.sizes.get(node.of)
            return given or (f"?{node.of} rows", f"?{node.of} columns")
        if node.op == "T":
            rows, columns = self.matrix(node.args[0])
            return columns, rows
        (a, b), (c, d) = map(self.matrix, node.args)
        return self.join(a, c, node), self.join(b, d, node)

    def vector(self, node: Node) -> Size:
        """The length of what a term is."""
        if node.op == "num":
            return "1"
        if node.op == "vec":
            return "1" if node.of in self.parsed.scalars else f"?{node.of}"
        if node.op == "ref":
            return {"x": "D", "h": "H", FED_BACK: "Y"}.get(node.of[0], f"?{node.of[0]}(t)")
        if node.op == "@":
            rows, columns = self.matrix(node.args[0])
            operand = self.root(self.vector(node.args[1]))
            if operand == "1":
                raise Wrong(node.at, f"{NOTATION.write(node)} is a matrix by a number", "write * between numbers")
            self.join(operand, columns, node)
            return self.root(rows)
        size = self.vector(node.args[0])
        for other in node.args[1:]:
            size = self.join(size, self.vector(other), node)
        return self.root(size)


def infer(parsed: Parsed) -> Shapes:
    """The sizes that follow from the equations; `Wrong` where they clash."""
    solver = _Solver(parsed)
    numbers = set()
    for _ in range(2):  # what later equations say of earlier ones
        for name, expression in parsed.equations.items():
            left = Node("ref", of=(name, 0), at=expression.at)
            if solver.vector(expression) == "1" and solver.root(solver.vector(left))[0] == "?":
                numbers.add(name)
            solver.join(solver.vector(left), solver.vector(expression), Node("-", (left, expression), at=expression.at))

    def sized(size: Size) -> Size:  # what nothing says is a layer's size
        root = solver.root(size)
        return "H" if root[0] == "?" else root

    def named(node: Node, name: str) -> Size:
        size = solver.root(solver.vector(node))
        return "1" if name in numbers and size[0] == "?" else sized(size)

    vectors = {name: named(Node("ref", of=(name, 0)), name) for name in (*parsed.equations, "x", FED_BACK)}
    vectors |= {name: sized(solver.vector(Node("vec", of=name))) for name in parsed.leaves("vec")}
    matrices = {}
    for name in parsed.leaves("mat"):
        rows, columns = solver.matrix(Node("mat", of=name))
        matrices[name] = sized(rows), sized(columns)
    return Shapes(vectors, matrices, solver.square)
