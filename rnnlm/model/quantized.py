"""A sealed model with every weight matrix in 8 bits: created from another model, and read.

In `weights.safetensors` a matrix M (rows, columns) is `M`, int8, and `M.scale` (rows,), float32, as in `int8.py`;
vectors stay float32. `config.json` has `"weights": "int8"`. Loading multiplies them out, so that the outputs of such a
model are exactly defined, the same for every command, and differ from the original model's only by the rounding of the
weights.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.arrays import Tensors, read_tensors, write_tensors
from rnnlm.artifacts import write_bytes, write_json
from rnnlm.errors import ArtifactError, UsageError
from rnnlm.model.int8 import Int8Rows
from rnnlm.model.sealed import CONFIG, REMEDY, TOKENIZER, WEIGHTS, Sealed, read_sealed, seal_model

_SCALE = ".scale"


def quantize(tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Weights by name in float32 → the same with every matrix as integers and a scale per row."""
    found: dict[str, NDArray[Any]] = {}
    for name, array in tensors.items():
        if array.ndim == 2:
            rows = Int8Rows.of(torch.from_numpy(np.array(array)))
            found[name], found[name + _SCALE] = rows.numbers.numpy(), rows.scale.numpy()
        else:
            found[name] = array
    return found


def dequantize(tensors: Tensors, origin: str) -> tuple[dict[str, NDArray[Any]], dict[str, Int8Rows]]:
    """The result of `quantize` → the weights by name in float32, and the rows of each matrix.

    Raises ArtifactError for tensors that `quantize` cannot have produced.
    """
    weights: dict[str, NDArray[Any]] = {}
    rows: dict[str, Int8Rows] = {}
    for name, array in tensors.items():
        if name.endswith(_SCALE):
            continue
        weights[name] = array
        if array.dtype == np.int8:
            scale = tensors.get(name + _SCALE)
            if array.ndim != 2 or scale is None or scale.dtype != np.float32 or scale.shape != array.shape[:1]:
                raise ArtifactError(f"{origin}: {name} in 8 bits does not have a scale for each row", REMEDY)
            rows[name] = Int8Rows(torch.from_numpy(np.array(array)), torch.from_numpy(np.array(scale)))
            weights[name] = rows[name].matrix().numpy()
    if {name + _SCALE for name in rows} != {name for name in tensors if name.endswith(_SCALE)}:
        raise ArtifactError(f"{origin} holds scales without matrices", REMEDY)
    return weights, rows


def sealed_weights(sealed: Sealed) -> tuple[dict[str, NDArray[Any]], dict[str, Int8Rows]]:
    """The weights of a sealed model by name, float32, and the rows of those in 8 bits.

    Raises ArtifactError when they are damaged, UsageError for an n-gram model, which has none.
    """
    path, kind = sealed.path / WEIGHTS, sealed.weights
    with sealed.opening():
        tensors = read_tensors(path, remedy=REMEDY)
    return (tensors, {}) if kind == "float32" else dequantize(tensors, str(path))


def seal_quantized(sealed: Sealed, directory: Path, report: Mapping[str, Any]) -> Sealed:
    """Write a sealed model to `directory`, which exists and is empty: `sealed` with its matrices in 8 bits.

    Its manifest has the digest of `sealed` as an input and the given `report`, since the metrics of `sealed` are not
    its own. Raises UsageError as `check_quantizable` does.
    """
    check_quantizable(sealed)
    weights = sealed_weights(sealed)[0]
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise ArtifactError(f"{sealed.path / WEIGHTS} holds numbers that are not finite", REMEDY)
    write_tensors(directory / WEIGHTS, quantize(weights))
    with sealed.opening():
        tokenizer = (sealed.path / TOKENIZER).read_bytes()
    write_bytes(directory / TOKENIZER, tokenizer)
    write_json(directory / CONFIG, {**sealed.config, "weights": "int8"})
    seal_model(directory, settings={"weights": "int8"}, inputs={"model": sealed.model_sha256}, report=report)
    return read_sealed(directory)


def check_quantizable(sealed: Sealed) -> None:
    """Raise UsageError for a model that is in 8 bits already, has no network, or is not a language model.

    Only the outputs of language models can be compared on a text.
    """
    if sealed.weights == "int8":
        raise UsageError(f"{sealed.path} has int8 weights already", "name the model that it was made from")
    if sealed.task != "language":
        raise UsageError(f"{sealed.path} is no language model", "int8 weights are for language models")
