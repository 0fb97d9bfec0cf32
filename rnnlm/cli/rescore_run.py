"""The body of `rnnlm rescore`: lists in, lists out as soon as they are known; or the weights that suit them best."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnlm.app.models import FoundModel, language_model_of, open_language_model
from rnnlm.app.reading import decoding
from rnnlm.app.request import Request
from rnnlm.app.texts import check_source
from rnnlm.artifacts import write_json
from rnnlm.cli.terminal import Terminal, count, table, terminal
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import read_lines
from rnnlm.errors import UsageError
from rnnlm.model.finding import last_trained
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.sealed import is_sealed, read_sealed
from rnnlm.use.comparison.comparable import same_tokens
from rnnlm.use.rescoring.form import ListForm
from rnnlm.use.rescoring.json_lines import JsonLists
from rnnlm.use.rescoring.kaldi import KaldiLists, archive_name
from rnnlm.use.rescoring.lists import Hypothesis, Utterance, utterances
from rnnlm.use.rescoring.mikolov import MikolovLists
from rnnlm.use.rescoring.rescorer import Rescored, Rescorer, Weights
from rnnlm.use.rescoring.settings import RescoreSettings
from rnnlm.use.rescoring.srilm import SrilmLists
from rnnlm.use.rescoring.tuning import MIXTURES, Features, tuned
from rnnlm.use.rescoring.word_errors import read_references
from rnnlm.use.rescoring.word_rates import WordRates

_RATES = {"listed": "as listed", "rescored": "rescored", "tuned": "tuned", "fewest": "best there is"}


def rescore_lists(request: Request) -> None:
    """Rescore the lists of files, or of standard input."""
    given: RescoreSettings = request.settings(RescoreSettings).settings
    files = request.arguments["files"] or ["-"]
    for name in [*files, *_names(given.costs), *([given.references] if given.references else [])]:
        check_source(name)
    screen = terminal(request)
    reading = decoding(request, screen)
    rates = None
    if given.references is not None:
        rates = WordRates(read_references(read_lines(given.references, reading), given.references), given.references)
    found, model = open_language_model(request)
    ngram = _ngram(request, found, given) if given.ngram_weight or given.tune else None
    form = _form(given, reading)
    source, weights = _weighted(utterances(_hypotheses(form, files, reading)), form, given)
    rescorer = Rescorer(
        model, found.model.rules, weights, ngram=ngram, carry=given.context == "stream",
        batch_size=given.batch_size, unknown=given.unknown,
    )  # fmt: skip
    mixtures = sorted({*MIXTURES, given.ngram_weight}) if ngram is not None else [0.0]
    features = Features(list(weights.scores), mixtures) if given.tune else None
    counts = {"utterances": 0, "hypotheses": 0}
    quiet = given.tune or request.run.json
    with screen.rate_progress("rescoring", "hypotheses") as advance:
        for rescored in rescorer.rescored(source):
            if not quiet:
                sys.stdout.writelines(_written(form, rescored, given.write))
            if rates is not None:
                errors = rates.add(rescored)
                if features is not None:
                    features.add(rescored, errors)
            counts["utterances"] += 1
            counts["hypotheses"] += len(rescored.hypotheses)
            advance(len(rescored.hypotheses))
    sys.stdout.flush()
    report: dict[str, Any] = {
        **counts, "weights": _shown(weights), **({} if rates is None else rates.figures()), "context": given.context,
        "unknown_words": given.unknown, "format": given.format, "files": files, "model": found.model.name,
        "model_sha256": found.model.model_sha256,
    }  # fmt: skip
    if features is not None and rates is not None and counts["hypotheses"]:
        chooser = features.chooser()
        best = tuned(chooser, weights)
        report |= rates.tuned(chooser.word_errors(best)) | {"tuned_weights": _shown(best), "flags": _flags(best)}
    if given.report is not None:
        write_json(Path(given.report), report)
    _show(screen, report, quiet=quiet)


def _names(listed: str | None) -> list[str]:
    return [] if listed is None else [name.strip() for name in listed.split(",")]


def _form(given: RescoreSettings, reading: Decoding) -> ListForm:
    if given.format == "kaldi":
        return KaldiLists([(archive_name(name), read_lines(name, reading)) for name in _names(given.costs)])
    if given.format == "jsonl":
        return JsonLists(reading)
    return MikolovLists() if given.format == "mikolov" else SrilmLists()


def _hypotheses(form: ListForm, files: list[str], reading: Decoding) -> Iterator[Hypothesis]:
    for file in files:
        yield from form.read(file, read_lines(file, reading))


def _ngram(request: Request, found: FoundModel, given: RescoreSettings) -> LanguageModel | None:
    """The n-gram model to mix with; with --tune, which tries mixtures where it can, None where there is none.

    Raises InputError where it was asked for and is not there, UsageError for one of another vocabulary.
    """
    path = Path(given.ngram)
    if is_sealed(path):
        sealed = read_sealed(path)
    elif found.workspace is None:
        if not given.ngram_weight:
            return None
        raise UsageError(f"--ngram {given.ngram} beside a model without its workspace", "name the model's directory")
    elif not given.ngram_weight and not is_sealed(found.workspace.path / "models" / given.ngram):
        return None
    else:
        sealed = last_trained(found.workspace, given.ngram)
    if not same_tokens(sealed.rules, found.model.rules):
        raise UsageError(f"{sealed.path} has other tokens than {found.model.path}", "train both in the same workspace")
    return language_model_of(request, FoundModel(sealed, found.workspace))


def _weighted(
    source: Iterator[Utterance], form: ListForm, given: RescoreSettings
) -> tuple[Iterator[Utterance], Weights]:
    """The utterances, and the weights for the scores that the first of them has; UsageError for a name it has not."""
    first = next(source, None)
    names = [] if first is None else list(first.hypotheses[0].scores)
    asked = given.weights_of_scores() if given.score_weights is not None else {}
    if first is not None and (wrong := [name for name in asked if name not in names]):
        raise UsageError(
            f"--score-weights of {wrong[0]!r}, which the lists have not", f"they have: {', '.join(names) or 'none'}"
        )
    weights = {name: asked.get(name, form.weights.get(name, 1.0)) for name in names}

    def again() -> Iterator[Utterance]:
        if first is not None:
            yield first
        yield from source

    return again(), Weights(weights, given.weight, given.ngram_weight, given.word_penalty)


def _written(form: ListForm, rescored: Rescored, what: str) -> Iterator[str]:
    if what == "best":
        yield form.best(rescored)
        return
    places = range(len(rescored.hypotheses)) if what == "scores" else rescored.order
    write = form.score if what == "scores" else form.hypothesis
    for place in places:
        yield write(rescored, place)


def _shown(weights: Weights) -> dict[str, Any]:
    return {"scores": dict(weights.scores), "model": weights.model, "ngram": weights.ngram,
            "word_penalty": weights.word_penalty}  # fmt: skip


def _flags(weights: Weights) -> str:
    """The weights as they are typed."""
    parts = [f"--weight {weights.model:.6g}", f"--word-penalty {weights.word_penalty:.6g}"]
    if weights.scores:
        listed = ",".join(f"{name}={value:.6g}" for name, value in weights.scores.items())
        parts.append(f"--score-weights {listed}")
    if weights.ngram:
        parts.append(f"--ngram-weight {weights.ngram:.6g}")
    return " ".join(parts)


def _show(screen: Terminal, report: dict[str, Any], *, quiet: bool) -> None:
    """The report as the result, where nothing else is; as a notice beside the lists otherwise."""
    screen.notice(
        f"{report['utterances']:,} utterances, {report['hypotheses']:,} hypotheses, context {report['context']}, "
        f"model {report['model_sha256'][:12]}"
    )
    if report["utterances"] and report["utterances"] == report["hypotheses"] > 1:
        screen.notice("every utterance has one hypothesis alone: does each line begin with its utterance's id?")
    rows = [
        (_RATES[key], report[f"{key}_word_errors"], report[f"{key}_word_error_rate"])
        for key in _RATES
        if report.get(f"{key}_word_error_rate") is not None
    ]
    if not quiet:
        for name, errors, rate in rows:
            screen.notice(f"{name}: word error rate {rate:.2%} ({errors:,} errors)")
        return
    view = table("hypotheses taken", "word errors", "word error rate")
    for name, errors, rate in rows:
        view.add_row(name, count(errors), f"{rate:.2%}")
    screen.result(report, view, *([f"continue with: {report['flags']}"] if "flags" in report else []))
