"""Computational graphs, compact and unfolded over three steps: of a cell's equations, and of a whole network."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.form import Form
from rnnlm.model.cells.notation import FED_BACK, Node
from rnnlm.views.charts import picture

_RADIUS = 0.27
_NOW, _LATER, _GIVEN = "black", "tab:red", "tab:blue"
_GATE = "#cfe2f3"
_STEPS = ("1", "2", "3")
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
Point = tuple[float, float]


@dataclass(frozen=True)
class Edge:
    """From one node to another, `delay` steps later, by the matrix `label` where there is one; `given` in training."""

    tail: str
    head: str
    delay: int = 0
    label: str = ""
    given: bool = False


@dataclass(frozen=True)
class Graph:
    """The nodes of a step and their places, those that are gates, the edges, biases by node, and nodes that only the
    last step has.

    `pooled` is read at every step by the first of the latter.
    """

    places: dict[str, Point]
    edges: tuple[Edge, ...]
    gates: frozenset[str] = frozenset()
    biases: dict[str, str] = field(default_factory=dict)
    last: tuple[str, ...] = ()
    pooled: str = ""

    @property
    def width(self) -> float:
        """From the leftmost to the rightmost node."""
        return max(x for x, _ in self.places.values()) - min(x for x, _ in self.places.values())

    @property
    def held(self) -> list[str]:
        """The nodes that are read later, whose values before the first step are the initial state."""
        return list(dict.fromkeys(edge.tail for edge in self.edges if edge.delay))

    def training(self) -> "Graph":
        """Teacher forcing: what is given replaces what is fed back."""
        fed = {edge.head for edge in self.edges if edge.given}
        kept = (e for e in self.edges if e.given or not (e.delay and e.head in fed and e.tail == FED_BACK))
        return replace(self, edges=tuple(kept))

    def use(self) -> "Graph":
        """Without what only training has: the loss and the labels."""
        places = {name: place for name, place in self.places.items() if name not in ("L", "y")}
        return replace(self, places=places, edges=tuple(e for e in self.edges if {e.tail, e.head} <= places.keys()))


def cell_graph(form: Form) -> Graph:
    """x(t) below, and every equation above those that it reads within a step."""
    equations = form.parsed.equations
    level, rows = {"x": 0}, defaultdict[int, list[str]](list)
    for name, expression in equations.items():
        level[name] = 1 + max((level[used] for used, delay in expression.refs() if not delay), default=0)
    if form.feeds_back:
        level[FED_BACK] = 1 + max(level.values())
    for name, k in level.items():
        rows[k].append(name)
    places = {n: (i - (len(row) - 1) / 2, 1.2 * k) for k, row in rows.items() for i, n in enumerate(row)}
    edges = [edge for name, expression in equations.items() for edge in _edges(expression, name, "")]
    if form.feeds_back:
        edges.append(Edge("h", FED_BACK, label="V"))
    gates = frozenset(gate.name for gate in form.gates)
    biases = {name: leaf.of for name, e in equations.items() for leaf in _sums(e) if leaf.op == "vec"}
    return Graph(places, tuple(dict.fromkeys(edges)), gates, biases)


def _sums(node: Node) -> list[Node]:
    """The terms of every sum in a term."""
    inner = [each for arg in node.args for each in _sums(arg)]
    return [*inner, *(node.args if node.op in "+-" else ())]


def _edges(node: Node, head: str, label: str) -> Iterable[Edge]:
    if node.op == "ref":
        yield Edge(node.of[0], head, node.of[1], label)
    inner = " ".join(leaf.of for leaf in node.args[0].walk() if leaf.op == "mat") if node.op == "@" else label
    for arg in node.args:
        yield from _edges(arg, head, inner)


def recurrence_name(architecture: Architecture) -> str:
    """Which of the three recurrences it is, in words."""
    if architecture.form.feeds_back:
        return "② output to hidden, an output at every step"
    if architecture.summary != "steps":
        return "③ hidden to hidden, one output after the whole sequence"
    return "① hidden to hidden, an output at every step"


def network_graph(a: Architecture) -> Graph:
    """x, h of each layer, o, the loss L and the target y, one above the other, as the lecture draws them.

    Where outputs are fed back, ŷ stands between o and L.
    """
    marks = [""] if a.layers == 1 else [str(number).translate(_BELOW) for number in range(1, a.layers + 1)]
    layers = [f"h{mark}" for mark in marks]
    above = ["o", FED_BACK] if a.form.feeds_back else ["o"]
    column = ["x", *layers, *above, "L", "y"]
    edges = [Edge(below, h, label=f"U{mark}") for below, h, mark in zip(["x", *layers], layers, marks, strict=False)]
    edges += [Edge(layers[-1], "o", label="V"), *map(Edge, above, [*above[1:], "L"]), Edge("y", "L")]
    if a.form.feeds_back:
        edges += [Edge(FED_BACK, h, 1, f"W{mark}") for h, mark in zip(layers, marks, strict=True)]
        edges += [Edge("y", h, 1, f"W{m}", given=True) for h, m in zip(layers, marks, strict=True) if a.forced]
    else:
        edges += [Edge(h, h, 1, f"W{mark}") for h, mark in zip(layers, marks, strict=True)]
    places = {name: (0.0, 1.2 * k) for k, name in enumerate(column)}
    last = (*above, "L", "y") if a.summary != "steps" else ()
    pooled = layers[-1] if a.summary in ("mean", "max") else ""
    return Graph(places, tuple(edges), biases={**dict.fromkeys(layers, "b"), "o": "c"}, last=last, pooled=pooled)


def draw_graph(path: Path, graph: Graph, title: str) -> None:
    """Draw it as PNG, SVG or PDF, by the file's ending; InputError without the `plots` extra.

    Left a step with its loops, right the same over the first steps with the same weights, from the initial state; with
    teacher forcing once as in training and once as in use.
    """
    forced = any(edge.given for edge in graph.edges)
    rows = [("training", graph.training()), ("use", graph.use())] if forced else [("", graph)]
    step = graph.width + 1.7
    apart = step * (len(_STEPS) + 1) + 1.0  # from one unfolded graph to the next
    first = graph.width / 2 + 2.2
    height = max(y for _, y in graph.places.values())
    left, right = -graph.width / 2 - 1.3, first + apart * len(rows) + graph.width / 2 - 0.6
    scale = 0.8 if graph.width else 0.95
    with picture(path, scale * (right - left), scale * (height + 2.4)) as figure:
        axes = figure.subplots()
        axes.set(xlim=(left, right), ylim=(-1.2, height + 0.9), aspect="equal")
        axes.set_axis_off()
        _compact(axes, graph)
        axes.text(0, -0.75, "compact", ha="center", va="center", fontsize=9)
        for number, (name, each) in enumerate(rows):
            _unfolded(axes, each, first + apart * number, step)
            if name:
                axes.text(first + apart * number + 2 * step, height + 0.6, name, ha="center", fontsize=10)
        axes.text((left + right) / 2, -1.1, _legend(graph), ha="center", va="center", fontsize=8, color="0.3")
        axes.set_title(title, fontsize=11)


def _unfolded(axes: Any, graph: Graph, first: float, step: float) -> None:
    """The initial state, three steps with the same weights, and a mark that there are more."""
    few = graph.width == 0
    times = ("1", "2", "T") if graph.last else _STEPS
    centers = [first + step * (k + 0.5) for k in range(1 + len(times))]
    for name in graph.held:
        place = _at(graph, name, centers[0])
        _node(axes, place, name, False, "(0)", color="0.55")
    for k, (x, time) in enumerate(zip(centers[1:], times, strict=True), 1):
        late = set(graph.last if k < len(times) else ())
        shown = graph.places.keys() - late
        for edge in graph.edges:
            start = centers[k - edge.delay] if edge.delay <= k else None
            if edge.head in shown and start is not None and (edge.tail in shown or edge.delay):
                dashed = graph.last and k == len(times) and edge.delay
                _arrow(axes, _at(graph, edge.tail, start), _at(graph, edge.head, x), edge, few=few and not dashed)
        if graph.pooled and k < len(times):
            pooled = Edge(graph.pooled, graph.last[0])
            _arrow(axes, _at(graph, pooled.tail, x), _at(graph, pooled.head, centers[-1]), pooled)
        for name in shown:
            _node(axes, _at(graph, name, x), name, name in graph.gates, f"({time})" if few else "")
        axes.text(x, -0.75, f"step {time}", ha="center", va="center", fontsize=9)
    for name in graph.held:
        x, y = _at(graph, name, centers[-1] - 0.5 * step if graph.last else centers[-1])
        axes.text(x if graph.last else x + 0.62 * step, y, "…", ha="center", va="center", fontsize=15,
                  color=_GIVEN if any(edge.given for edge in graph.edges) else _LATER,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.2}, zorder=5)  # fmt: skip


def _legend(graph: Graph) -> str:
    words = ["the same weights at every step"]
    words += ["red: read one step later"] if any(edge.delay for edge in graph.edges) else []
    words += ["filled: a gate"] if graph.gates else []
    words += ["gray: the initial state"] if graph.held else []
    words += ["blue, dashed: in training the label replaces the output"] if any(e.given for e in graph.edges) else []
    return " · ".join(words)


def _at(graph: Graph, name: str, center: float) -> Point:
    x, y = graph.places[name]
    return center + x, y


def _compact(axes: Any, graph: Graph) -> None:
    """One step; what is read later loops back, with a square that holds it for a step."""
    for edge in graph.edges:
        tail, head = _at(graph, edge.tail, 0), _at(graph, edge.head, 0)
        outward = -0.45 if (head[0] > tail[0]) == (head[1] < tail[1]) else 0.45
        if head[0] == tail[0] and edge.delay:  # the longer, the further out
            outward *= (-2.4 if edge.given else 2.1) / max(1, abs(head[1] - tail[1]) - 0.8)
        _arrow(axes, tail, head, edge, bend=outward if edge.delay else 0.0, looped=edge.delay > 0)
    for name in graph.places:
        x, y = _at(graph, name, 0)
        _node(axes, (x, y), name, name in graph.gates)
        if name in graph.biases:
            axes.text(x + _RADIUS, y - 0.85 * _RADIUS, f"+{_shown(graph.biases[name])}", fontsize=6.5, color="0.3",
                      ha="left", va="top", zorder=5)  # fmt: skip


def _node(axes: Any, center: Point, name: str, gate: bool, time: str = "", color: str = "black") -> None:
    from matplotlib.patches import Circle  # noqa: PLC0415

    fill = _GATE if gate else "white"
    axes.add_patch(Circle(center, _RADIUS, facecolor=fill, edgecolor=color, linewidth=1.1, zorder=3))
    axes.text(*center, _shown(name) + time, ha="center", va="center", fontsize=8 if time else 10, color=color,
              zorder=4)  # fmt: skip


def _shown(name: str) -> str:
    """A name as text, or in math type where it has a mark."""
    base, _, mark = name.partition("_")
    return "ŷ" if name == FED_BACK else rf"$\mathrm{{{base}}}_\mathrm{{{mark}}}$" if mark and " " not in name else name


def _arrow(
    axes: Any, tail: Point, head: Point, edge: Edge, *, bend: float = 0.0, few: bool = True, looped: bool = False
) -> None:
    """From node to node; with `looped` back, or to itself, in a bend. Labels are for `few` arrows."""
    from matplotlib.patches import FancyArrowPatch  # noqa: PLC0415

    color = _GIVEN if edge.given else _LATER if edge.delay else _NOW
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10, "linewidth": 1.0, "color": color, "zorder": 2}
    style["linestyle"] = "--" if edge.given else "-"
    points = tail, head
    if tail == head:
        (x, y), bend = tail, -1.7
        points = (x + 0.8 * _RADIUS, y + 0.6 * _RADIUS), (x + 0.8 * _RADIUS, y - 0.6 * _RADIUS)
    else:
        length = ((tail[0] - head[0]) ** 2 + (tail[1] - head[1]) ** 2) ** 0.5
        ux, uy = (head[0] - tail[0]) / length * _RADIUS, (head[1] - tail[1]) / length * _RADIUS
        points = (tail[0] + ux, tail[1] + uy), (head[0] - ux, head[1] - uy)
    axes.add_patch(FancyArrowPatch(*points, connectionstyle=f"arc3,rad={bend}", shrinkA=0, shrinkB=0, **style))
    if looped:  # a square on the bend: what is held for a step, or for more
        middle = _bent(*points, bend, 0.5)
        axes.plot(*middle, marker="s", markersize=4, color=color, zorder=4)
        if edge.delay > 1:
            axes.text(middle[0] + 0.1, middle[1], str(edge.delay), fontsize=6.5, color=color, zorder=5)
    if few and edge.label:
        x, y = _bent(*points, bend, 0.28 if looped else 0.5)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
        axes.text(x, y, _shown(edge.label), ha="center", va="center", fontsize=8, color=color, bbox=box,
                  zorder=2.5)  # fmt: skip


def _bent(start: Point, end: Point, bend: float, share: float) -> Point:
    """A point on the quadratic curve that `arc3` draws."""
    (x0, y0), (x1, y1) = start, end
    control = (x0 + x1) / 2 + bend * (y1 - y0), (y0 + y1) / 2 - bend * (x1 - x0)
    a, b, c = (1 - share) ** 2, 2 * share * (1 - share), share**2
    return a * x0 + b * control[0] + c * x1, a * y0 + b * control[1] + c * y1
