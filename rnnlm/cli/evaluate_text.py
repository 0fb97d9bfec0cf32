"""`rnnlm evaluate` for a language model: which text it reads, and how its figures look."""

import tempfile
from pathlib import Path
from typing import Any

from rnnlm.app.models import FoundModel
from rnnlm.app.reading import decoding
from rnnlm.app.request import Request
from rnnlm.app.texts import choose_text
from rnnlm.cli.evaluate_ladder import evaluate_ladder
from rnnlm.cli.evaluate_slices import evaluate_in_slices
from rnnlm.cli.terminal import Terminal, count, percent, table, terminal
from rnnlm.corpus.text import encode_text
from rnnlm.errors import UsageError
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.network import Network
from rnnlm.use.evaluation.best_possible import best_possible_perplexity
from rnnlm.use.evaluation.evaluate import evaluate
from rnnlm.use.settings import EvaluateSettings


def evaluate_language(request: Request, found: FoundModel, network: LanguageModel) -> None:
    """Show how well a language model predicts a split or a text file."""
    given = request.settings(EvaluateSettings).settings
    if given.baseline or (given.plot and not given.slices):
        raise UsageError("--baseline or --plot with a language model", "they go with labels and forecasts")
    if given.ladder:
        evaluate_ladder(request, found, network)
        return
    if given.slices:
        evaluate_in_slices(request, found, network)
        return
    chosen = choose_text(found, given, decoding(request, terminal(request)))
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
    screen = terminal(request)
    show_evaluation(screen, report, f"{found.model.name} on {chosen.name}")
    if isinstance(network, Network) and network.feeds_back and network.architecture.forced:
        screen.notice("fed y(t−1) = x(t), which it reads anyway: what it predicts depends on the last token alone")


def show_evaluation(screen: Terminal, report: dict[str, Any], what: str) -> None:
    """The figures as a table, and in words what they are counted over."""
    view = table("perplexity", "nats/token", "bits/token", "bits/char", "bits/byte", "predictions", "unknown")
    view.add_row(
        f"{report['perplexity']:.2f}",
        f"{report['nats_per_token']:.4f}",
        f"{report['bits_per_token']:.4f}",
        f"{report['bits_per_character']:.4f}",
        f"{report['bits_per_byte']:.4f}",
        count(report["tokens"]),
        percent(report["unknown_tokens"], report["tokens"]),
    )
    words = [f"{what}, context {report['context']}; each </s> predicted, <unk> scored"]
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
