"""The notation of a cell: from its text to equations, and every error in the words of the notation.

    g(t) = sigmoid(U_g x(t) + W_g h(t-1) + b_g)      # a comment
    start b_g = 1

Capitals are matrices, `M v` a matrix product, `*` multiplies number by number; lower-case names without an equation are
vectors. x(t) is the input, h(t) what the next layer reads, yhat(t-1) the network's output; names at (t-1) are the
state, which starts from zero. `start b = 1` or `start w = uniform(0, 1)` initializes a vector, `scalar a` makes it one
number, and `size W = H/4 x H` gives a matrix rows and columns where they do not follow (D inputs, H units).
"""

import difflib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnlm.errors import UsageError

if TYPE_CHECKING:
    from lark import Lark

_GRAMMAR = r"""
    start: _NL* (line (_NL+ line)* _NL*)?
    ?line: NAME TIME "=" sum                          -> equation
         | "start" NAME "=" signed                    -> begin
         | "start" NAME "=" "uniform" "(" signed "," signed ")" -> begin
         | "scalar" NAME                              -> scalar
         | "size" MATRIX "=" SIZE "x" SIZE            -> size
    ?sum: term | sum "+" term -> plus | sum "-" term -> minus
    ?term: factor | term "*" factor -> times | term "/" factor -> over
    ?factor: power | "-" factor -> neg
    ?power: applied | applied "^" NUMBER              -> power
    ?applied: atom | matrix applied                   -> product
    ?atom: NUMBER -> number | NAME TIME -> ref | NAME -> vector | NAME "(" sum ("," sum)* ")" -> call | "(" sum ")"
    ?matrix: MATRIX -> matrix | MATRIX "^T" -> transposed | "(" matrices ")"
    ?matrices: matrix | matrices "+" matrix -> plus | matrices "-" matrix -> minus
    ?signed: NUMBER -> number | "-" NUMBER            -> negative
    TIME.2: /\(\s*t\s*([-−]\s*\d+\s*)?\)/
    MATRIX: /[A-ZΑ-Ω]\w*/
    NAME: /[a-zα-ω]\w*/
    SIZE.2: /[DH]([\/*][1-9]\d*)?(?=\s*(x|\n|$|#))/
    NUMBER: /\d+(\.\d+)?([eE][-+]?\d+)?/
    _NL: /\n+/
    %ignore /[ \t]+/
    %ignore /#[^\n]*/
    %ignore /\n+[ \t]+(?=[^\s#])/
"""
_LARGEST = 16_384  # characters of a text
_TERMS = 150  # of an equation
_FARTHEST = 16  # steps back
_MULTIPLE = 8  # of D or H in a size
FUNCTIONS = {
    "sigmoid": 1, "tanh": 1, "relu": 1, "exp": 1, "log": 1, "sqrt": 1, "softplus": 1, "norm": 1, "max": 2, "min": 2,
}  # fmt: skip
FED_BACK = "yhat"
Place = tuple[int, int]


class CellError(UsageError):
    """What is wrong with the text of a cell; the message names its line and column."""


@dataclass(frozen=True)
class Node:
    """A term: `op` of `args`. A leaf has `of`: a number, the name of a vector or matrix, or (name, delay).

    Ops: num, vec, mat, ref; + - * / neg ^ (to the power `of`), @ (a matrix by a vector), T; the functions. `at` is its
    line and column.
    """

    op: str
    args: tuple["Node", ...] = ()
    of: Any = None
    at: Place = field(default=(0, 0), compare=False)

    def walk(self) -> Iterator["Node"]:
        """The term and all its parts."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    def refs(self) -> dict[tuple[str, int], Place]:
        """The names at times that it reads, (name, steps back), and where."""
        return {node.of: node.at for node in self.walk() if node.op == "ref"}


@dataclass(frozen=True)
class Parsed:
    """Equations in the order in which a step computes them, and what else a text says, by name."""

    equations: Mapping[str, Node]
    starts: Mapping[str, tuple[float, ...]]
    scalars: frozenset[str]
    sizes: Mapping[str, tuple[str, str]]

    def leaves(self, op: str) -> list[str]:
        """The names of vectors ('vec') or matrices ('mat') in the order in which the text has them."""
        found = [node for expression in self.equations.values() for node in expression.walk() if node.op == op]
        return list(dict.fromkeys(node.of for node in sorted(found, key=lambda node: node.at)))


class Wrong(Exception):  # noqa: N818
    """What is wrong at a place, and what to write instead."""

    def __init__(self, at: Place, what: str, hint: str) -> None:
        super().__init__(what)
        self.at, self.what, self.hint = at, what, hint

    def error(self, origin: str) -> CellError:
        """The same for the text of a name or file."""
        line, column = self.at
        return CellError(f"{origin}, line {line}, column {column}: {self.what}", self.hint)


def _near(name: str, known: Mapping[str, Any] | set[str], otherwise: str) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else otherwise


_FOLD: dict[str, Callable[..., float]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "neg": lambda a: -a, "sigmoid": lambda a: 1 / (1 + math.exp(-a)), "tanh": math.tanh, "relu": lambda a: max(0.0, a),
    "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "softplus": lambda a: math.log1p(math.exp(a)), "max": max,
    "min": min, "norm": lambda a: 0.0, "^": lambda a: a,
}  # fmt: skip


def make(op: str, *args: Node, of: Any = None, at: Place | None = None) -> Node:
    """A term of terms; one of numbers alone is a number."""
    at = at or min(arg.at for arg in args)
    if args and all(arg.op == "num" for arg in args):
        try:
            number = args[0].of ** of if op == "^" else _FOLD[op](*(arg.of for arg in args))
        except (ValueError, OverflowError, ZeroDivisionError):
            number = math.nan
        if isinstance(number, complex) or not math.isfinite(number):
            raise Wrong(at, f"{op} of these numbers is not a number", "write other numbers")
        return Node("num", of=number, at=at)
    return Node(op, args, of, at)


def _counted(node: Node) -> Node:
    """The same; `Wrong` for a term of too many parts, before any recursion over them."""
    front, count = [node], 0
    while front and count <= _TERMS:
        count += 1
        front += front.pop().args
    if count > _TERMS:
        raise Wrong(node.at, f"an equation of more than {_TERMS} terms", "give parts of it names of their own")
    return node


class _Builder:
    """What each rule of the grammar makes of its parts, which lark hands over as a list."""

    def number(self, parts: list[Any]) -> Node:
        return Node("num", of=self._finite(parts[0]), at=_at(parts[0]))

    def negative(self, parts: list[Any]) -> Node:
        return Node("num", of=-self._finite(parts[0]), at=_at(parts[0]))

    def _finite(self, token: Any) -> float:
        if not math.isfinite(float(token)):
            raise Wrong(_at(token), f"{token} is too large", "write a smaller number")
        return float(token)

    def power(self, parts: list[Any]) -> Node:
        return make("^", parts[0], of=self._finite(parts[1]))

    def ref(self, parts: list[Any]) -> Node:
        return Node("ref", of=(str(parts[0]), _delay(parts[1])), at=_at(parts[0]))

    def vector(self, parts: list[Any]) -> Node:
        return Node("vec", of=str(parts[0]), at=_at(parts[0]))

    def matrix(self, parts: list[Any]) -> Node:
        return Node("mat", of=str(parts[0]), at=_at(parts[0]))

    def transposed(self, parts: list[Any]) -> Node:
        return Node("T", (self.matrix(parts),), at=_at(parts[0]))

    def call(self, parts: list[Any]) -> Node:
        name, args = str(parts[0]), parts[1:]
        if name not in FUNCTIONS:
            raise Wrong(_at(parts[0]), f"there is no function {name}",
                        _near(name, FUNCTIONS, f"to multiply, write {name} * (…)"))  # fmt: skip
        if len(args) != FUNCTIONS[name]:
            raise Wrong(_at(parts[0]), f"{name} of {len(args)} terms", f"it takes {FUNCTIONS[name]}")
        return make(name, *args, at=_at(parts[0]))

    def equation(self, parts: list[Any]) -> tuple[str, Any, Any]:
        if "-" in (time := parts[1].replace("−", "-")):
            raise Wrong(_at(parts[0]), f"{parts[0]}{time} on the left side", f"an equation gives {parts[0]}(t)")
        return "equation", parts[0], _counted(parts[2])

    def begin(self, parts: list[Any]) -> tuple[str, Any, Any]:
        return "start", parts[0], tuple(number.of for number in parts[1:])

    def scalar(self, parts: list[Any]) -> tuple[str, Any, Any]:
        return "scalar", parts[0], None

    def size(self, parts: list[Any]) -> tuple[str, Any, Any]:
        for size in parts[1:]:
            if int(size.partition("*")[2] or 1) > _MULTIPLE:
                raise Wrong(_at(size), f"size {size}", f"at most {_MULTIPLE} times D or H")
        return "size", parts[0], tuple(map(str, parts[1:]))

    def start(self, lines: list[Any]) -> list[Any]:
        return lines


for _name, _op in {"plus": "+", "minus": "-", "times": "*", "over": "/", "neg": "neg", "product": "@"}.items():
    setattr(_Builder, _name, lambda self, parts, op=_op: make(op, *parts))


def _at(token: Any) -> Place:
    return int(token.line), int(token.column)


def _delay(time: Any) -> int:
    steps = int("".join(c for c in time if c.isdigit()) or 0)
    if steps > _FARTHEST:
        raise Wrong(_at(time), f"{steps} steps back", f"at most {_FARTHEST}; keep a name of your own for more")
    return steps


@functools.cache
def _parser() -> "Lark":
    from lark import Lark  # noqa: PLC0415 — 0.1 s

    builder: Any = _Builder()
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual", maybe_placeholders=False, transformer=builder)


def parse(text: str) -> Parsed:
    """The equations that a text defines; `Wrong` where it defines none."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput, VisitError  # noqa: PLC0415

    if len(text) > _LARGEST:
        raise Wrong((1, 1), f"{len(text):,} characters", f"a cell has at most {_LARGEST:,}")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        lines: Any = _parser().parse(text.strip() + "\n")
    except UnexpectedInput as error:
        skipped = text[: len(text) - len(text.lstrip())].count("\n")
        lines_here = text.splitlines() or [""]
        ended = error.line < 1  # at the end of the text
        line = len(lines_here) if ended else error.line + skipped
        column = len(lines_here[-1]) + 1 if ended else error.column
        found = error.char if isinstance(error, UnexpectedCharacters) else str(getattr(error, "token", ""))
        what = f"{found!r} does not belong here" if found.strip() else "the line ends too early"
        raise Wrong((line, column), what, "write name(t) = terms, as in h(t) = tanh(U x(t) + W h(t-1) + b)") from None
    except VisitError as error:
        raise error.orig_exc from None
    return _checked(lines)


def _checked(lines: list[tuple[str, Any, Any]]) -> Parsed:
    """The lines as one cell, its equations in order."""
    found: dict[str, dict[str, Any]] = {"equation": {}, "start": {}, "scalar": {}, "size": {}}
    places: dict[str, Place] = {}
    for kind, token, value in lines:
        name = str(token)
        if name in found[kind]:
            raise Wrong(_at(token), f"a second {kind} of {name}", "remove one")
        if kind == "equation" and name in ("x", FED_BACK, "t"):
            raise Wrong(_at(token), f"{name} is given and has no equation", "choose another name")
        found[kind][name], places[name] = value, _at(token)
    equations: dict[str, Node] = found["equation"]
    _check_names(equations)
    parsed = Parsed(_in_order(equations, places), found["start"], frozenset(found["scalar"]), found["size"])
    vectors, matrices = parsed.leaves("vec"), parsed.leaves("mat")
    for kind, names in (("start", vectors), ("scalar", vectors), ("size", matrices)):
        for name in found[kind]:
            if name not in names:
                raise Wrong(places[name], f"{kind} {name}, which is no weight of an equation",
                            _near(name, set(names), "remove the line"))  # fmt: skip
    return parsed


def _check_names(equations: Mapping[str, Node]) -> None:
    """Every name at a time has an equation, h among them, and reaches h(t)."""
    if "h" not in equations:
        raise Wrong((1, 1), "no equation gives h(t), which the next layer reads", "add h(t) = …")
    known = {*equations, "x", FED_BACK}
    for expression in equations.values():
        for (name, delay), at in expression.refs().items():
            if name not in known:
                what = f"the state {name}(t-{delay}) is never set" if delay else f"{name}(t) is unknown"
                raise Wrong(at, what, _near(name, known - {FED_BACK}, f"add an equation {name}(t) = …"))
            if name == FED_BACK and delay != 1:
                raise Wrong(at, f"{FED_BACK} is read one step back", f"write {FED_BACK}(t-1)")
        for node in expression.walk():
            if node.op == "vec" and node.of in {*known, "t"}:
                raise Wrong(node.at, f"{node.of} without a time", f"write {node.of}(t) or {node.of}(t-1)")
            args = [each.of[0] for each in node.args if each.op == "ref"]
            if FED_BACK in args and node.op != "@":
                raise Wrong(node.at, f"{FED_BACK}(t-1) without a matrix", f"write W {FED_BACK}(t-1)")
    read, front = {"h"}, ["h"]
    while front:
        fresh = {name for name, _ in equations[front.pop()].refs() if name in equations} - read
        read |= fresh
        front += fresh
    for name, expression in equations.items():
        if name not in read:
            raise Wrong(expression.at, f"{name}(t) is computed, but h(t) never depends on it", "use it, or remove it")


def _in_order(equations: Mapping[str, Node], places: Mapping[str, Place]) -> dict[str, Node]:
    """The equations such that each follows those that it reads within a step."""
    order: dict[str, Node] = {}
    while len(order) < len(equations):
        ready = [
            name for name, expression in equations.items()
            if name not in order and all(d or u in order or u not in equations for u, d in expression.refs())
        ]  # fmt: skip
        if not ready:
            rest = [name for name in equations if name not in order]
            circle = ", ".join(f"{name}(t)" for name in rest)
            raise Wrong(places[rest[0]], f"within a step {circle} need one another", "read one of them at (t-1)")
        order |= {name: equations[name] for name in ready}
    return order
