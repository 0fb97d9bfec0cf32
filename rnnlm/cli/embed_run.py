"""The body of `rnnlm embed`: builds the layer, then shows neighbours, analogies, a map, or sentences as (N, T, D)."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from rnnlm.app.embed import model_directory
from rnnlm.app.opening import open_pipeline
from rnnlm.app.reading import decoding
from rnnlm.app.request import Request
from rnnlm.app.stages import Pipeline
from rnnlm.arrays import npy_writer, open_npy
from rnnlm.cli.reports import report_of
from rnnlm.cli.show import show_plan
from rnnlm.cli.summary_run import summarise
from rnnlm.cli.terminal import count, table, terminal
from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.normalizer import normalize
from rnnlm.corpus.settings import WORD_KINDS, CleanSettings, EmbedSettings
from rnnlm.corpus.sources import find_corpus, read_blocks, whole_lines
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import UNKNOWN_ID, shown, tokens_by_id
from rnnlm.errors import ArtifactError, InputError, UsageError
from rnnlm.model.embedding import EmbeddingLayer, analogy, nearest, principal_components, read_layer, whole_layer
from rnnlm.model.quantized import sealed_weights
from rnnlm.model.sealed import read_sealed
from rnnlm.use.generation.prompt import line_ids
from rnnlm.use.settings import LookSettings
from rnnlm.views.embedding_map import draw_map

Seen = tuple[dict[str, Any], Table | str]
_ROWS = 1024
_ON_MAP = 200


def embed_or_look(request: Request) -> None:
    """Bring the layer up to date, or look into the one of a trained model."""
    if request.arguments.get("dry_run"):
        show_plan(request, "embed")
        return
    screen = terminal(request)
    look = request.settings(LookSettings).settings
    pipeline = open_pipeline(request, screen)
    if look.summary:
        summarise(pipeline, look)
        return
    looking = any((look.neighbours, look.analogy, look.map, look.split, look.text))
    if look.of_model is None:
        with pipeline.workspace.lock():
            built = pipeline.ensure("embed", force=request.run.force and not looking, asked=not looking)
            pipeline.record()
        tokenizer, kind = pipeline.tokenizer, pipeline.kind
        directory = pipeline.workspace.directory("embed")
        layer = read_layer(directory)
        if len(layer) != tokenizer.get_vocab_size():
            raise ArtifactError(f"{directory} is not a layer of the vocabulary's ids", "run: rnnlm embed --force")
        rules = TextRules(kind, pipeline.rule, UnitRule.of(pipeline.settings(CleanSettings).settings, kind), tokenizer)
        seen = Layered(layer, rules, pipeline)
        if not looking:
            report = {"stage": "embed", "workspace": str(pipeline.workspace.path), **built.manifest.report}
            view = table("embedding layer", "rows V", "numbers D", "rows from vectors")
            given = pipeline.settings(EmbedSettings).settings
            start = given.vectors or given.embedding_init or "random"
            with report_of(directory, f"rebuild it: {pipeline.workspace.rebuild('embed')}"):
                covered = "-" if report["covered"] is None else count(report["covered"])
                view.add_row(start, count(report["size"]), count(report["dimensions"]), covered)
            screen.result(report, view)
            screen.notice(f"next: rnnlm train {pipeline.workspace.path}")
    else:
        model = model_directory(pipeline.workspace, look.of_model)
        if model is None:
            raise InputError(
                f"there is no sealed model {look.of_model!r}", f"train one with: rnnlm train {pipeline.workspace.path}"
            )
        sealed = read_sealed(model)
        seen = Layered(whole_layer(sealed_weights(sealed)[0]), sealed.rules, pipeline)
    if looking:
        seen.show(look)


class Layered:
    """A layer with the names of its rows, and the ways to look at it."""

    def __init__(self, layer: EmbeddingLayer, rules: TextRules, pipeline: Pipeline) -> None:
        self._layer, self._rules, self._pipeline = layer, rules, pipeline
        self._names = tokens_by_id(rules.tokenizer)
        self._ids = {name: number for number, name in enumerate(self._names)}

    def show(self, look: LookSettings) -> None:
        """What the flags ask for, as one result."""
        seen: list[Seen] = []
        if look.neighbours is not None:
            number = self._id(look.neighbours)
            found = nearest(self._layer, self._layer[number], look.k, [number])
            seen.append(self._list("neighbours", self._names[number], found))
        if look.analogy is not None:
            words = look.analogy.split()
            if len(words) != 3:
                raise UsageError(f"--analogy {look.analogy!r}", "give three words: 'man king woman'")
            a, b, c = (self._id(word) for word in words)
            seen.append(self._list("analogy", look.analogy, analogy(self._layer, a, b, c, look.k)))
        if look.map is not None:
            seen.append(self._map(Path(look.map)))
        if look.split is not None:
            seen.append(self._split(look.split))
        if look.text is not None:
            seen.append(self._text(look.text))
        report = {key: value for part, _ in seen for key, value in part.items()}
        terminal(self._pipeline.request).result(report, *(view for _, view in seen))

    def _id(self, word: str) -> int:
        normal = normalize(self._rules.rule.normalizer(), word) if self._rules.kind in WORD_KINDS else word
        number = self._ids.get(normal)
        if number is None or number <= UNKNOWN_ID:
            raise InputError(f"{word!r} is not in the vocabulary", "choose one of vocab/vocabulary.tsv")
        return number

    def _list(self, what: str, of: str, found: list[tuple[int, float]]) -> Seen:
        kind = self._rules.kind
        view = table(f"{what} of {of}", "cosine")
        for number, cosine in found:
            view.add_row(shown(self._names[number], kind), f"{cosine:.3f}")
        rows = [{"token": self._names[number], "cosine": cosine} for number, cosine in found]
        return {what: {"of": of, "tokens": rows}}, view

    def _map(self, path: Path) -> Seen:
        last = min(UNKNOWN_ID + 1 + _ON_MAP, len(self._names))
        numbers = range(UNKNOWN_ID + 1, last)
        places = principal_components(self._layer[list(numbers)])
        draw_map(path, places, [shown(self._names[number], self._rules.kind) for number in numbers])
        return {"map": {"path": str(path), "tokens": len(numbers)}}, f"{path}: {len(numbers)} tokens"

    def _split(self, split: str) -> Seen:
        with self._pipeline.workspace.lock():
            self._pipeline.ensure("pad", asked=False)
        directory = self._pipeline.workspace.directory("pad")
        rows = open_npy(directory / f"{split}.npy", kinds="u", dimensions=2, remedy="run: rnnlm pad --force")
        if any(int(row.max(initial=0)) >= len(self._layer) for row in rows):
            raise ArtifactError(f"{directory / f'{split}.npy'} has an id without a row", "run: rnnlm pad --force")
        return self._write(rows, self._pipeline.workspace.path / f"embedded-{split}.npy")

    def _text(self, name: str) -> Seen:
        reading = decoding(self._pipeline.request, self._pipeline.screen)
        blocks = (block for source in find_corpus([name]).stream for block in read_blocks(source, "text", reading))
        lines = [line for block in whole_lines(blocks) for line in block.decode().split("\n")[:-1]]
        ids = [line_ids(self._rules, line) for line in lines]
        rows = np.zeros((len(ids), max(map(len, ids), default=0)), np.uint32)
        for row, numbers in zip(rows, ids, strict=True):
            row[: len(numbers)] = numbers
        return self._write(rows, self._pipeline.workspace.path / "embedded-text.npy")

    def _write(self, rows: Any, path: Path) -> Seen:
        """(N, T) ids → (N, T, D) in a file, a thousand rows at a time."""
        shape = (*rows.shape, self._layer.shape[1])
        size = 4 * int(np.prod(shape))
        self._pipeline.screen.notice(f"embed: {shape} float32, {size:,} bytes")
        self._pipeline.refuse_large(size, "embed", "--max-length or --embedding")
        with npy_writer(path, np.float32, shape[1:]) as writer:
            for first in range(0, len(rows), _ROWS):
                writer.append(self._layer[np.asarray(rows[first : first + _ROWS], np.int64)])
        return {"embedded": {"path": str(path), "shape": list(shape)}}, f"{path}: (N, T, D) = {shape}"
