"""The notation of cells: what is wrong is said with its place, and random cells keep the contract of those shipped."""

import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnlm.errors import UsageError
from rnnlm.model.cells.cell import Cell, CellOptions, Output
from rnnlm.model.cells.form import bare, read_form
from rnnlm.model.cells.kernels import kernel_of
from rnnlm.model.cells.library import find_cell, shipped
from rnnlm.model.cells.notation import CellError
from rnnlm.model.cells.writing import NOTATION
from rnnlm.use.cells import report_of_cell

WRONG = {
    "": "no equation gives h(t)",
    "h(t) = tanh(U x(t) + W h(t-1) + b": "line 1, column 34: the line ends too early",
    "h(t) = tanh(U x(t) + W h(t-1) + b)\nh(t) = x(t)": "line 2, column 1: a second equation of h",
    "g(t) = sigmoid(U x(t))\nh(t) = tanh(W h(t-1))": "line 1, column 8: g(t) is computed, but h(t) never depends on it",
    "h(t) = tanh(U x(t) + W s(t-1))": "line 1, column 24: the state s(t-1) is never set",
    "h(t) = tanh(U x(t) + g(t))": "line 1, column 22: g(t) is unknown",
    "h(t) = tanh(U x(t) + hh(t-1))": "did you mean h?",
    "h(t) = tanh(U x(t)) * sigmod(W h(t-1))": "line 1, column 23: there is no function sigmod: did you mean sigmoid?",
    "h(t) = max(U x(t))": "max of 1 terms: it takes 2",
    "h(t-1) = tanh(U x(t))": "line 1, column 1: h(t-1) on the left side",
    "x(t) = tanh(U h(t-1))\nh(t) = W x(t)": "x is given and has no equation",
    "h(t) = tanh(U h + b)": "h without a time: write h(t) or h(t-1)",
    "a(t) = tanh(U b(t))\nb(t) = tanh(V a(t))\nh(t) = a(t) + W x(t)": "column 1: within a step a(t), b(t), h(t)",
    "h(t) = tanh(U x(t)) + W h(t-99)": "99 steps back: at most 16",
    "h(t) = tanh(U x(t) + yhat(t-1))": "yhat(t-1) without a matrix",
    "h(t) = tanh(U x(t) + W yhat(t-2))": "yhat is read one step back",
    "h(t) = tanh(U x(t)) / 0 * (1 / 0)": "line 1, column 28: / of these numbers is not a number",
    "h(t) = 1e999 * x(t)": "1e999 is too large",
    "size U = H*9 x D\nh(t) = W U x(t)": "at most 8 times D or H",
    "size U = H x H\nh(t) = tanh(V (x(t) + U h(t-1)) + U x(t))\nstart c = 1": "start c, which is no weight",
    "h(t) = tanh(U x(t) + W 2)": "W 2 is a matrix by a number",
    "size U = H/2 x D\na(t) = U x(t)\nh(t) = a(t) + h(t-1)": "joins H/2 and H numbers",
    "h(t) = tanh(U x(t)) + " + " + ".join(["h(t-1)"] * 200): "more than 150 terms",
    "h(t) = " + "tanh(" * 400 + "U x(t)" + ")" * 400: "more than 150 terms",
    "h(t) = U x(t)\n" + "# " + "x" * 20_000: "characters: a cell has at most",
    "h(t) = U x(t) ; import os": "line 1, column 15",
    "h(t) = __import__(1)": "line 1, column 8",
    "lambda = 3": "line 1, column 8",
    "\n\n  h(t) = U x(t) + )": "line 3",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_with_its_place(text: str) -> None:
    with pytest.raises(CellError) as raised:
        read_form(text)
    assert WRONG[text] in str(raised.value)
    assert "line " in str(raised.value) and ", column " in str(raised.value)
    assert raised.value.hint


def test_malformed_texts_are_refused_in_words() -> None:
    """Mutations of the library: a cell, or an error with its place, in less than a second each."""
    draws = random.Random(5)
    texts = [cell.text for cell in shipped().values()]
    refused = 0
    for _ in range(400):
        text = draws.choice(texts)
        for _ in range(draws.randint(1, 4)):
            at, kind = draws.randrange(len(text)), draws.randrange(4)
            other = draws.choice(texts)
            piece = other[(start := draws.randrange(len(other))) : start + draws.randint(1, 12)]
            if kind == 0:
                text = text[:at] + text[at + draws.randint(1, 8) :]
            elif kind == 1:
                text = text[:at] + piece + text[at:]
            elif kind == 2:
                text = text[:at] + draws.choice("()=+-*/^#\n\t ,UWhxt19.ŷ−\x00\u2028") + text[at:]
            else:
                text = text[:at] + piece + text[at + len(piece) :]
            text = text or "h"
        started_at = time.monotonic()
        try:
            form = read_form(text)
            form.layer(3, 4, 5)
        except CellError as error:
            refused += 1
            assert ", column " in str(error)
        assert time.monotonic() - started_at < 5
    assert refused > 200


def test_equations_read_back_from_what_is_written() -> None:
    for cell in shipped().values():
        lines = [f"{name}(t) = {NOTATION.write(term)}" for name, term in cell.form.parsed.equations.items()]
        again = read_form("\n".join(lines))
        assert again.parsed.equations == cell.form.parsed.equations
        assert read_form(bare(cell.text)).parsed == cell.form.parsed


def test_comments_and_empty_lines_may_stand_anywhere() -> None:
    plain = "a(t) = U x(t) + b\nh(t) = tanh(a(t) + W h(t-1))\nstart b = 1"
    noted = (
        "\n# one\n\n# two\n  # three\na(t) = U x(t)   # four\n   + b\n\n# five\n# six\n\n" + plain.partition("\n")[2]
    )
    for text in (noted, noted.replace("\n", "\r\n"), noted + "\n# seven\n\n"):
        assert read_form(text).parsed == read_form(plain).parsed
    with pytest.raises(CellError, match="line 4, column 8"):
        read_form("# one\n# two\n\nh(t) = tahn(U x(t))")


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_comment_ends_with_its_line_and_nowhere_else(end: str) -> None:
    """Its rest would stand in what is written from the equations: scripts and Python of an export."""
    form = read_form(f'h(t) = tanh(U x(t)) # {end}"""; import os; """')
    assert form.text == "h(t) = tanh(U x(t))"


def test_kernels_are_found_by_equations_whatever_the_names() -> None:
    other = """
        keep(t) = sigmoid(b_k + R_k h(t-1) + A_k x(t))
        inlet(t) = sigmoid(R_i h(t-1) + A_i x(t) + b_i)
        outlet(t) = sigmoid(A_o x(t) + b_o + R_o h(t-1))
        new(t) = tanh(A_n x(t) + R_n h(t-1) + b_n)
        memory(t) = new(t) * inlet(t) + memory(t-1) * keep(t)
        h(t) = outlet(t) * tanh(memory(t))
    """
    text = "\n".join(line.strip() for line in other.strip().splitlines())
    found = kernel_of(text)
    assert found is not None
    kernel, blocks = found
    assert kernel == "lstm"
    assert blocks == {"U": ["A_i", "A_k", "A_n", "A_o"], "W": ["R_i", "R_k", "R_n", "R_o"],
                      "b": ["b_i", "b_k", "b_n", "b_o"]}  # fmt: skip
    check(text)
    kernels = {name: found[0] for name, cell in shipped().items() if (found := kernel_of(cell.text))}
    assert kernels == {name: name for name in ("lstm", "gru", "elman", "elman-relu")}


def test_an_equation_can_be_replaced() -> None:
    cell = find_cell("lstm", "f(t) = 1; c(t) = U_c x(t)")
    assert cell.name == "lstm-f-c"
    assert "f(t) = 1" in cell.text and cell.form.blocks["b"] == ["b_g", "b_q"]
    check(cell.text)
    assert find_cell("minlstm", "f(t) = 0.5").form.parsed.starts == {}
    for wrong in ("z(t) = 1", "f = 1", "f(t-1) = 1", "nothing"):
        with pytest.raises(UsageError, match="replaces no equation of lstm"):
            find_cell("lstm", wrong)
    with pytest.raises(CellError, match="there is no function sgimoid"):
        _ = find_cell("lstm", "f(t) = sgimoid(U_f x(t))").form


DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "cells.md").read_text("utf-8")
FILES = dict(re.findall(r"^`([\w-]+)\.cell`:\n\n```text\n(.*?)\n```$", DOCUMENT, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", FILES)
def test_files_of_the_document_are_cells(name: str) -> None:
    cell = find_cell(FILES[name])
    assert cell.title and cell.form.layer(16, 32, 9).parameters > 0
    check(FILES[name])


def test_the_document_has_the_others() -> None:
    assert len(FILES) == 10 and not set(FILES) & set(shipped())
    assert all(f"| `{name}` |" in DOCUMENT for name in shipped())


# Random cells

INPUTS, HIDDEN, OUTPUTS, TIME, BATCH = 3, 4, 5, 6, 2


class Layers:
    """A cell with random weights, in float64."""

    def __init__(self, text: str, seed: int = 0) -> None:
        self.draws = torch.Generator().manual_seed(seed)
        V = self.normal(OUTPUTS, HIDDEN)
        form = read_form(text)
        self.cell = Cell(form, INPUTS, HIDDEN, CellOptions(), self.draws, Output(OUTPUTS, lambda h: h @ V.T)).double()
        with torch.no_grad():
            for parameter in self.cell.parameters():
                parameter.copy_(0.6 * self.normal(*parameter.shape))

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.draws, dtype=torch.float64)


def check(text: str) -> None:
    """Engines agree, halves are the whole, single steps the segment, gradients those of small changes."""
    made = Layers(text)
    cell = made.cell
    x = made.normal(TIME, BATCH, INPUTS).requires_grad_()
    state = tuple(0.5 * made.normal(*part.shape) for part in cell.initial_state(BATCH))
    results = []
    for engine, kernel in (("readable", None), ("fused", None), ("fused", cell._kernel)):
        cell.engine, cell._kernel = engine, kernel
        h, after = cell(x, state)
        weight = torch.linspace(-1, 1, h.numel(), dtype=h.dtype).view_as(h)
        gradients = torch.autograd.grad((h * weight).sum(), (x, *cell.parameters()), allow_unused=True)
        results.append([h, *after, *(each for each in gradients if each is not None)])
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            torch.testing.assert_close(same, one, atol=1e-10, rtol=1e-10)
    with torch.no_grad():
        first, between = cell(x[:2], state)
        second, after = cell(x[2:], between)
        torch.testing.assert_close(torch.cat([first, second]), results[0][0], atol=1e-10, rtol=1e-10)
        steps, now = [], state
        for x_t in x:
            said, now = cell(x_t.unsqueeze(0), now)
            steps.append(said)
        torch.testing.assert_close(torch.cat(steps), results[0][0], atol=1e-10, rtol=1e-10)
        for part, whole in zip((*now, *after), 2 * results[0][1 : 1 + len(state)], strict=True):
            torch.testing.assert_close(part, whole, atol=1e-10, rtol=1e-10)


@st.composite
def texts(draw: Any) -> str:
    """Cells of one to four equations with every operator of the notation."""
    count = iter(range(1000))
    names = [*"abk"[: draw(st.integers(0, 3))], "h"]

    def ref(known: list[str]) -> str:
        past = f"{draw(st.sampled_from(names))}(t-{draw(st.sampled_from([1, 1, 1, 2]))})"
        return str(draw(st.sampled_from([past, *[f"{name}(t)" for name in known]])))

    def matrix() -> str:
        name = f"{draw(st.sampled_from('UWR'))}_{next(count)}"
        return str(draw(st.sampled_from([name, name, name, f"(S_{name} - S_{name}^T)"])))

    def term(known: list[str], depth: int) -> str:
        kind = draw(st.integers(0, 8 if depth else 3))
        if kind == 0:
            return f"V_{next(count)} {draw(st.sampled_from(['x(t)', 'x(t)', 'x(t-1)']))}"
        if kind == 1:
            return f"{matrix()} {ref(known)}"
        if kind == 2:
            return str(draw(st.sampled_from([ref(known), f"v_{next(count)}", f"{draw(st.integers(1, 3))}"])))
        if kind == 3:
            return f"{matrix()} {matrix()} {ref(known)}"
        inner = [term(known, depth - 1) for _ in range(2)]
        if kind == 4:
            return f"({inner[0]} {draw(st.sampled_from('+-'))} {inner[1]})"
        if kind == 5:
            return f"({inner[0]}) * ({inner[1]})"
        if kind == 6:
            return f"({inner[0]}) / (2 + tanh({inner[1]}))"
        if kind == 7:
            return f"{draw(st.sampled_from(['max', 'min']))}({inner[0]}, {inner[1]})"
        return f"{draw(st.sampled_from(['tanh', 'sigmoid', 'relu', 'softplus', '-tanh', 'sigmoid']))}({inner[0]})"

    lines = []
    for number, name in enumerate(names):
        known = names[:number]
        body = term(known, 3)
        wrapped = draw(st.sampled_from([f"tanh({body})", f"sigmoid({body})", f"0.5 * {name}(t-1) + tanh({body})"]))
        used = "".join(f" + 0.3 * {each}(t)" for each in known) if name == "h" else ""
        lines.append(f"{name}(t) = {wrapped}{used} + 0.1 * tanh(V_{next(count)} x(t))")
    return "\n".join(lines)


@settings(max_examples=60, deadline=None)
@given(texts())
def test_random_cells_keep_the_contract(text: str) -> None:
    try:
        read_form(text)
    except CellError as error:  # a number where a vector must be, or too many terms
        assert "by a number" in str(error) or "terms" in str(error)
        return
    check(text)


@settings(max_examples=8, deadline=None)
@given(texts())
@example("h(t) = max(U x(t), W h(t-1)) - norm(h(t-2)) / 3 + 2 * h(t-1)^2")
def test_gradients_of_random_cells_are_those_of_small_changes(text: str) -> None:
    try:
        made = Layers(text)
    except CellError:
        return
    x = made.normal(3, 1, INPUTS).requires_grad_()
    state = tuple(made.normal(*part.shape) for part in made.cell.initial_state(1))
    assert torch.autograd.gradcheck(lambda *_: made.cell(x, state)[0], (x, *made.cell.parameters()))


def test_a_report_has_every_language() -> None:
    report = report_of_cell(shipped()["lstm"])
    assert report["weights"]["U"] == {"blocks": ["U_g", "U_f", "U_c", "U_q"], "size": "4H x D", "recurrent": False}
    assert report["gates"] == [
        {"name": "g", "keeps": False},
        {"name": "f", "keeps": True},
        {"name": "q", "keeps": False},
    ]
    assert report["state"] == ["h", "s"] and report["kernel"] == "lstm"
    assert r"s^{(t)} &= f^{(t)} \odot s^{(t-1)} + g^{(t)} \odot c^{(t)}" in report["latex"]
    assert report["operations_per_token"] == 2 * 4 * 256 * 512


def test_a_label_is_looked_up_and_no_product() -> None:
    layer = shipped()["output-recurrent"].form.layer(inputs=5, hidden=7, outputs=11)
    assert layer.operations(labels=False) == 2 * 7 * (5 + 11)
    assert layer.operations(labels=True) == 2 * 7 * 5
    lstm = shipped()["lstm"].form.layer(inputs=5, hidden=7, outputs=11)
    assert lstm.operations(labels=True) == lstm.operations(labels=False) == 2 * 4 * 7 * (5 + 7)
