"""The built-in corpora and tasks by name: their lines, their file, and the command that reads it."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnlm.artifacts import durable, sha256_file, storage_error, write_bytes
from rnnlm.builtin.agreement import pair_lines
from rnnlm.builtin.digits import digit_lines
from rnnlm.builtin.melodies import MELODIES_SHA256, MELODY_COUNT, melody_lines
from rnnlm.builtin.memory_tasks import adding_lines, copy_lines, recall_lines
from rnnlm.builtin.settings import CorpusSettings
from rnnlm.builtin.stories import STORIES_SHA256, STORY_COUNT, corpus_lines, tagged_lines
from rnnlm.errors import UsageError


@dataclass(frozen=True)
class BuiltinCorpus:
    """A corpus or a task; `sha256` and `count` are those of a corpus with fixed bytes, whose lines read no settings."""

    file: str
    what: str
    use: str
    """The command that reads the file."""
    lines: Callable[[CorpusSettings], Iterator[str]]
    reads: tuple[str, ...] = ()
    """The settings that its draws read."""
    sha256: str | None = None
    count: int | None = None

    def write(self, settings: CorpusSettings, directory: Path, *, replace: bool) -> tuple[Path, str]:
        """Write the file into `directory`, the digest of fixed bytes beside it; the file and its SHA-256.

        Raises UsageError where a different file of that name exists, unless `replace`.
        """
        lines = self.lines(settings)
        path = directory / self.file
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, directory) from None
        hasher = hashlib.sha256()
        with durable(path) as file:
            for line in lines:
                content = f"{line}\n".encode()
                hasher.update(content)
                file.write(content)
            digest = hasher.hexdigest()
            if path.exists() and not replace and sha256_file(path) != digest:
                raise UsageError(f"{path} exists and differs", "write elsewhere, or use --force")
        if self.sha256 is not None:
            write_bytes(path.with_suffix(".sha256"), f"{digest}  {path.name}\n".encode())
        return path, digest


def _task(draw: Callable[[int, int, np.random.Generator], Iterator[str]]) -> Callable[[CorpusSettings], Iterator[str]]:
    return lambda settings: draw(settings.lag, settings.count, np.random.Generator(np.random.PCG64(settings.seed)))


def _tagged_stories(settings: CorpusSettings) -> Iterator[str]:
    """`word<TAB>part of speech`, a blank line after each story."""
    for story in tagged_lines():
        yield from (f"{word}\t{tag}" for word, tag in story)
        yield ""


def _pairs(settings: CorpusSettings) -> Iterator[str]:
    return pair_lines(settings.count, np.random.Generator(np.random.PCG64(settings.seed)))


_TASK = ("lag", "count", "seed")
CATALOGUE = {
    "stories": BuiltinCorpus(
        "stories.txt",
        f"{STORY_COUNT:,} short stories of a grammar whose entropy is known",
        "rnnlm train builtin:stories",
        lambda settings: corpus_lines(),
        sha256=STORIES_SHA256,
        count=STORY_COUNT,
    ),
    "melodies": BuiltinCorpus(
        "melodies.txt",
        f"{MELODY_COUNT:,} melodies A A′ B A″ as symbols, which begin and end on the same tonic",
        "rnnlm train builtin:melodies --prepared",
        lambda settings: melody_lines(),
        sha256=MELODIES_SHA256,
        count=MELODY_COUNT,
    ),
    "recall": BuiltinCorpus(
        "recall.tsv",
        "one of eight cues, distractors, and after --lag steps a query for the cue; chance is 1 in 8",
        "rnnlm train recall.tsv --task classify --kind whitespace",
        _task(recall_lines),
        _TASK,
    ),
    "copy": BuiltinCorpus(
        "copy.tagged.txt",
        "ten symbols out of eight, to be repeated after --lag steps; chance is 1 in 8 there, elsewhere the tag is -",
        "rnnlm train copy.tagged.txt --task tag",
        _task(copy_lines),
        _TASK,
    ),
    "adding": BuiltinCorpus(
        "adding.csv",
        "the sum of the two marked numbers among --lag; the mean squared error of a constant guess is 1/6",
        "rnnlm window adding.csv --group sequence --target sum --horizon 0",
        _task(adding_lines),
        _TASK,
    ),
    "digits": BuiltinCorpus(
        "digits.csv",
        "frames of spoken digits, made of tones and noise; chance is 1 in 10, the best possible accuracy 96 %",
        "rnnlm window digits.csv --group utterance --label digit --ignore phone",
        lambda settings: digit_lines(settings.count, np.random.Generator(np.random.PCG64(settings.seed))),
        ("count", "seed"),
    ),
    "pairs": BuiltinCorpus(
        "pairs.tsv",
        "pairs of new stories, the second with one wrong form; by its distance from the word that determines it",
        "rnnlm pairs MODEL pairs.tsv",
        _pairs,
        ("count", "seed"),
    ),
}
TAGGED_STORIES = BuiltinCorpus(
    "stories.tagged.txt",
    "the words of the stories with their parts of speech",
    "rnnlm train stories.tagged.txt --task tag",
    _tagged_stories,
)
