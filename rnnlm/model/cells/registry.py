"""The cell registry: a new cell is a row here, a name in `CellName` (training/settings.py) and a class."""

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
    """A layer of `hidden` units of the cell `name` that reads `inputs` numbers per step."""
    return CELLS[name](inputs, hidden, options, generator, output)
