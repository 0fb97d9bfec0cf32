"""`rnnlm evaluate`: a model by its task, a language model here."""

import tempfile
from pathlib import Path

from rnnlm.app.models import find_model, language_model_of, network_of
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.cli.show.evaluate_forecast import evaluate_forecast
from rnnlm.cli.show.evaluate_labels import evaluate_labelled
from rnnlm.cli.terminal import terminal
from rnnlm.corpus.text import encode_text
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.network import Network
from rnnlm.screen import Grid, count, percent
from rnnlm.use.evaluation.evaluate import best_possible_perplexity
from rnnlm.use.evaluation.evaluate import evaluate as measured
from rnnlm.use.evaluation.settings import EvaluateSettings
from rnnlm.use.texts import choose_text, tell_unknown


def evaluate_language(request: Request, found: FoundModel, network: LanguageModel) -> None:
    """Evaluate a language model on a split or a text file."""
    given = request.settings(EvaluateSettings).settings
    if given.baseline or given.plot:
        raise UsageError("--baseline or --plot with a language model", "they apply to labels and forecasts")
    screen = terminal(request)
    chosen = choose_text(found, given.split, given.text, decoding(request, screen))
    context = given.context or found.model.context
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        text = encode_text(chosen.blocks, found.model.rules, Path(directory))
        evaluation = measured(network, text, context, given.batch_size)
    described = {"context": context, "split": chosen.split, "model_sha256": found.model.model_sha256}
    report = evaluation.report() | described
    if chosen.path is not None and not text.unknown_tokens:
        best = best_possible_perplexity(chosen.corpus_sha256, chosen.path, found.model.rules, context)
        report |= {"best_possible_perplexity": best} if best is not None else {}
    view = Grid("perplexity", "nats/token", "bits/token", "bits/char", "bits/byte", "predictions", "unknown")
    view.add_row(
        f"{report['perplexity']:.2f}", f"{report['nats_per_token']:.4f}", f"{report['bits_per_token']:.4f}",
        f"{report['bits_per_character']:.4f}", f"{report['bits_per_byte']:.4f}", count(report["tokens"]),
        percent(report["unknown_tokens"], report["tokens"]),
    )  # fmt: skip
    words = [f"{found.model.name} on {chosen.name}, context {context}; each </s> predicted, <unk> scored"]
    if (best := report.get("best_possible_perplexity")) is not None:
        above = report["perplexity"] / best - 1
        words.append(f"best possible perplexity {best:.2f}; the model is {above:.1%} above it")
    if report["unknown_tokens"]:  # otherwise it is the same perplexity
        known = report["perplexity_excluding_unknown"]
        words.append(
            f"without unknown words: perplexity {'-' if known is None else f'{known:.2f}'}; "
            f"words outside the vocabulary: {report['out_of_vocabulary_tokens']:,}"
        )
    screen.result(report, view, *words)
    if chosen.split is None:
        text.unseen.tell(screen.notice, chosen.name)
    tell_unknown(screen, found, chosen.name, report)
    if isinstance(network, Network) and network.feeds_back and network.architecture.forced:
        screen.notice("fed y(t−1) = x(t), its input: predictions depend on the last token only")


def evaluate(request: Request) -> None:
    """Evaluate a model on its task."""
    found = find_model(request)
    if found.model.task == "language":
        evaluate_language(request, found, language_model_of(request, found))
    elif found.model.task == "forecast":
        evaluate_forecast(request, found, network_of(request, found))
    else:
        evaluate_labelled(request, found, network_of(request, found))
