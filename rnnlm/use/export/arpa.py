"""An n-gram model as ARPA text: as is, or estimated on text sampled from a network, with both perplexities."""

import tempfile
from pathlib import Path
from typing import Any

from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.network import Network
from rnnlm.model.ngram.arpa import arpa_tokens, write_arpa
from rnnlm.model.ngram.grams import Grams, read_grams
from rnnlm.model.ngram.kneser_ney import estimate
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.screen import Screen
from rnnlm.use.export.measuring import measuring_text
from rnnlm.use.export.samples import sample_text
from rnnlm.use.export.settings import ExportSettings

CONTEXT = "sentence"  # of the n-gram model: what readers of ARPA files assume


def export_arpa(
    found: FoundModel, model: LanguageModel, given: ExportSettings, out: Path, screen: Screen
) -> dict[str, Any]:
    """Write the file; the report has both perplexities where a network was sampled and a text is available."""
    sealed, tokens = found.model, arpa_tokens(found.model.rules)
    report: dict[str, Any] = {"to": "arpa", "out": str(out), "model": sealed.name, "model_sha256": sealed.model_sha256}
    if isinstance(model, NgramModel):
        write_arpa(model.grams, tokens, out)
        return report | {"order": model.grams.order, "ngrams": sum(model.grams.counts)}
    with measuring_text(found, given, screen) as measure, tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        grams = _estimated(model, sealed.context, given, Path(directory), screen)
        report |= {"order": grams.order, "ngrams": sum(grams.counts), "tokens_drawn": given.tokens,
                   "network_perplexity": None, "perplexity": None}  # fmt: skip
        if measure is not None:
            ngram = NgramModel(grams, lines_apart=True)
            report |= {
                "network_perplexity": measure.perplexity(model, sealed.context),
                "perplexity": measure.perplexity(ngram, CONTEXT), "measured_on": measure.name, **measure.described(),
            }  # fmt: skip
        write_arpa(grams, tokens, out)
    return report


def _estimated(model: Network, context: str, given: ExportSettings, directory: Path, screen: Screen) -> Grams:
    """The Kneser–Ney model of text sampled from a network, its arrays in `directory`."""
    scratch = Scratch(directory)
    with screen.rate_progress("sampling", "tokens") as advance:
        samples = sample_text(model, given.tokens, context, given.seed, scratch, advance)
    arrays = directory / "grams"
    arrays.mkdir()
    vocabulary = model.architecture.vocabulary
    estimate(samples.ids, samples.starts, vocabulary, given.order, arrays, scratch)
    return read_grams(arrays, vocabulary, given.order)
