"""An ONNX graph under construction, one operator after the other."""

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Shape = Sequence[int | str]  # a name is a size that is known when the graph is run


def tensor_info(name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    """An input or output of a graph."""
    return helper.make_tensor_value_info(name, kind, list(shape))


class Nodes:
    """A graph under construction. A part of it (the body of a loop) reads the same constants."""

    def __init__(self, whole: "Nodes | None" = None) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {} if whole is None else whole._constants
        self._numbers: Iterator[int] = count() if whole is None else whole._numbers

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A constant tensor under its name; later calls with the name reuse it."""
        if name not in self._constants:
            plain = re.sub(r"\W", "_", name)
            while any(plain == other.name for other in self._constants.values()):
                plain += "_"
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), plain)
        return str(self._constants[name].name)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator; the name of its one output."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add an operator; the names of its outputs."""
        names = [f"{kind.lower()}_{next(self._numbers)}" for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, name=names[0], **attributes))
        return names

    def named(self, name: str, given: str) -> str:
        """The value of `name` under the name of a graph's output."""
        self._nodes.append(helper.make_node("Identity", [name], [given], name=given))
        return given

    def graph(self, name: str, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]) -> GraphProto:
        """The whole graph with its constants."""
        return helper.make_graph(self._nodes, name, inputs, outputs, list(self._constants.values()))

    def body(self, name: str, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]) -> GraphProto:
        """The graph of a part, which uses the constants of the whole."""
        return helper.make_graph(self._nodes, name, inputs, outputs)
