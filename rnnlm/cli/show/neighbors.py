"""`rnnlm neighbors`: nearest neighbors of tokens in an embedding layer, or of a sentence among lines."""

from pathlib import Path
from typing import Any

from rnnlm.app.models import find_model, network_of
from rnnlm.app.opening import decoding
from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import Request
from rnnlm.app.vectors import initial_layer_of
from rnnlm.cli.terminal import terminal
from rnnlm.corpus.sources import text_lines
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import shown
from rnnlm.errors import InputError, UsageError
from rnnlm.model.embedding import EmbeddingLayer, whole_layer
from rnnlm.model.quantized import sealed_weights
from rnnlm.screen import Grid, View
from rnnlm.use.settings import NeighborSettings
from rnnlm.use.summaries import lines_near
from rnnlm.use.texts import choose_text
from rnnlm.use.words import Near, WordVectors
from rnnlm.views.charts import draw_map
from rnnlm.workspace import Workspace

_SHOWN = 100  # characters of a line on a screen


def neighbors(request: Request) -> None:
    """A table for each word, one for an analogy, or the lines nearest to a sentence; and the map if requested."""
    given = request.settings(NeighborSettings).settings
    words: list[str] = request.arguments["words"] or []
    if given.lines:
        _lines(request, words)
        return
    if given.analogy and len(words) != 3:
        raise UsageError(f"--analogy with {len(words)} words", "give three: rnnlm neighbors WORK man king woman")
    if not words and given.map is None:
        raise UsageError("no word given", "name words, or draw a map with --map FILE")
    layer, rules, report = _initial(request) if given.initial else _trained(request)
    vectors = WordVectors(layer, rules)
    views: list[View] = []
    if given.analogy:
        near = vectors.analogy(words[0], words[1], words[2], given.k)
        report["analogy"] = {"of": words, "tokens": _rows(near)}
        views.append(_grid(f"{words[0]} is to {words[1]} as {words[2]} is to", near, rules.kind))
    else:
        report["neighbors"] = []
        for word in words:
            near = vectors.neighbors(word, given.k)
            report["neighbors"].append({"of": word, "tokens": _rows(near)})
            views += [*([""] if views else []), _grid(f"neighbors of {word}", near, rules.kind)]
    if given.map is not None:
        points, names = vectors.map()
        draw_map(Path(given.map), points, names, f"embedding layer of {request.arguments['path']}")
        report["map"] = {"path": given.map, "tokens": len(names)}
        views.append(f"{given.map}: {len(names)} tokens")
    terminal(request).result(report, *views)


def _trained(request: Request) -> tuple[EmbeddingLayer, TextRules, dict[str, Any]]:
    """The layer of a trained model."""
    sealed = find_model(request).model
    return whole_layer(sealed_weights(sealed)[0]), sealed.rules, {"model_sha256": sealed.model_sha256}


def _initial(request: Request) -> tuple[EmbeddingLayer, TextRules, dict[str, Any]]:
    """The layer of a workspace's `embed` stage, which is not built here."""
    workspace = Workspace.open(Path(request.arguments["path"]))
    if workspace.manifest("embed") is None:
        raise InputError(f"{workspace.path} has no embedding layer yet", f"build it with: rnnlm embed {workspace.path}")
    settled = Request("embed", {"paths": [str(workspace.path)], "out": None}, {}, (), environment={})
    return *initial_layer_of(Pipeline(workspace, settled, terminal(request))), {"model_sha256": None}


def _rows(near: Near) -> list[dict[str, Any]]:
    return [{"token": token, "cosine": cosine} for token, cosine in near]


def _grid(title: str, near: Near, kind: str) -> Grid:
    view = Grid(title, "cosine", named=0)
    for token, cosine in near:
        view.add_row(shown(token, kind), f"{cosine:.3f}")
    return view


def _lines(request: Request, words: list[str]) -> None:
    """The lines of a split or file whose last states are nearest to that of a sentence."""
    given = request.settings(NeighborSettings).settings
    if not words:
        raise UsageError("--lines without a sentence", "give one: rnnlm neighbors WORK 'the sentence' --lines")
    sentence, screen = " ".join(words), terminal(request)
    found = find_model(request)
    network = network_of(request, found)
    reading = decoding(request, screen)

    def lines() -> Any:
        if given.text is not None:
            return text_lines(given.text, reading)
        blocks = choose_text(found, given.split, None).blocks
        return (line for block in blocks for line in block.decode().split("\n")[:-1])

    if given.text == "-":
        raise InputError("--text - with --lines", "the lines are read twice; name a file")
    near = lines_near(network, found.model.rules, lines, sentence, given.k)
    view = Grid(f"lines nearest to {sentence!r}", "line", "cosine", named=0)
    for row, cosine, line in near:
        view.add_row(line[:_SHOWN], f"{row + 1:,}", f"{cosine:.3f}")
    rows = [{"line": row + 1, "text": line, "cosine": cosine} for row, cosine, line in near]
    screen.result({"model_sha256": found.model.model_sha256, "neighbors": {"of": sentence, "lines": rows}}, view)
