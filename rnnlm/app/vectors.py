"""Lines as arrays in a workspace: (N, T, D) by an embedding layer, or (N, H) by a trained model's last states."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.app.opening import decoding, open_pipeline
from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import Request
from rnnlm.arrays import npy_writer, open_npy
from rnnlm.corpus.sources import split_blocks, text_lines
from rnnlm.corpus.text import TextRules
from rnnlm.errors import ArtifactError, InputError
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.embedding import EmbeddingLayer, read_layer, whole_layer
from rnnlm.model.embedding_init import model_directory
from rnnlm.model.finding import last_trained
from rnnlm.model.loading import load_network
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import read_sealed
from rnnlm.screen import Screen
from rnnlm.use.generation.prompt import line_ids
from rnnlm.use.settings import VectorSettings
from rnnlm.use.summaries import summaries
from rnnlm.use.texts import choose_split

_ROWS = 1024


def write_vectors(request: Request, screen: Screen) -> dict[str, Any]:
    """(N, T, D) of a split's rows or of a file's lines, filled with the vector of `<pad>`; its path and shape.

    InputError for a text that is missing or has no line, ArtifactError for a layer or rows with other ids than the
    vocabulary's.
    """
    given = request.settings(VectorSettings).settings
    pipeline = open_pipeline(request, screen)
    layer, rules = _layer(pipeline, given.of_model)
    if given.split is not None:
        with pipeline.workspace.lock():
            pipeline.ensure("pad", asked=False)
        with pipeline.workspace.opening("pad") as directory:
            rows = open_npy(directory / f"{given.split}.npy", kinds="u", dimensions=2, remedy="run: rnnlm pad --force")
        if any(int(row.max(initial=0)) >= len(layer) for row in rows):
            raise ArtifactError(f"{directory / f'{given.split}.npy'} has an id without a row", "run: rnnlm pad --force")
    else:
        ids = [line_ids(rules, line) for line in text_lines(str(given.text), decoding(request, screen))]
        if not any(ids):
            raise InputError(f"{given.text} has no token", "name a text with at least one word")
        rows = np.zeros((len(ids), max(map(len, ids))), np.uint32)
        for row, numbers in zip(rows, ids, strict=True):
            row[: len(numbers)] = numbers
    shape = (*rows.shape, layer.shape[1])
    size = 4 * int(np.prod(shape))
    screen.notice(f"embed: {shape} float32, {size:,} bytes")
    pipeline.refuse_large(size, "embed", "--max-length or --embedding")
    path = pipeline.workspace.path / f"embedded-{given.split or 'text'}.npy"
    with npy_writer(path, np.float32, shape[1:]) as writer:
        for first in range(0, len(rows), _ROWS):
            writer.append(layer[np.asarray(rows[first : first + _ROWS], np.int64)])
    return {"path": str(path), "shape": list(shape)}


def _layer(pipeline: Pipeline, of_model: str | None) -> tuple[EmbeddingLayer, TextRules]:
    """The layer of the `embed` stage, brought up to date, or of a trained model, with its rules."""
    workspace = pipeline.workspace
    if of_model is not None:
        model = model_directory(workspace, of_model)
        if model is None:
            raise InputError(f"there is no sealed model {of_model!r}", f"train one with: rnnlm train {workspace.path}")
        sealed = read_sealed(model)
        return whole_layer(sealed_weights(sealed)[0]), sealed.rules
    with workspace.lock():
        pipeline.ensure("embed", asked=False)
        pipeline.record()
    return initial_layer_of(pipeline)


def initial_layer_of(pipeline: Pipeline) -> tuple[EmbeddingLayer, TextRules]:
    """The layer of the `embed` stage as is; ArtifactError if it has other ids than the vocabulary's."""
    rules, _ = pipeline.text_rules()
    with pipeline.workspace.opening("embed") as directory:
        layer = read_layer(directory)
    if len(layer) != rules.tokenizer.get_vocab_size():
        raise ArtifactError(f"{directory} is not a layer of the vocabulary's ids", "run: rnnlm embed --force")
    return layer, rules


def write_states(request: Request, screen: Screen) -> dict[str, Any]:
    """(N, H): h(T) of a trained model after each line; its path, shape and model."""
    given = request.settings(VectorSettings).settings
    workspace = open_pipeline(request, screen).workspace
    sealed = last_trained(workspace, given.of_model)
    set_threads(request.run.threads)
    network = load_network(sealed, choose_device(request.run.device))
    name = "text" if given.text is not None else choose_split(workspace, given.split)[0]
    path = workspace.path / f"summaries-{name}.npy"
    hidden = sealed.architecture.hidden
    if given.text is not None:
        lines: Iterator[str] = text_lines(given.text, decoding(request, screen))
    else:
        lines = (line for block in split_blocks(workspace, name) for line in block.decode().split("\n")[:-1])
    with npy_writer(path, np.float32, (hidden,)) as writer:
        for block in summaries(network, sealed.rules, lines):
            writer.append(block)
        return {"path": str(Path(path)), "shape": [writer.rows, hidden], "model_sha256": sealed.model_sha256}
