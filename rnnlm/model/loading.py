"""From a sealed directory to a network with its weights."""

import torch

from rnnlm.arrays import read_tensors
from rnnlm.errors import ArtifactError
from rnnlm.model.cells.table import CELLS
from rnnlm.model.network import Network
from rnnlm.model.sealed import WEIGHTS, Sealed


def load_network(sealed: Sealed, device: str = "cpu") -> Network:
    """The network with its weights, ready to evaluate; ArtifactError when they do not fit."""
    path = sealed.path / WEIGHTS
    tensors = read_tensors(path, remedy="the model is damaged; copy it anew, or train it again with --force")
    if sealed.architecture.cell not in CELLS:
        raise ArtifactError(
            f"{sealed.path}: there is no cell {sealed.architecture.cell!r}", "use the program that wrote it"
        )
    model = Network(sealed.architecture, torch.Generator())
    model.load(tensors, str(path))
    return model.to(device).eval()
