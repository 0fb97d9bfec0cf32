"""The `embed` stage: an embedding layer at random, from the text, from given vectors, or from a trained model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.arrays import write_tensors
from rnnlm.artifacts import sha256_file
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.settings import EmbedSettings
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.errors import InputError, UsageError
from rnnlm.model.embedding import FILE, SPREAD, TokenVectors, layer_from, random_layer, read_vectors, whole_layer
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import is_sealed, read_sealed
from rnnlm.workspace import Workspace


@dataclass(frozen=True)
class EmbedRecipe:
    """The layer to be made: what decides it, its size, and the function that fills its directory."""

    settings: dict[str, Any]
    size: int
    dimensions: int
    build: Callable[[Path], dict[str, Any]]


def embed_recipe(
    workspace: Workspace, names: list[str], given: EmbedSettings, *, ids: Ids, dimensions: int, seed: int
) -> EmbedRecipe:
    """`names` are the tokens by id, `ids` the training split, `dimensions` D where no vectors say otherwise.

    Raises UsageError where vectors and `--embedding` differ, InputError for vectors that cannot be read.
    """
    vectors: TokenVectors | None = None
    digest = None
    if given.vectors is not None:
        vectors, digest = _vectors(workspace, given.vectors, {name: number for number, name in enumerate(names)})
        dimensions = vectors.dimensions
        if given.embedding not in (None, dimensions):
            raise UsageError(f"--embedding {given.embedding} with vectors of {dimensions} numbers", "omit --embedding")

    spread = given.embedding_std or SPREAD

    def build(directory: Path) -> dict[str, Any]:
        covered = None
        if vectors is not None:
            layer, covered = layer_from(vectors, len(names), seed, spread)
        elif given.embedding_init == "cooccurrence":
            from rnnlm.model.cooccurrence import cooccurrence_layer

            layer = cooccurrence_layer(ids, len(names), dimensions, seed, spread)
        else:
            layer = random_layer(len(names), dimensions, seed, spread)
        write_tensors(directory / FILE, {"embedding": layer})
        return {"size": len(names), "dimensions": dimensions, "covered": covered}

    start = None if vectors is not None else given.embedding_init or "random"
    settings = {"seed": seed, "vectors": digest, "dimensions": dimensions, "start": start, "spread": spread}
    return EmbedRecipe(settings, len(names), dimensions, build)


def model_directory(workspace: Workspace, name: str) -> Path | None:
    """The sealed model of that name in the workspace, or at that path; None where there is none."""
    return next((path for path in (workspace.path / "models" / name, Path(name)) if is_sealed(path)), None)


def _vectors(workspace: Workspace, origin: str, ids: dict[str, int]) -> tuple[TokenVectors, str]:
    """Vectors of a text file or of a trained model, and a digest of where they are from."""
    model = model_directory(workspace, origin)
    if model is not None:
        sealed = read_sealed(model)
        layer = whole_layer(sealed_weights(sealed)[0])
        theirs = tokens_by_id(sealed.rules.tokenizer)
        rows = {ids[name]: layer[number] for number, name in enumerate(theirs) if name in ids and number}
        return TokenVectors(rows, layer.shape[1]), sealed.model_sha256
    if not Path(origin).is_file():
        raise InputError(f"{origin} is neither a file nor a model", "check the path of the vectors")
    return read_vectors(Path(origin), ids), sha256_file(Path(origin))
