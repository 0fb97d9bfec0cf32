"""From a sealed directory to a network with its weights."""

import torch

from rnnlm.errors import ArtifactError
from rnnlm.model.cells.table import CELLS
from rnnlm.model.network import Network
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import WEIGHTS, Sealed


def load_network(sealed: Sealed, device: str = "cpu") -> Network:
    """The network with its weights, ready to evaluate; ArtifactError when they do not fit."""
    weights, rows = sealed_weights(sealed)
    if sealed.architecture.cell not in CELLS:
        raise ArtifactError(
            f"{sealed.path}: there is no cell {sealed.architecture.cell!r}", "use the program that wrote it"
        )
    model = Network(sealed.architecture, torch.Generator())
    model.load(weights, str(sealed.path / WEIGHTS))
    model = model.to(device).eval()
    return model.use_int8(rows) if device == "cpu" else model
