"""A line of any length as one vector, h(T); and the lines nearest to a sentence."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import npy_writer, open_npy
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, START_ID
from rnnlm.model.network import Network
from rnnlm.model.prediction import last_states
from rnnlm.use.generation.prompt import line_ids
from rnnlm.use.lines import IdLines, blocks

_SIDE_BY_SIDE = 64
Vectors = NDArray[np.float32]


def summaries(model: Network, rules: TextRules, lines: Iterable[str]) -> Iterator[Vectors]:
    """(lines, hidden) in blocks: h(T) of the last layer after each line, read from the start state.

    A language model reads `<s>` and the words; a classifier the words and `</s>`, as it was trained to; a tagger the
    words alone. A line without a word has the vector of the remaining tokens.
    """
    task = model.architecture.task
    before = [START_ID] if task == "language" else []
    after = [END_ID] if task == "classify" else []
    for block in blocks(lines):
        ids = [[*before, *line_ids(rules, line), *after] or [END_ID] for line in block]
        found = np.empty((len(block), model.architecture.hidden), np.float32)
        for rows, states in last_states(model, IdLines(ids, per_token=False), _SIDE_BY_SIDE):
            found[rows] = states
        yield found


def lines_near(
    model: Network, rules: TextRules, lines: Callable[[], Iterable[str]], sentence: str, k: int
) -> list[tuple[int, float, str]]:
    """The `k` of `lines` whose h(T) is nearest to that of a sentence: number, cosine, line. `lines` is called twice."""
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        path = Path(directory) / "states.npy"
        with npy_writer(path, np.float32, (model.architecture.hidden,)) as writer:
            for block in summaries(model, rules, lines()):
                writer.append(block)
        vectors = open_npy(path, kinds="f", dimensions=2, remedy="run the same command again")
        found = nearest_lines(vectors, next(summaries(model, rules, [sentence]))[0], k)
    wanted = {row for row, _ in found}
    texts = {row: line for row, line in enumerate(lines()) if row in wanted}
    return [(row, cosine, texts[row]) for row, cosine in found]


def nearest_lines(vectors: Vectors, wanted: Vectors, k: int) -> list[tuple[int, float]]:
    """The `k` rows of `vectors` (lines, hidden) with the largest cosine to `wanted` (hidden,), largest first.

    The mean of all rows is subtracted first: it is common to all lines and does not distinguish them.
    """
    mean = vectors.mean(0)
    vectors, wanted = vectors - mean, wanted - mean
    lengths = np.linalg.norm(vectors, axis=1) * max(float(np.linalg.norm(wanted)), 1e-12)
    cosines = vectors @ wanted / np.maximum(lengths, 1e-12)
    best = np.argsort(-cosines, kind="stable")[:k]
    return [(int(row), float(cosines[row])) for row in best]
