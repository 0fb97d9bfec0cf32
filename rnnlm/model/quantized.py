"""A sealed model with every matrix of its weights in 8 bits: made from another, and read again.

In `weights.safetensors` a matrix M (rows, columns) is then `M`, int8, and `M.scale` (rows,), float32, as `int8.py`
says; vectors stay as they are. `config.json` says `"weights": "int8"`. Loading multiplies them out again, so that what
such a model says is exactly defined, is the same for every command, and differs from the model that it was made from
by the rounding of its weights alone.
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
    """Weights by name in float32 → the same with every matrix as whole numbers and the scale of each row."""
    found: dict[str, NDArray[Any]] = {}
    for name, array in tensors.items():
        if array.ndim == 2:
            rows = Int8Rows.of(torch.from_numpy(np.array(array)))
            found[name], found[name + _SCALE] = rows.numbers.numpy(), rows.scale.numpy()
        else:
            found[name] = array
    return found


def dequantize(tensors: Tensors, origin: str) -> tuple[dict[str, NDArray[Any]], dict[str, Int8Rows]]:
    """What `quantize` gave → the weights by name in float32, and the rows of each matrix.

    Raises ArtifactError for tensors that `quantize` cannot have given.
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
                raise ArtifactError(f"{origin}: {name} in 8 bits has no scale for each of its rows", REMEDY)
            rows[name] = Int8Rows(torch.from_numpy(np.array(array)), torch.from_numpy(np.array(scale)))
            weights[name] = rows[name].matrix().numpy()
    if {name + _SCALE for name in rows} != {name for name in tensors if name.endswith(_SCALE)}:
        raise ArtifactError(f"{origin} holds scales of matrices that are not there", REMEDY)
    return weights, rows


def sealed_weights(sealed: Sealed) -> tuple[dict[str, NDArray[Any]], dict[str, Int8Rows]]:
    """The weights of a sealed model by name, float32, and the rows of those that it holds in 8 bits.

    Raises ArtifactError when they are damaged, UsageError for an n-gram model, which has none.
    """
    path, kind = sealed.path / WEIGHTS, sealed.weights
    with sealed.opening():
        tensors = read_tensors(path, remedy=REMEDY)
    return (tensors, {}) if kind == "float32" else dequantize(tensors, str(path))


def seal_quantized(sealed: Sealed, directory: Path, report: Mapping[str, Any]) -> Sealed:
    """Make a sealed model in `directory`, which is there and empty: `sealed` with its matrices in 8 bits.

    Its manifest has the digest of the model that it was made from as an input, and `report` as what is known of it; the
    figures of that model are not its own. Raises UsageError as `check_quantizable` does.
    """
    check_quantizable(sealed)
    write_tensors(directory / WEIGHTS, quantize(sealed_weights(sealed)[0]))
    with sealed.opening():
        tokenizer = (sealed.path / TOKENIZER).read_bytes()
    write_bytes(directory / TOKENIZER, tokenizer)
    write_json(directory / CONFIG, {**sealed.config, "weights": "int8"})
    seal_model(
        directory,
        settings={"weights": "int8"},
        inputs={"model": sealed.model_sha256},
        report=report,
    )
    return read_sealed(directory)


def check_quantizable(sealed: Sealed) -> None:
    """Raise UsageError for a model that is in 8 bits already, has no network, or is no language model.

    The outputs of language models alone are probabilities that can be held against a text.
    """
    if sealed.weights == "int8":
        raise UsageError(f"{sealed.path} has int8 weights already", "name the model that it was made from")
    if sealed.task != "language":
        raise UsageError(f"{sealed.path} is no language model", "int8 weights are for language models")
