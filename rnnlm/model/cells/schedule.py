"""In which order, and how, a whole segment is computed.

A name that does not depend on its own past is computed for all steps at once ('whole'). One that depends on it
linearly, number by number, with coefficients that do not, is a 'scan'. What is left are loops of equations that need
one another. Teacher forcing is a schedule too: with y(t-1) given, nothing depends on its own past.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from rnnlm.model.cells.notation import FED_BACK, Node, make

_ZERO, _ONE = Node("num", of=0.0), Node("num", of=1.0)


@dataclass(frozen=True)
class Stage:
    """`kind` is 'whole', 'scan' or 'loop', `equations` are in order; a scan is name(t) = keep name(t-1) + add."""

    kind: str
    equations: Mapping[str, Node]
    keep: Node = _ZERO
    add: Node = _ZERO


def schedule(equations: Mapping[str, Node], *, given: bool) -> list[Stage]:
    """The stages of a segment, first to last; unless yhat is `given` it depends on h."""
    names = {name: {u for u, _ in expression.refs()} for name, expression in equations.items()}
    needs = {
        name: (read & set(equations)) | ({"h"} if FED_BACK in read and not given else set())
        for name, read in names.items()
    }
    reach = {name: _reached(name, needs) for name in needs}
    group = {name: frozenset(u for u in reach[name] if name in reach[u]) or frozenset([name]) for name in needs}
    order = TopologicalSorter({g: {group[u] for name in g for u in needs[name]} - {g} for g in group.values()})
    stages: list[Stage] = []
    for members in sorted_levels(order, list(equations)):
        here = {name: expression for name, expression in equations.items() if name in members}
        looped = len(here) > 1 or any(name in reach[name] for name in here)
        for stage in (_scan(here) or [Stage("loop", here)]) if looped else [Stage("whole", here)]:
            late = {name for e in stage.equations.values() for name, delay in e.refs() if delay}
            if stages and stage.kind == stages[-1].kind == "whole" and not late & set(stages[-1].equations):
                stage = Stage("whole", {**stages.pop().equations, **stage.equations})
            stages.append(stage)
    return stages


def sorted_levels(order: "TopologicalSorter[frozenset[str]]", names: list[str]) -> list[frozenset[str]]:
    """Groups such that each follows those that it needs, otherwise in the order of `names`."""
    order.prepare()
    found: list[frozenset[str]] = []
    while order.is_active():
        ready = sorted(order.get_ready(), key=lambda group: min(map(names.index, group)))
        found += ready
        order.done(*ready)
    return found


def _reached(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    front = [name]
    while front:
        fresh = needs[front.pop()] - found
        found |= fresh
        front += fresh
    return found


def _scan(equations: Mapping[str, Node]) -> list[Stage] | None:
    """The same as a scan, and what then follows for all steps at once; None where it is none."""
    kept = {ref for expression in equations.values() for ref in expression.refs() if ref[0] in equations and ref[1]}
    fed = any(ref[0] == FED_BACK for expression in equations.values() for ref in expression.refs())
    if len(kept) != 1 or fed or (name := next(iter(kept))[0], 1) not in kept:
        return None
    expression = equations[name]
    for other in reversed(list(equations)):  # what it needs of the others within a step, written out
        expression = _put(expression, (other, 0), equations[other])
    parts = linear(expression, (name, 1))
    if parts is None:
        return None
    rest = [Stage("whole", {other: e}) for other, e in equations.items() if other != name]
    return [Stage("scan", {name: equations[name]}, *parts), *rest]


def _put(node: Node, ref: tuple[str, int], value: Node) -> Node:
    if node.op == "ref":
        return value if node.of == ref else node
    return Node(node.op, tuple(_put(arg, ref, value) for arg in node.args), node.of, node.at)


def linear(node: Node, ref: tuple[str, int]) -> tuple[Node, Node] | None:
    """(a, b) with node = a * ref + b, number by number; None where there are none."""
    if ref not in node.refs():
        return _ZERO, node
    if node.op == "ref":
        return _ONE, _ZERO
    parts = [linear(arg, ref) for arg in node.args]
    if None in parts or node.op not in ("+", "-", "neg", "*", "/"):
        return None
    (a, b), *others = [part for part in parts if part is not None]
    if node.op == "neg":
        return _simple("neg", a), _simple("neg", b)
    ((c, d),) = others
    if node.op in "+-":
        return _simple(node.op, a, c), _simple(node.op, b, d)
    if node.op == "*" and a == _ZERO:
        a, b, c, d = c, d, a, b
    return (_simple(node.op, a, d), _simple(node.op, b, d)) if c == _ZERO else None


def _simple(op: str, a: Node, b: Node = _ZERO) -> Node:
    """`op` of a and b, without zeros and ones."""
    if op == "neg":
        return a if a == _ZERO else make("neg", a)
    if op == "+":
        return b if a == _ZERO else a if b == _ZERO else make("+", a, b)
    if op == "-":
        return a if b == _ZERO else make("neg", b) if a == _ZERO else make("-", a, b)
    if a == _ZERO or (op == "*" and b == _ZERO):
        return _ZERO
    return a if b == _ONE else b if a == _ONE and op == "*" else make(op, a, b)
