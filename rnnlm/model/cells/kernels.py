"""torch's kernels of a whole segment, for cells that are, but for their names, those that the kernels compute."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rnnlm.model.cells.form import Form, read_form, terms
from rnnlm.model.cells.library import shipped
from rnnlm.model.cells.notation import Node

_BLOCKS = {"lstm": "gfcq", "gru": "rzn", "elman": "", "elman-relu": ""}  # in the kernels' order
_RUN: dict[str, Any] = {"gru": torch.gru, "elman": torch.rnn_tanh, "elman-relu": torch.rnn_relu}
_MOST = 10  # equations of a kernel's cell
Kernel = tuple[str, dict[str, list[str]]]


@functools.lru_cache(maxsize=64)
def kernel_of(text: str) -> Kernel | None:
    """The kernel for a cell, and the blocks of its U, W and b by their names here; None where there is none."""
    equations, names = _renamed(read_form(text))
    for cell, blocks in _BLOCKS.items():
        known, theirs = _renamed(read_form(shipped()[cell].text))
        if known == equations:
            here = {new: old for old, new in names.items()}
            return cell, {
                letter: [here[theirs[f"{letter}_{block}"]] for block in blocks] or [here[theirs[letter]]]
                for letter in "UWb"
            }
    return None


def run_kernel(
    kernel: str, x: Tensor, state: Sequence[Tensor], weights: Sequence[Tensor], training: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """x (time, batch, inputs), U, W and b → h (time, batch, hidden) and the state after it.

    A kernel needs a second bias; a zero keeps the single b of the equations.
    """
    weights = [*weights, torch.zeros_like(weights[2])]
    before = [part.unsqueeze(0) for part in state]
    if kernel == "lstm":
        h, *after = torch.lstm(x, before, weights, True, 1, 0.0, training, False, False)
    else:
        h, *after = _RUN[kernel](x, before[0], weights, True, 1, 0.0, training, False, False)
    return h, tuple(part[0] for part in after)


def _renamed(form: Form) -> tuple[Mapping[str, Node], Mapping[str, str]]:
    """The equations with names by the order in which h(t) needs them, sums and products in an order of their own."""
    equations = form.parsed.equations
    names: dict[str, str] = {"x": "x", "h": "h"}
    done: dict[str, Node] = {}
    looks: dict[str, str] = {}  # of equations, whatever their names

    def look(node: Node) -> str:
        if node.op == "ref":
            name, delay = node.of
            return f"({looks[name]})" if name in looks and not delay else f"{name if name in names else ''}-{delay}"
        return f"{node.op}({','.join(sorted(map(look, node.args)))})"

    for name, expression in equations.items():
        looks[name] = look(expression) if len(equations) < _MOST else ""

    def put(node: Node) -> Node:
        if node.op in ("ref", "vec", "mat"):
            name, delay = node.of if node.op == "ref" else (node.of, 0)
            new = names.setdefault(name, f"{node.op} {len(names)}")
            if node.op == "ref" and delay == 0 and name in equations and name not in done:
                visit(name)
            return Node(node.op, (), (new, delay) if node.op == "ref" else new)
        if node.op == "+":
            return Node("+", tuple(map(put, sorted(terms(node), key=look))))
        return Node(node.op, tuple(map(put, sorted(node.args, key=look) if node.op == "*" else node.args)), node.of)

    def visit(name: str) -> None:
        done[name] = Node("…")
        done[name] = put(equations[name])

    visit("h")
    for name in equations:
        if name not in done and name in names:
            visit(name)
    return {names[name]: expression for name, expression in done.items()}, names
