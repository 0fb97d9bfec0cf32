"""`rnnlm export --to arpa`: an n-gram model as it is, or one that is estimated on text drawn from a network."""

import tempfile
from pathlib import Path
from typing import Any

from rnnlm.app.export_text import measuring_text
from rnnlm.app.models import FoundModel, language_model_of
from rnnlm.app.request import Request
from rnnlm.cli.terminal import count, table, terminal
from rnnlm.model.network import Network
from rnnlm.model.ngram.arpa import arpa_tokens, write_arpa
from rnnlm.model.ngram.grams import Grams, read_grams
from rnnlm.model.ngram.kneser_ney import estimate
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.export.samples import sample_text
from rnnlm.use.export.settings import ExportSettings

_CONTEXT = "sentence"  # of the n-gram model: what readers of ARPA files suppose


def export_arpa(request: Request, found: FoundModel, out: Path) -> None:
    """An n-gram model as ARPA text and, where it stands for a network, how far it is from it."""
    given: ExportSettings = request.settings(ExportSettings).settings
    sealed, screen, tokens = found.model, terminal(request), arpa_tokens(found.model.rules)
    model = language_model_of(request, found)
    report: dict[str, Any] = {"to": "arpa", "out": str(out), "model": sealed.name, "model_sha256": sealed.model_sha256}
    if isinstance(model, NgramModel):
        write_arpa(model.grams, tokens, out)
        report |= {"order": model.grams.order, "ngrams": sum(model.grams.counts)}
        screen.result(report, f"{out}: {report['ngrams']:,} n-grams of orders up to {model.grams.order}")
        return
    view = table("model", "context", "n-grams", "perplexity")
    with (
        measuring_text(request, found, screen) as measure,
        tempfile.TemporaryDirectory(prefix="rnnlm-") as directory,
    ):
        grams = _estimated(request, model, sealed.context, Path(directory))
        report |= {"order": grams.order, "ngrams": sum(grams.counts), "tokens_drawn": given.tokens}
        rows = ((sealed.name, model, sealed.context), (str(out), NgramModel(grams, lines_apart=True), _CONTEXT))
        for name, each, context in rows:
            perplexity = None if measure is None else measure.perplexity(each, context)
            report["network_perplexity" if each is model else "perplexity"] = perplexity
            ngrams = "-" if each is model else count(report["ngrams"])
            view.add_row(name, context, ngrams, "-" if perplexity is None else f"{perplexity:.2f}")
        write_arpa(grams, tokens, out)
    view.columns[1].justify = "left"
    words = [f"estimated on {given.tokens:,} tokens drawn from the network"]
    if measure is not None:
        report |= measure.described()
        words[0] += f"; measured on the {measure.name}"
    screen.result(report, view, *words)


def _estimated(request: Request, model: Network, context: str, directory: Path) -> Grams:
    """The Kneser–Ney model of text drawn from a network, its arrays in `directory`."""
    given: ExportSettings = request.settings(ExportSettings).settings
    scratch = Scratch(directory)
    with terminal(request).rate_progress("drawing", "tokens") as advance:
        samples = sample_text(model, given.tokens, context, given.seed, scratch, advance)
    arrays = directory / "grams"
    arrays.mkdir()
    vocabulary = model.architecture.vocabulary
    estimate(samples.ids, samples.starts, vocabulary, given.order, arrays, scratch)
    return read_grams(arrays, vocabulary, given.order)
