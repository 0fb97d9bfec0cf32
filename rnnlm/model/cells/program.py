"""Equations as one straight list of lines, with matrix products joined: what torch runs in a loop, and ONNX once.

Terms U_g x(t) + W_g h(t-1) + b_g, U_f x(t) + W_f h(t-1) + b_f, … that multiply the same vectors are one product with
all rows of U, one with those of W, and one sum, whose parts they are.
"""

import functools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rnnlm.model.cells.form import terms
from rnnlm.model.cells.notation import Node


@dataclass(frozen=True)
class Line:
    """Register number i is `op` of the registers `of`, for line number i.

    Ops of no register: 'num', `detail` its value; 'ref', (name, delay); 'weight', nodes of matrices or vectors whose
    rows are joined; 'driven', a `Bundle` of which a loop has the outer part beforehand. 'linear' of (v, M) or
    (v, M, b); 'split' into the lengths of the vectors named by the nodes `detail`; 'part', its number. Others as in
    `Node`.
    """

    op: str
    of: tuple[int, ...] = ()
    detail: Any = None


@dataclass(frozen=True)
class Bundle:
    """Sums that are computed side by side: `vectors[i]` times `matrices[i]`, a matrix for each sum, and `bias`."""

    vectors: tuple[Node, ...]
    matrices: tuple[tuple[Node, ...], ...]
    bias: tuple[Node, ...]

    def part(self, outer: Callable[[Node], bool], *, whole: bool) -> "Bundle | None":
        """The part whose vectors are known beforehand, with the bias, or the rest; None where there is none."""
        chosen = [k for k, vector in enumerate(self.vectors) if outer(vector) == whole]
        bias = self.bias if whole and chosen else ()
        if not chosen:
            return None
        return Bundle(tuple(self.vectors[k] for k in chosen), tuple(self.matrices[k] for k in chosen), bias)


class Program:
    """`lines` compute equations in order; `results` are their registers by name.

    With `outer`, which says whether a vector is known for all steps beforehand, products with such vectors are
    'driven' lines.
    """

    def __init__(
        self,
        equations: Mapping[str, Node],
        scalars: Collection[str],
        outer: Callable[[Node], bool] = lambda node: False,
    ) -> None:
        self.lines: list[Line] = []
        self.results: dict[str, int] = {}
        self._outer = outer
        self._known: dict[Any, int] = {}
        self._sums = _bundles(equations.values(), scalars)
        for name, expression in equations.items():
            self.results[name] = self._emit(expression)
            self._known["ref", (name, 0)] = self.results[name]

    def _line(self, op: str, *of: int, detail: Any = None) -> int:
        """The register of a line, the same for the same line."""
        key = (op, of, detail) if op != "ref" else ("ref", detail)
        if key not in self._known:
            self.lines.append(Line(op, of, detail))
            self._known[key] = len(self.lines) - 1
        return self._known[key]

    def _emit(self, node: Node) -> int:
        """The register of a term."""
        if node in self._sums:
            parts, rest = self._sums[node]
            registers = [self._part(bundle, number) for bundle, number in parts]
            registers += [self._emit(term) for term in rest]
            return functools.reduce(lambda a, b: self._line("+", a, b), registers)
        if node.op in ("num", "ref"):
            return self._line(node.op, detail=node.of)
        if node.op in ("vec", "mat", "T"):
            return self._line("weight", detail=(node,))
        return self._line(node.op, *map(self._emit, node.args), detail=node.of)

    def _part(self, bundle: Bundle, number: int) -> int:
        """The register of a sum's products and bias, one of several side by side."""
        whole = bundle.part(self._outer, whole=True)
        rest = bundle.part(self._outer, whole=False)
        found = None if whole is None else self._line("driven", detail=whole)
        bias = bundle.bias if whole is None else ()
        for vector, matrices in zip(*((rest.vectors, rest.matrices) if rest else ((), ())), strict=True):
            of = [self._emit(vector), self._line("weight", detail=matrices)]
            if bias:
                of.append(self._line("weight", detail=bias))
                bias = ()
            product = self._line("linear", *of)
            found = product if found is None else self._line("+", found, product)
        assert found is not None
        first = bundle.matrices[0]
        return found if len(first) == 1 else self._line("part", self._line("split", found, detail=first), detail=number)


Sums = dict[Node, tuple[list[tuple[Bundle, int]], list[Node]]]


def _bundles(expressions: Iterable[Node], scalars: Collection[str]) -> Sums:
    """For every sum with matrix products: its bundles, its number in each, and its other terms.

    Products with the same vector are joined; so are joined products whose sums are the same.
    """
    sums: dict[Node, tuple[list[Node], list[Node]]] = {}  # products and other terms

    def visit(node: Node) -> None:
        parts = terms(node) if node.op in ("+", "@") else list(node.args)
        products = [part for part in parts if part.op == "@"] if node.op in ("+", "@") else []
        rest = [part for part in parts if part not in products]
        for part in (*rest, *(product.args[1] for product in products)):
            visit(part)
        if products:
            sums.setdefault(node, (products, rest))

    for expression in expressions:
        visit(expression)
    members: dict[tuple[Node, int], list[tuple[Node, Node]]] = {}  # by vector: sums, and their matrices
    for node, (products, _) in sums.items():
        seen: Counter[Node] = Counter()
        for product in products:
            matrix, vector = product.args
            members.setdefault((vector, seen[vector]), []).append((node, matrix))
            seen[vector] += 1
    alike: dict[tuple[Node, ...], list[tuple[Node, tuple[Node, ...]]]] = {}
    for (vector, _), pairs in members.items():
        alike.setdefault(tuple(node for node, _ in pairs), []).append((vector, tuple(matrix for _, matrix in pairs)))
    found: Sums = {node: ([], list(rest)) for node, (_, rest) in sums.items()}
    for nodes, columns in alike.items():
        biases = [
            next((part for part in found[node][1] if part.op == "vec" and part.of not in scalars), None)
            for node in nodes
        ]
        bias = tuple(each for each in biases if each is not None)
        if len(bias) < len(nodes):
            bias = ()
        bundle = Bundle(tuple(v for v, _ in columns), tuple(matrices for _, matrices in columns), bias)
        for number, node in enumerate(nodes):
            parts, rest = found[node]
            parts.append((bundle, number))
            if bias:
                rest.remove(bias[number])
    return found
