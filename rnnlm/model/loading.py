"""From a sealed directory to a network with its weights, or an n-gram model."""

import torch

from rnnlm.errors import ArtifactError
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.network import Network
from rnnlm.model.ngram.grams import read_grams
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.parameters import parameter_count
from rnnlm.model.quantized import dequantize, quantize, sealed_weights
from rnnlm.model.sealed import CONFIG, REMEDY, WEIGHTS, NgramShape, Sealed


def load_model(sealed: Sealed, device: str = "cpu") -> LanguageModel:
    """A language model of either kind; an n-gram model lives on the CPU."""
    if not isinstance(sealed.built, NgramShape):
        return load_network(sealed, device)
    shape = sealed.built
    with sealed.opening():
        grams = read_grams(sealed.path, shape.vocabulary, shape.order)
    return NgramModel(grams, lines_apart=shape.lines_apart)


def load_network(sealed: Sealed, device: str = "cpu", *, int8: bool = False) -> Network:
    """The network with its weights, ready to evaluate; ArtifactError when they do not fit.

    With `int8` its matrices are rounded to 8 bits, as in a quantized model.
    """
    architecture = sealed.architecture
    weights, rows = sealed_weights(sealed)
    if int8 and not rows:
        weights, rows = dequantize(quantize(weights), str(sealed.path / WEIGHTS))
    if parameter_count(architecture) != sum(array.size for array in weights.values()):  # before memory is allocated
        raise ArtifactError(f"{sealed.path / WEIGHTS} holds other numbers than {CONFIG} asks for", REMEDY)
    model = Network(architecture, torch.Generator())
    model.load(weights, str(sealed.path / WEIGHTS))
    model = model.to(device).eval()
    return model.use_int8(rows) if device == "cpu" else model
