"""`rnnlm evaluate` for a language model: which text it reads, and how its figures look."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.cli.models import Found
from rnnlm.cli.options import Invocation
from rnnlm.cli.reading import decoding
from rnnlm.cli.stages import terminal
from rnnlm.cli.terminal import Terminal, count, percent, table
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import find_corpus, line_blocks, read_blocks, whole_lines
from rnnlm.corpus.text import encode_text
from rnnlm.errors import InputError, UsageError
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.network import Network
from rnnlm.use.best_possible import best_possible_perplexity
from rnnlm.use.evaluate import evaluate
from rnnlm.use.settings import EvaluateSettings
from rnnlm.workspace import Workspace


@dataclass(frozen=True)
class Chosen:
    """A raw text in blocks of whole lines; `path`, `split` and `corpus_sha256` where it is a workspace's split."""

    name: str
    blocks: Iterator[bytes]
    split: str | None = None
    path: Path | None = None
    corpus_sha256: str = ""


def evaluate_language(invocation: Invocation, found: Found, network: LanguageModel) -> None:
    """Show how well a language model predicts a split or a text file."""
    given = invocation.settings("evaluate").settings
    if given.baseline or given.plot:
        raise UsageError("--baseline or --plot with a language model", "they go with labels and forecasts")
    chosen = choose_text(found, given, decoding(invocation, terminal(invocation)))
    context = given.context or found.model.context
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        text = encode_text(chosen.blocks, found.model.rules, Path(directory))
        evaluation = evaluate(network, text, context, given.batch_size)
    report = {
        **evaluation.report(),
        "context": context,
        "split": chosen.split,
        "model_sha256": found.model.model_sha256,
    }
    if chosen.path is not None and not text.unknown_tokens:
        best = best_possible_perplexity(chosen.corpus_sha256, chosen.path, found.model.rules, context)
        report |= {"best_possible_perplexity": best} if best is not None else {}
    screen = terminal(invocation)
    show_evaluation(screen, report, f"{found.model.name} on {chosen.name}")
    if isinstance(network, Network) and network.feeds_back and network.architecture.forced:
        screen.notice("fed y(t−1) = x(t), which it reads anyway: what it predicts depends on the last token alone")


def choose_text(found: Found, given: EvaluateSettings, reading: Decoding | None = None) -> Chosen:
    """The text that the flags name, or the workspace's test split, or valid where test is empty.

    Raises UsageError for a model that has no splits, InputError for a text that is not there.
    """
    if given.text is not None:
        names = find_corpus([given.text]).stream
        if not names:
            raise InputError(f"{given.text} is a directory", "name one text file with --text")
        name = "standard input" if given.text == "-" else given.text
        return Chosen(name, whole_lines(block for name in names for block in read_blocks(name, "text", reading)))
    if found.workspace is None:
        raise UsageError(f"{found.model.path} is a model without a workspace", "name a text with --text FILE")
    split, path = choose_split(found.workspace, given.split)
    manifest = found.workspace.verified("raw")
    return Chosen(f"{split} split", line_blocks(path), split, path, str(manifest.settings.get("corpus_sha256")))


def choose_split(workspace: Workspace, wanted: str | None) -> tuple[str, Path]:
    """The split asked for, or test, or valid where test is empty, and its raw text; InputError for an empty one."""
    raw = workspace.directory("raw")
    if workspace.manifest("raw") is None:
        raise UsageError(f"{workspace.path} holds no text", "name one with --text FILE")
    split = wanted or ("test" if (raw / "test.txt").stat().st_size else "valid")
    path = raw / f"{split}.txt"
    if not path.stat().st_size:
        raise InputError(f"the {split} split of {workspace.path} is empty", "name another with --split")
    return split, path


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
