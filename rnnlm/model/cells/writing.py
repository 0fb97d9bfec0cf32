"""A term as text: one printer with a table for each language, and the notation itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rnnlm.model.cells.notation import Node, Parsed

_RANK = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 2, "@": 3, "^": 4}


@dataclass(frozen=True)
class Language:
    """`forms` is a pattern for each operator and '()', `leaf` writes names and numbers, `call` functions."""

    forms: Mapping[str, str]
    leaf: Callable[[Node], str]
    call: Callable[[str, list[str]], str]
    fraction: bool = False  # whether a division brackets its own terms

    def write(self, node: Node) -> str:
        """A term, with brackets where its parts bind less."""
        if node.op in ("num", "vec", "mat", "ref"):
            return self.leaf(node)
        if node.op == "T":
            return self.forms["T"].format(self._inner(node.args[0], 9))
        if node.op == "^":
            return self.forms["^"].format(self._inner(node.args[0], 5), repr(node.of).removesuffix(".0"))
        if node.op not in _RANK:
            return self.call(node.op, [self.write(arg) for arg in node.args])
        if node.op == "/" and self.fraction:
            return self.forms["/"].format(*map(self.write, node.args))
        rank = _RANK[node.op]
        if node.op == "neg":
            return self.forms["neg"].format(self._inner(node.args[0], rank + 1))
        left, right = node.args
        before = 9 if node.op == "@" and left.op in "+-" else rank
        return self.forms[node.op].format(self._inner(left, before), self._inner(right, rank, last=node.op != "@"))

    def _inner(self, node: Node, rank: int, *, last: bool = False) -> str:
        own = _RANK.get(node.op, 9) if node.op != "num" or node.of >= 0 else 1
        text = self.write(node)
        return self.forms["()"].format(text) if own < rank or (last and own == rank) else text


def _symbol(node: Node) -> str:
    if node.op == "num":
        return repr(node.of).removesuffix(".0")
    return str(node.of) if node.op != "ref" else node.of[0] + (f"(t-{node.of[1]})" if node.of[1] else "(t)")


NOTATION = Language(
    {"+": "{} + {}", "-": "{} - {}", "*": "{} * {}", "/": "{} / {}", "neg": "-{}", "^": "{}^{}", "T": "{}^T",
     "@": "{} {}", "()": "({})"},
    _symbol, lambda name, args: f"{name}({', '.join(args)})",
)  # fmt: skip
_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho tau phi psi omega".split()  # noqa: SIM905
)
_OPERATORS = frozenset(("tanh", "exp", "log", "max", "min"))


def _latex_name(name: str, time: str = "") -> str:
    base, _, mark = name.partition("_")
    base = rf"\{base}" if base in _GREEK else r"\hat{y}" if base == "yhat" else base
    base = base if len(base) == 1 or base[0] == "\\" else rf"\mathrm{{{base}}}"
    return base + (f"_{{{mark}}}" if mark else "") + time


def _latex_leaf(node: Node) -> str:
    if node.op == "num":
        return f"{node.of:g}"
    return _latex_name(node.of) if node.op != "ref" else _latex_name(node.of[0], _latex_time(node.of[1]))


def _latex_time(delay: int) -> str:
    return f"^{{(t-{delay})}}" if delay else "^{(t)}"


def _latex_call(name: str, args: list[str]) -> str:
    if name == "sqrt":
        return rf"\sqrt{{{args[0]}}}"
    shown = r"\sigma" if name == "sigmoid" else rf"\{name}" if name in _OPERATORS else rf"\operatorname{{{name}}}"
    return rf"{shown}\left({', '.join(args)}\right)"


LATEX = Language(
    {"+": "{} + {}", "-": "{} - {}", "*": r"{} \odot {}", "/": r"\frac{{{}}}{{{}}}", "neg": "-{}", "^": "{{{}}}^{{{}}}",
     "T": r"{}^\top", "@": r"{} \, {}", "()": r"\left({}\right)"},
    _latex_leaf, _latex_call, fraction=True,
)  # fmt: skip


def latex(parsed: Parsed) -> str:
    """The equations, aligned at their equals signs, for LaTeX's math mode (amsmath)."""
    rows = [f"  {_latex_name(name, _latex_time(0))} &= {LATEX.write(e)}" for name, e in parsed.equations.items()]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
