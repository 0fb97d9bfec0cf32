"""The number of parameters of a network, from its architecture alone, before any memory is allocated."""

from itertools import pairwise

from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.architecture import Architecture


def parameter_count(architecture: Architecture) -> int:
    """`Network.parameter_count` of a network that has not been built."""
    a = architecture
    rows = a.cuts[0] + FIRST_OUTPUT if a.cuts else a.vocabulary
    total = rows * a.embedding + layer_parameters(a) + a.outputs
    total += a.embedding * a.hidden if a.projected else 0
    total += 0 if a.tied else a.outputs * a.width
    for (begin, end), width in zip(pairwise((*a.cuts, a.outputs)), a.widths, strict=True):
        total += (end - begin) * width + (a.embedding * width if width < a.embedding else 0)
    return total + len(a.cuts) * (a.embedding + 1)


def layer_parameters(a: Architecture) -> int:
    """The parameters of the recurrent layers."""
    return sum(layer.parameters for layer in a.recurrent_layers)
