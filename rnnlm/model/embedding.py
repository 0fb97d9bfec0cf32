"""The embedding layer before and after training: initialized at random or from given vectors, and inspected.

NumPy only; `E` is (V, D), one row per id, the row of `<pad>` zero.
"""

import codecs
import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import read_tensors
from rnnlm.corpus.normalizer import SPECIALS
from rnnlm.corpus.tokenizer import PAD_ID, UNKNOWN_ID
from rnnlm.errors import ArtifactError, InputError
from rnnlm.files import open_input

EmbeddingLayer = NDArray[np.float32]
# Standard deviation of a random row. Small rows (0.06) leave the gates nearly constant at first: on the built-in
# stories the validation perplexity after two epochs is 3.10 with 0.06 and 2.56 with 0.4; on Penn Treebank equal.
INIT_STD = 0.4
FILE = "embedding.safetensors"
_LARGEST = 1e15  # sums of its square still fit a float32
_LONGEST = 2**20  # bytes of a line of vectors


def random_layer(size: int, dimensions: int, seed: int, std: float = INIT_STD) -> EmbeddingLayer:
    """(V, D) normal with standard deviation `std`, the row of `<pad>` 0."""
    layer = np.random.Generator(np.random.PCG64(seed)).normal(0, std, (size, dimensions)).astype(np.float32)
    layer[PAD_ID] = 0
    return layer


def read_layer(directory: Path) -> EmbeddingLayer:
    """The layer (V, D) of an `embed` stage; ArtifactError if it is damaged or not a layer."""
    path, remedy = directory / FILE, "rebuild it with: rnnlm embed --force"
    layer = read_tensors(path, remedy=remedy).get("embedding")
    if layer is None or layer.dtype != np.float32 or layer.ndim != 2 or not layer.size:
        raise ArtifactError(f"{path} is not an embedding layer", remedy)
    if not (np.abs(layer) < _LARGEST).all():
        raise ArtifactError(f"{path} holds numbers that are not finite or too large", remedy)
    return layer


@dataclass(frozen=True)
class TokenVectors:
    """Rows found for some tokens: `rows` by id, each (D,)."""

    rows: Mapping[int, NDArray[np.float32]]
    dimensions: int


def read_vectors(path: Path, ids: Mapping[str, int]) -> TokenVectors:
    """The vectors of the tokens in `ids` from a word2vec, GloVe or fastText text file, `.gz` too; streamed.

    Each line is a word and its numbers; a first line of two whole numbers is word2vec's and fastText's header.
    A lower-cased word is used if the word itself is not listed. Raises InputError with the number of a wrong line.
    """
    rows: dict[int, NDArray[np.float32]] = {}
    lowered: dict[int, NDArray[np.float32]] = {}
    dimensions = 0
    try:
        with open_input(path) as whole, gzip.open(whole) if path.suffix == ".gz" else whole as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST), b""), 1):
                line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                parts = line.rstrip().split(b" " if b" " in line else b"\t")
                if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
                    continue
                dimensions = dimensions or len(parts) - 1
                broken = InputError(
                    f"{path}, line {number}: not a word and {dimensions} numbers", "give vectors in text form"
                )
                if dimensions < 1 or len(parts) < dimensions + 1:
                    raise broken
                word = b" ".join(parts[: len(parts) - dimensions]).decode("utf-8", "replace")
                exact, low = ids.get(word), ids.get(word.lower())
                if (exact is None and low is None) or word in SPECIALS:
                    continue
                try:
                    row = np.array(parts[-dimensions:], np.float32)
                except ValueError:
                    raise broken from None
                if not np.isfinite(row).all():
                    raise broken
                if exact is not None:
                    rows.setdefault(exact, row)
                elif low is not None:
                    lowered.setdefault(low, row)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"cannot read {path}: {error}", "give word2vec, GloVe or fastText vectors in text form"
        ) from None
    if dimensions < 1:
        raise InputError(f"{path} holds no vectors", "give word2vec, GloVe or fastText vectors in text form")
    return TokenVectors({**lowered, **rows}, dimensions)


def layer_from(vectors: TokenVectors, size: int, seed: int, std: float = INIT_STD) -> tuple[EmbeddingLayer, int]:
    """(V, D) with the given rows, scaled to the std of a random layer, others random; and their number."""
    layer = random_layer(size, vectors.dimensions, seed, std)
    if vectors.rows:
        found = np.stack(list(vectors.rows.values()))
        layer[list(vectors.rows)] = found * (std / (float(found.std()) or 1.0))
    layer[PAD_ID] = 0
    return layer, len(vectors.rows)


def whole_layer(tensors: Mapping[str, NDArray[Any]]) -> EmbeddingLayer:
    """(V, D) from a network's weights by name; the rows of later clusters, at full length, come last."""
    parts = [tensors["embedding"]]
    for cluster in range(sum(name.startswith("bands.later.") and name.endswith(".rows") for name in tensors)):
        rows, up = tensors[f"bands.later.{cluster}.rows"], tensors.get(f"bands.later.{cluster}.up")
        parts.append(rows if up is None else rows @ up.T)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def nearest(layer: EmbeddingLayer, vector: NDArray[Any], k: int, without: Sequence[int]) -> list[tuple[int, float]]:
    """The `k` ids whose rows have the largest cosine with `vector` (D,), without special tokens and `without`."""
    norms = np.linalg.norm(layer, axis=1) * max(float(np.linalg.norm(vector)), 1e-12)
    cosines = layer @ vector / np.maximum(norms, 1e-12)
    cosines[[*range(UNKNOWN_ID + 1), *without]] = -np.inf
    best = np.argsort(-cosines, kind="stable")[:k]
    return [(int(number), float(cosines[number])) for number in best if np.isfinite(cosines[number])]


def analogy(layer: EmbeddingLayer, a: int, b: int, c: int, k: int) -> list[tuple[int, float]]:
    """What is to `c` as `b` is to `a`: nearest to E[b] − E[a] + E[c], rows of length 1 (Mikolov et al. 2013)."""
    unit = layer / np.maximum(np.linalg.norm(layer, axis=1, keepdims=True), 1e-12)
    return nearest(layer, unit[b] - unit[a] + unit[c], k, (a, b, c))


def principal_components(rows: NDArray[Any]) -> NDArray[np.float64]:
    """(n, D) → (n, 2): the rows on their two directions of largest variance, 0 where there are fewer."""
    if not len(rows):
        return np.zeros((0, 2))
    centred = rows - rows.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    # The sign of a direction is arbitrary; a positive largest entry makes pictures reproducible.
    directions = directions[:2]
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(1)])
    found = np.zeros((len(rows), 2))
    found[:, : len(directions)] = centred @ (directions * signs[:, None]).T
    return found
