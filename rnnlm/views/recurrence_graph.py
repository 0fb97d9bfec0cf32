"""The computational graph of a network, compact and unfolded over three steps, as the lecture draws it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.model.architecture import Architecture
from rnnlm.views.charts import picture

_RADIUS = 0.27
_ARROW: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "linewidth": 1.1, "color": "black"}
_FORCED = _ARROW | {"linestyle": "--", "color": "tab:blue"}
_STEP = 1.9  # between columns

Point = tuple[float, float]


def recurrence_name(architecture: Architecture) -> str:
    """Which of the three recurrences it is, in words."""
    if architecture.cell == "output-recurrent":
        return "② output to hidden, an output at every step"
    if architecture.summary != "steps":
        return "③ hidden to hidden, one output after the whole sequence"
    return "① hidden to hidden, an output at every step"


def draw_recurrence(path: Path, architecture: Architecture) -> None:
    """Draw recurrence ①, ② or ③ as PNG, SVG or PDF, by the file's ending; InputError without the `plots` extra.

    Left the compact graph with its loop, right the same over three steps; U, V and W label their arrows.
    """
    a = architecture
    graph = _Graph(a.layers, a.cell == "output-recurrent", a.summary != "steps", a.summary in ("mean", "max"), a.forced)
    left, right, bottom, top = -0.6, 2.2 + 3.3 * _STEP, -1.1, a.layers + 3.5
    with picture(path, right - left, top - bottom + 0.6) as figure:
        axes = figure.subplots()
        axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        axes.set_axis_off()
        graph.draw_compact(axes, 0.0)
        graph.draw_unfolded(axes, 2.2)
        layers = "1 layer" if a.layers == 1 else f"{a.layers} layers"
        forced = "; dashed: in training the label replaces the output" if a.forced else ""
        axes.set_title(f"{recurrence_name(a)}\n{a.cell}, {layers} of {a.hidden} units{forced}", fontsize=11)


@dataclass(frozen=True)
class _Graph:
    """Rows from below: x, h of each layer, o, L and y. `feeds_back` is ②, `last_only` ③, `pooled` ③ of all steps."""

    layers: int
    feeds_back: bool
    last_only: bool
    pooled: bool
    forced: bool

    @property
    def _output(self) -> float:
        return self.layers + 1.0

    def _letters(self, layer: int) -> tuple[str, str, str]:
        """h, U and W of a layer; numbered where there are several."""
        number = "" if self.layers == 1 else "₁₂₃₄₅₆₇₈₉"[layer - 1] if layer < 10 else str(layer)
        return f"h{number}", f"U{number}", f"W{number}"

    def draw_compact(self, axes: Any, x: float) -> None:
        """One column, and the loop that represents all steps."""
        self._column(axes, x, "", output=True)
        if self.feeds_back:
            right = x + 0.9 * _RADIUS
            style = _ARROW | {"connectionstyle": "arc3,rad=-0.9"}
            _arrow(axes, (right, self._output - 0.1), (right, 1.1), style=style, ends=(0, 0))
            _text(axes, (x + 0.85, 1.5), "W")
        else:
            for layer in range(1, self.layers + 1):
                _loop(axes, (x, layer), self._letters(layer)[2])
        _text(axes, (x, -0.75), "compact")

    def draw_unfolded(self, axes: Any, x: float) -> None:
        """Three columns with the same weights, and what comes before and after them."""
        times = ("T−2", "T−1", "T") if self.last_only else ("t−1", "t", "t+1")
        for number, time in enumerate(times):
            center = x + _STEP * (number + 0.5)
            self._column(axes, center, time, output=not self.last_only or number == 2)
            if number:
                self._between(axes, center - _STEP, center)
        first, last = x + _STEP / 2, x + 2.5 * _STEP
        for layer in range(1, self.layers + 1):
            W = self._letters(layer)[2]
            source = self._output if self.feeds_back else layer
            _arrow(axes, (first - 0.75 * _STEP, source), (first, layer), W, ends=(0, _RADIUS))
            if not self.last_only:
                _arrow(axes, (last, source), (last + 0.75 * _STEP, layer), W, ends=(_RADIUS, 0))
            elif self.pooled and layer == self.layers:
                for before in (first, first + _STEP):
                    _arrow(axes, (before, layer), (last, self._output))
        _text(axes, (x + 1.5 * _STEP, -0.75), "unfolded in time: the same U, V and W at every step")

    def _column(self, axes: Any, x: float, time: str, *, output: bool) -> None:
        """x, h, and o, L, y above them where there is an output."""
        after = f"({time})" if time else ""
        _node(axes, (x, 0), f"x{after}")
        for layer in range(1, self.layers + 1):
            h, U, _ = self._letters(layer)
            _node(axes, (x, layer), f"{h}{after}")
            _arrow(axes, (x, layer - 1), (x, layer), U)
        if not output:
            return
        top = self._output
        _node(axes, (x, top), f"o{after}")
        _node(axes, (x, top + 1), f"L{after}")
        _node(axes, (x, top + 2), f"y{after}")
        _arrow(axes, (x, top - 1), (x, top), "V")
        _arrow(axes, (x, top), (x, top + 1))
        _arrow(axes, (x, top + 2), (x, top + 1))

    def _between(self, axes: Any, before: float, after: float) -> None:
        """The arrows from one step to the next."""
        if not self.feeds_back:
            for layer in range(1, self.layers + 1):
                _arrow(axes, (before, layer), (after, layer), self._letters(layer)[2])
            return
        _arrow(axes, (before, self._output), (after, 1), "W")
        if self.forced:  # in training the label replaces the output
            _arrow(axes, (before, self._output + 2), (after, 1), "W", style=_FORCED)


def _node(axes: Any, center: Point, label: str) -> None:
    from matplotlib.patches import Circle  # noqa: PLC0415

    axes.add_patch(Circle(center, _RADIUS, facecolor="white", edgecolor="black", linewidth=1.1, zorder=2))
    axes.text(*center, label, ha="center", va="center", fontsize=8, zorder=3)


def _arrow(
    axes: Any,
    start: Point,
    end: Point,
    label: str = "",
    *,
    style: dict[str, Any] = _ARROW,
    ends: tuple[float, float] = (_RADIUS, _RADIUS),
) -> None:
    """From the rim of one node to that of another; `ends` are their radii, 0 where there is none."""
    from matplotlib.patches import FancyArrowPatch  # noqa: PLC0415

    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    tail, head = (x0 + ends[0] * ux, y0 + ends[0] * uy), (x1 - ends[1] * ux, y1 - ends[1] * uy)
    axes.add_patch(FancyArrowPatch(tail, head, shrinkA=0, shrinkB=0, **style))
    if label:
        middle = ((tail[0] + head[0]) / 2 + 0.13 * abs(uy), (tail[1] + head[1]) / 2 + 0.13 * abs(ux))
        _text(axes, middle, label, color=str(style["color"]))


def _loop(axes: Any, center: Point, label: str) -> None:
    """An arrow from a node to itself."""
    from matplotlib.patches import FancyArrowPatch  # noqa: PLC0415

    x, y = center
    tail, head = (x + 0.8 * _RADIUS, y + 0.6 * _RADIUS), (x + 0.8 * _RADIUS, y - 0.6 * _RADIUS)
    axes.add_patch(FancyArrowPatch(tail, head, shrinkA=0, shrinkB=0, connectionstyle="arc3,rad=-1.6", **_ARROW))
    _text(axes, (x + 0.72, y), label)


def _text(axes: Any, position: Point, label: str, color: str = "black") -> None:
    axes.text(*position, label, ha="center", va="center", fontsize=9, color=color)
