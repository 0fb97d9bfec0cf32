"""A cell's step in Python, as an exported model has it, is the step of the cell itself."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from rnnlm.model.cells.cell import Cell, CellOptions, Output
from rnnlm.model.cells.form import read_form
from rnnlm.model.cells.library import shipped
from rnnlm.use.cells import python

ODD = """a(t) = relu(norm(U x(t) + (W^T + Q) h(t-2))) ^ 1.41421356 + h²(t) - -k / (2 - sigmoid(k) * 3)
h(t) = max(min(a(t), 0.5), -x(t)) * (1 - (r - a(t))) + softplus(relu(b) + log(exp(h(t-1)))) + sqrt(n(t))
n(t) = 2
h²(t) = tanh(x(t))
scalar r
"""
TEXTS = {**{name: cell.text for name, cell in shipped().items()}, "odd": ODD}


@pytest.mark.parametrize("name", TEXTS)
def test_a_step_in_python_is_the_cells_own(name: str) -> None:
    form, size, outputs = read_form(TEXTS[name], name), 5, 7
    draws = torch.Generator().manual_seed(1)
    weight = torch.randn(outputs, size, generator=draws)
    cell = Cell(form, size, size, CellOptions(), draws, Output(outputs, lambda h: h @ weight.T))
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, generator=draws)
    state = tuple(torch.rand(part.shape, generator=draws) for part in cell.initial_state(3))
    x = torch.randn(3, size, generator=draws)
    space: dict[str, Any] = {"torch": torch, "functional": functional}
    exec(python(form), space)
    blocks = {name: part for letter in form.blocks for name, part in cell.blocks(letter).items()}
    h, after = space["step"](x, state, blocks)
    own = cell.step(x, state)
    assert len(after) == len(own)
    fed = space.get("FED_BACK", (False,) * len(own))
    for part, expected, back in zip(after, own, fed, strict=True):
        assert (part is None) == back
        assert back or torch.equal(part.expand_as(expected), expected)
    assert torch.equal(h, own[0])
