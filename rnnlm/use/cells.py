"""What there is to say of a cell: its equations in several languages, weights, state, gates and costs."""

import unicodedata
from typing import Any

from rnnlm.model.cells.form import Form
from rnnlm.model.cells.kernels import kernel_of
from rnnlm.model.cells.library import CellText
from rnnlm.model.cells.notation import FED_BACK
from rnnlm.model.cells.writing import Language, latex

SIZE = 256  # of inputs and units, at which costs are given

_BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "div", "@": "product"}
_JAVASCRIPT = Language(
    {**{op: f"{name}({{}}, {{}})" for op, name in _BINARY.items()}, "neg": "neg({})", "T": "transposed({})",
     "^": "power({}, {})", "()": "{}"},
    lambda node: (
        f"{node.of!r}" if node.op == "num" else f"w.{node.of}" if node.op != "ref" else _variable(*node.of)
    ),
    lambda name, args: f"{name}({', '.join(args)})",
)  # fmt: skip
_PYTHON_CALLS = {"softplus": "functional.softplus", "norm": "norm", "max": "maximum", "min": "minimum"}
_PYTHON = Language(
    {**{op: f"{{}} {op} {{}}" for op in "+-*/"}, "@": "functional.linear({1}, {0})", "neg": "-{}", "T": "{}.T",
     "^": "{} ** {}", "()": "({})"},
    lambda node: (
        f"{node.of!r}" if node.op == "num" else f'w["{node.of}"]' if node.op != "ref" else _python_name(*node.of)
    ),
    lambda name, args: f"{_PYTHON_CALLS.get(name, f'torch.{name}')}({', '.join(args)})",
)  # fmt: skip
_PYTHON_PARTS = {
    "norm": "def norm(v):\n    return functional.layer_norm(v, v.shape[-1:])\n\n\n",
    "max": "def maximum(a, b):\n    return torch.maximum(torch.as_tensor(a), torch.as_tensor(b))\n\n\n",
    "min": "def minimum(a, b):\n    return torch.minimum(torch.as_tensor(a), torch.as_tensor(b))\n\n\n",
}


def _identifier(name: str) -> str:
    """A name that is one in Python and JavaScript, and stays itself there; ₁ and ² are written as their numbers."""
    if name.isidentifier() and unicodedata.normalize("NFKC", name) == name:
        return name
    return "".join(c if c.isascii() else f"_{ord(c):x}_" for c in name)


def _variable(name: str, delay: int) -> str:
    return f"v_{_identifier(name)}{'$' * delay}"


def _python_name(name: str, delay: int) -> str:
    return f"{_identifier(name)}_t{delay or ''}"  # no keyword of Python, and no name that the file uses, ends like this


def report_of_cell(cell: CellText) -> dict[str, Any]:
    """The cell as JSON; its costs are those of a layer of as many inputs as units. Raises CellError."""
    form = cell.form
    layer = form.layer(SIZE, SIZE, SIZE)
    weights = {
        letter: {"blocks": names, "size": _shape(form, letter), "recurrent": letter in form.recurrent}
        for letter, names in form.blocks.items()
    }
    return {
        "name": cell.name, "title": cell.title, "perplexity": cell.perplexity,
        "equations": form.text.splitlines(), "weights": weights,
        "state": [name if k == 1 else f"{name}(t-{k})" for name, k in form.slots],
        "gates": [{"name": gate.name, "keeps": gate.keeps} for gate in form.gates],
        "stages": [{"kind": stage.kind, "names": list(stage.equations)} for stage in form.stages[False]],
        "kernel": (kernel_of(form.text) or (None,))[0], "feeds_back": form.feeds_back,
        "inputs": SIZE, "units": SIZE, "parameters": layer.parameters,
        "operations_per_token": layer.operations(labels=False),
        "latex": latex(form.parsed), "javascript": javascript(form),
    }  # fmt: skip


def _shape(form: Form, letter: str) -> str:
    """The size of a stored weight in letters, as '4H x D'."""
    names = form.blocks[letter]
    if names[0] in form.parsed.scalars:
        return "1"
    if names[0] not in form.shapes.matrices:
        return f"{len(names)}H" if len(names) > 1 else form.shapes.vectors[names[0]]
    rows = [form.shapes.matrices[name][0] for name in names]
    alike = f"{len(rows)}{rows[0]}" if len(rows) > 1 and len(set(rows)) == 1 and len(rows[0]) == 1 else " + ".join(rows)
    return f"{alike} x {form.shapes.matrices[names[0]][1]}"


def javascript(form: Form) -> str:
    """A step: `step(x, [h, …], w)` of vectors and weights by block.

    It returns [h, the parts of the state after it], but null for the network's output, which the page adds. The
    functions that it calls are in `report/page/numbers.js`.
    """
    lines = ["function step(v_x, [" + ", ".join(_variable(*slot) for slot in form.slots) + "], w) {"]
    for name, expression in form.parsed.equations.items():
        lines.append(f"  const v_{name} = {_JAVASCRIPT.write(expression)};")
    after = (_variable(name, k - 1) if name != FED_BACK else "null" for name, k in form.slots)
    return "\n".join([*lines, f"  return [v_h, [{', '.join(after)}]];", "}"])


def python(form: Form) -> str:
    """A step in Python on torch's tensors, x (batch, inputs), with the functions that it calls.

    `step(x_t, before, w)` has the parts of the state and the weights by block; it returns h(t) and the state after it,
    whose part for the network's output is None.
    """
    expressions = form.parsed.equations.values()
    called = dict.fromkeys(node.op for each in expressions for node in each.walk() if node.op in _PYTHON_PARTS)
    lines = [
        "def step(x_t, before, w):",
        '    """One time step: x(t) (batch, inputs), the state before it, the weights → h(t), the state after it."""',
        f"    {', '.join(_python_name(*slot) for slot in form.slots)}{',' if len(form.slots) == 1 else ''} = before",
    ]
    for name, expression in form.parsed.equations.items():
        term = _PYTHON.write(expression)
        term = f"x_t.new_full((len(x_t), 1), {term})" if expression.op == "num" else term
        lines.append(f"    {_python_name(name, 0)} = {term}")
    after = [_python_name(name, k - 1) if name != FED_BACK else "None" for name, k in form.slots]
    lines.append(f"    return h_t, ({', '.join(after)}{',' if len(after) == 1 else ''})")
    constant = f"FED_BACK = {tuple(name == FED_BACK for name, _ in form.slots)}\n\n\n" if form.feeds_back else ""
    return constant + "".join(_PYTHON_PARTS[name] for name in called) + "\n".join(lines)
