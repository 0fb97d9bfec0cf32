"""Which text `rnnlm evaluate` reads, and how its figures look."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.cli.models import Found
from rnnlm.cli.terminal import Terminal, count, percent, table
from rnnlm.corpus.sources import find_corpus, line_blocks, read_blocks, whole_lines
from rnnlm.errors import InputError, UsageError
from rnnlm.use.settings import EvaluateSettings


@dataclass(frozen=True)
class Chosen:
    """A raw text in blocks of whole lines; `path`, `split` and `corpus_sha256` where it is a workspace's split."""

    name: str
    blocks: Iterator[bytes]
    split: str | None = None
    path: Path | None = None
    corpus_sha256: str = ""


def choose_text(found: Found, given: EvaluateSettings) -> Chosen:
    """The text that the flags name, or the workspace's test split, or valid where test is empty.

    Raises UsageError for a model that has no splits, InputError for a text that is not there.
    """
    if given.text is not None:
        names = find_corpus([given.text]).stream
        if not names:
            raise InputError(f"{given.text} is a directory", "name one text file with --text")
        name = "standard input" if given.text == "-" else given.text
        return Chosen(name, whole_lines(block for name in names for block in read_blocks(name, "text")))
    if found.workspace is None:
        raise UsageError(f"{found.model.path} is a model without a workspace", "name a text with --text FILE")
    manifest = found.workspace.verified("raw")
    raw = found.workspace.directory("raw")
    split = given.split or ("test" if (raw / "test.txt").stat().st_size else "valid")
    path = raw / f"{split}.txt"
    if not path.stat().st_size:
        raise InputError(f"the {split} split of {found.workspace.path} is empty", "name another with --split")
    return Chosen(f"{split} split", line_blocks(path), split, path, str(manifest.settings.get("corpus_sha256")))


def show_evaluation(screen: Terminal, report: dict[str, Any], what: str) -> None:
    """The figures as a table, and in words what they are counted over."""
    view = table("perplexity", "nats/token", "bits/token", "bits/character", "bits/byte", "predictions", "unknown")
    view.add_row(
        f"{report['perplexity']:.2f}",
        f"{report['nats_per_token']:.4f}",
        f"{report['bits_per_token']:.4f}",
        f"{report['bits_per_character']:.4f}",
        f"{report['bits_per_byte']:.4f}",
        count(report["tokens"]),
        percent(report["unknown_tokens"], report["tokens"]),
    )
    words = [f"{what}, context {report['context']}, </s> of each line predicted and <unk> scored"]
    best = report.get("best_possible_perplexity")
    if best is not None:
        words.append(
            f"best possible perplexity {best:.2f}; the model is {report['perplexity'] / best - 1:.1%} above it"
        )
    if report["unknown_tokens"] and report["perplexity_excluding_unknown"]:
        words.append(
            f"without unknown words: perplexity {report['perplexity_excluding_unknown']:.2f}; "
            f"words outside the vocabulary: {report['out_of_vocabulary_tokens']:,}"
        )
    screen.result(report, view, *words)
