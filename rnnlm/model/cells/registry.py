"""The cells by name: a row here, a name in `Cell` (training/settings.py) and a class make a new one."""

import torch

from rnnlm.model.cells.cell import Cell, CellOptions, Output
from rnnlm.model.cells.elman import Elman, ElmanRelu
from rnnlm.model.cells.gru import Gru
from rnnlm.model.cells.lstm import Lstm
from rnnlm.model.cells.output_recurrent import OutputRecurrent

CELLS: dict[str, type[Cell]] = {
    "elman": Elman,
    "elman-relu": ElmanRelu,
    "output-recurrent": OutputRecurrent,
    "lstm": Lstm,
    "gru": Gru,
}


def make_cell(
    name: str, inputs: int, hidden: int, options: CellOptions, generator: torch.Generator, output: Output
) -> Cell:
    """A layer of `hidden` units of the cell `name` that reads `inputs` numbers a step."""
    return CELLS[name](inputs, hidden, options, generator, output)
