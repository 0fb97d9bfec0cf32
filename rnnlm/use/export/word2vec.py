"""An embedding layer in word2vec's text format, which gensim, fastText's tools and `rnnlm embed --vectors` read.

A header `rows numbers`, then a line for each token: the token and its numbers, separated by one space. Source: the
word2vec tool (Mikolov et al. 2013), with `-binary 0`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnlm.artifacts import durable
from rnnlm.corpus.tokenizer import PAD_ID, tokens_by_id
from rnnlm.model.embedding import EmbeddingLayer, whole_layer
from rnnlm.model.ngram.arpa import arpa_token
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import Sealed

_BLOCK = 256  # rows formatted at once


def export_word2vec(sealed: Sealed, path: Path) -> dict[str, Any]:
    """Write the embedding of every token of a model except `<pad>`; the report."""
    rules = sealed.rules
    layer = whole_layer(sealed_weights(sealed)[0])
    names = [arpa_token(token, rules.kind) for token in tokens_by_id(rules.tokenizer)]
    return {
        "to": "word2vec", "out": str(path), "vectors": write_word2vec(path, names, layer),
        "dimensions": layer.shape[1], "model": sealed.name, "model_sha256": sealed.model_sha256,
    }  # fmt: skip


def write_word2vec(path: Path, names: Sequence[str], layer: EmbeddingLayer) -> int:
    """Write the rows of `layer` (V, D) durably under their `names`, which have no white space; how many were written.

    The row of `<pad>`, which is 0, is skipped: a vector of length 0 has no cosine.
    """
    with durable(path) as file:
        file.writelines(_lines(names, layer))
    return len(names) - 1


def _lines(names: Sequence[str], layer: EmbeddingLayer) -> Iterator[bytes]:
    """The file in blocks of whole lines; nine digits preserve float32 numbers exactly."""
    yield f"{len(names) - 1} {layer.shape[1]}\n".encode()
    for start in range(PAD_ID + 1, len(names), _BLOCK):
        rows = zip(names[start : start + _BLOCK], layer[start : start + _BLOCK].tolist(), strict=True)
        yield "".join(f"{name} {' '.join(f'{number:.9g}' for number in row)}\n" for name, row in rows).encode()
