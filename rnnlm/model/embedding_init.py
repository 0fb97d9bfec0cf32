"""The initial embedding layer: random, from the text, from given vectors, or from a trained model."""

from pathlib import Path
from typing import Any

from rnnlm.arrays import write_tensors
from rnnlm.artifacts import sha256_file
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.settings import EmbedSettings
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.errors import InputError, UsageError
from rnnlm.model.cooccurrence import cooccurrence_layer
from rnnlm.model.embedding import FILE, INIT_STD, TokenVectors, layer_from, random_layer, read_vectors, whole_layer
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import is_sealed, read_sealed
from rnnlm.workspace import Workspace


class InitialLayer:
    """The layer to build: (V, D) is (`size`, `dimensions`), `settings` determine it, `origin` describes it in words."""

    def __init__(
        self, workspace: Workspace, names: list[str], given: EmbedSettings, *, ids: Ids, dimensions: int, seed: int
    ) -> None:
        """`names` are the tokens by id, `ids` the training split, `dimensions` D unless vectors set it.

        Raises UsageError where vectors and `--embedding` disagree, InputError for unreadable vectors.
        """
        self._vectors: TokenVectors | None = None
        digest = None
        if given.vectors is not None:
            numbers = {name: number for number, name in enumerate(names)}
            self._vectors, digest = _vectors(workspace, given.vectors, numbers)
            dimensions = self._vectors.dimensions
            if not self._vectors.rows:
                raise InputError(
                    f"{given.vectors} has no row of a token in the vocabulary", "check its language and case"
                )
            if given.embedding not in (None, dimensions):
                raise UsageError(
                    f"--embedding {given.embedding} with vectors of {dimensions} numbers", "omit --embedding"
                )
        self.size, self.dimensions, self._ids, self._seed = len(names), dimensions, ids, seed
        self._std = given.embedding_std or INIT_STD
        self._start = None if self._vectors is not None else given.embedding_init or "random"
        self.origin = given.vectors or str(self._start)
        self.settings = {
            "seed": seed, "vectors": digest, "dimensions": dimensions, "start": self._start, "spread": self._std,
        }  # fmt: skip

    def build(self, directory: Path) -> dict[str, Any]:
        """Write the layer; the report counts the rows that came from vectors."""
        covered = None
        if self._vectors is not None:
            layer, covered = layer_from(self._vectors, self.size, self._seed, self._std)
        elif self._start == "cooccurrence":
            layer = cooccurrence_layer(self._ids, self.size, self.dimensions, self._seed, self._std)
        else:
            layer = random_layer(self.size, self.dimensions, self._seed, self._std)
        write_tensors(directory / FILE, {"embedding": layer})
        return {"size": self.size, "dimensions": self.dimensions, "covered": covered}


def model_directory(workspace: Workspace, name: str) -> Path | None:
    """The sealed model of that name in the workspace, or at that path; None if there is none."""
    return next((path for path in (workspace.path / "models" / name, Path(name)) if is_sealed(path)), None)


def _vectors(workspace: Workspace, origin: str, ids: dict[str, int]) -> tuple[TokenVectors, str]:
    """The vectors of a text file or of a trained model, and a digest of their source."""
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
