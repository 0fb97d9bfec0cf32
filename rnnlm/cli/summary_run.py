"""The body of `rnnlm embed --summary`: each line as the state that a trained model ends it with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from rnnlm.app.reading import decoding
from rnnlm.app.stages import Pipeline
from rnnlm.app.texts import choose_split
from rnnlm.arrays import npy_writer, open_npy
from rnnlm.cli.terminal import table, terminal
from rnnlm.corpus.sources import find_corpus, line_blocks, read_blocks, whole_lines
from rnnlm.errors import InputError
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.finding import last_trained
from rnnlm.model.loading import load_network
from rnnlm.use.settings import LookSettings
from rnnlm.use.summaries import nearest_lines, summaries

_SHOWN = 100  # characters of a line on a screen


def summarise(pipeline: Pipeline, look: LookSettings) -> None:
    """Write (N, H), and show the lines nearest to a sentence where one is given."""
    workspace, run = pipeline.workspace, pipeline.request.run
    sealed = last_trained(workspace, look.of_model)
    rules = sealed.rules
    set_threads(run.threads)
    network = load_network(sealed, choose_device(run.device))
    name = "text" if look.text is not None else choose_split(workspace, look.split)[0]
    path = workspace.path / f"summaries-{name}.npy"
    with npy_writer(path, np.float32, (sealed.architecture.hidden,)) as writer:
        for block in summaries(network, rules, _lines(pipeline, look)):
            writer.append(block)
        shape = [writer.rows, sealed.architecture.hidden]
    report: dict[str, Any] = {"summaries": {"path": str(path), "shape": shape, "model_sha256": sealed.model_sha256}}
    views: list[Table | str] = [f"{path}: (N, H) = {tuple(shape)}"]
    if look.neighbours is not None:
        vectors = open_npy(path, kinds="f", dimensions=2, remedy="write it anew")
        wanted = next(summaries(network, rules, [look.neighbours]))[0]
        found = nearest_lines(vectors, wanted, look.k)
        lines = _chosen(_lines(pipeline, look), [row for row, _ in found])
        view = table(f"lines nearest to {look.neighbours!r}", "line", "cosine")
        for row, cosine in found:
            view.add_row(lines[row][:_SHOWN], f"{row + 1:,}", f"{cosine:.3f}")
        rows = [{"line": row + 1, "text": lines[row], "cosine": cosine} for row, cosine in found]
        report["neighbours"] = {"of": look.neighbours, "lines": rows}
        views += ["", view]
    terminal(pipeline.request).result(report, *views)


def _lines(pipeline: Pipeline, look: LookSettings) -> Iterator[str]:
    """The raw lines of the text or split."""
    if look.text is not None:
        names = find_corpus([look.text]).stream
        if not names:
            raise InputError(f"{look.text} is a directory", "name one text file with --text")
        reading = decoding(pipeline.request, pipeline.screen)
        blocks = whole_lines(block for source in names for block in read_blocks(source, "text", reading))
    else:
        blocks = line_blocks(Path(choose_split(pipeline.workspace, look.split)[1]))
    for block in blocks:
        yield from block.decode().split("\n")[:-1]


def _chosen(lines: Iterator[str], rows: list[int]) -> dict[int, str]:
    wanted = set(rows)
    return {row: line for row, line in enumerate(lines) if row in wanted}
