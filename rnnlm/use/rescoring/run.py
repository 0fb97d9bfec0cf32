"""Rescoring the lists of files by the settings: the format, the models, the weights, and the report."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnlm.artifacts import write_bytes
from rnnlm.config import to_toml
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import check_text, read_lines
from rnnlm.errors import InputError, UsageError
from rnnlm.files import Advance
from rnnlm.model.finding import FoundModel, last_trained
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.sealed import Sealed, is_sealed, read_sealed
from rnnlm.use.comparison.comparable import same_tokens
from rnnlm.use.rescoring.form import ListForm
from rnnlm.use.rescoring.json_lines import JsonLists
from rnnlm.use.rescoring.kaldi import KaldiLists, named_archives
from rnnlm.use.rescoring.lists import Hypothesis, Utterance, utterances
from rnnlm.use.rescoring.mikolov import MikolovLists
from rnnlm.use.rescoring.rescorer import Rescored, Rescorer, Weights
from rnnlm.use.rescoring.settings import RescoreSettings
from rnnlm.use.rescoring.srilm import SrilmLists
from rnnlm.use.rescoring.tuning import MIXTURES, Features, cross_validated, tuned
from rnnlm.use.rescoring.word_errors import WordRates, read_references


class ListRescoring:
    """Lists of files, which are checked at construction and read by `rescored`; `report` is complete after that."""

    def __init__(self, files: list[str], given: RescoreSettings, reading: Decoding) -> None:
        self._files, self._given, self._reading = files, given, reading
        costs = [path for _, path in named_archives(given.costs)]
        for name in [*files, *costs, *([given.references] if given.references else [])]:
            check_text(name)
        self._rates: WordRates | None = None
        if given.references is not None:
            lines = read_lines(given.references, reading)
            self._rates = WordRates(read_references(lines, given.references), given.references)
        self._form = self._make_form()
        self._weights = Weights({})
        self._features: Features | None = None
        self._counts = {"utterances": 0, "hypotheses": 0}

    def rescored(
        self, found: FoundModel, model: LanguageModel, load: Callable[[Sealed], LanguageModel], advance: Advance
    ) -> Iterator[Rescored]:
        """Each utterance as soon as it is known; `load` opens a sealed model."""
        given = self._given
        ngram = _ngram(found, given, load) if given.ngram_weight or given.tune else None
        source, self._weights = _weighted(utterances(self._hypotheses()), self._form, given)
        rescorer = Rescorer(
            model, found.model.rules, self._weights, ngram=ngram, carry=given.context == "stream",
            batch_size=given.batch_size, unknown=given.unknown,
        )  # fmt: skip
        mixtures = sorted({*MIXTURES, given.ngram_weight}) if ngram is not None else [0.0]
        self._features = Features(list(self._weights.scores), mixtures) if given.tune else None
        for rescored in rescorer.rescored(source):
            if self._rates is not None:
                errors = self._rates.add(rescored)
                if self._features is not None:
                    self._features.add(rescored, errors)
            self._counts["utterances"] += 1
            self._counts["hypotheses"] += len(rescored.hypotheses)
            yield rescored
            advance(len(rescored.hypotheses))

    def written(self, rescored: Rescored) -> Iterator[str]:
        """An utterance as lines of the format: the list, the best hypothesis, or the model's scores."""
        form, what = self._form, self._given.write
        if what == "best":
            yield form.best(rescored)
            return
        indices = range(len(rescored.hypotheses)) if what == "scores" else rescored.order
        write = form.score if what == "scores" else form.hypothesis
        for index in indices:
            yield write(rescored, index)

    def report(self) -> dict[str, Any]:
        """Counts, weights and word error rates; with `tune` the weights with the fewest errors."""
        given = self._given
        report: dict[str, Any] = {
            **self._counts, "weights": _shown(self._weights),
            **({} if self._rates is None else self._rates.metrics()), "context": given.context,
            "unknown_words": given.unknown, "format": given.format, "files": self._files,
        }  # fmt: skip
        if self._features is not None and self._rates is not None and self._counts["hypotheses"]:
            chooser = self._features.chooser()
            best = tuned(chooser, self._weights)
            report |= self._rates.tuned(chooser.word_errors(best))
            if (held_out := cross_validated(chooser, self._weights)) is not None:
                report |= self._rates.tuned(held_out, "cross_validated")
            if len(chooser.log_p) > 1:
                alone = chooser.without_mixture()
                report |= self._rates.tuned(
                    alone.word_errors(tuned(alone, replace(self._weights, ngram=0.0))), "no_ngram"
                )
            report |= {"tuned_weights": _shown(best), "flags": _flags(best), "ngram_tried": len(chooser.log_p) > 1}
            if given.tuned is not None:
                own = {"ngram": given.ngram} if best.ngram else {}
                write_bytes(Path(given.tuned), to_toml({"rescore": _as_settings(best) | own}).encode())
                report["flags"] = f"--config {shlex.quote(given.tuned)}"
        elif given.tuned is not None:
            raise InputError("--tuned without any hypothesis", "name the lists to tune on")
        return report

    def word_errors(self) -> bytes:
        """The errors of each utterance as a file of `--word-errors`."""
        assert self._rates is not None
        return "".join(f"{line}\n" for line in self._rates.lines()).encode()

    def _make_form(self) -> ListForm:
        if self._given.format == "kaldi":
            costs = named_archives(self._given.costs)
            return KaldiLists([(name, read_lines(path, self._reading)) for name, path in costs])
        if self._given.format == "jsonl":
            return JsonLists(self._reading)
        return MikolovLists() if self._given.format == "mikolov" else SrilmLists()

    def _hypotheses(self) -> Iterator[Hypothesis]:
        for file in self._files:
            yield from self._form.read(file, read_lines(file, self._reading))


def _ngram(found: FoundModel, given: RescoreSettings, load: Callable[[Sealed], LanguageModel]) -> LanguageModel | None:
    """The n-gram model to mix with; with `tune`, which tries mixtures if it can, None without one.

    Raises InputError if it was requested and is missing, UsageError for one with another vocabulary.
    """
    if is_sealed(Path(given.ngram)):
        sealed = read_sealed(Path(given.ngram))
    elif found.workspace is None:
        if not given.ngram_weight:
            return None
        raise UsageError(f"--ngram {given.ngram} with a model without a workspace", "name the n-gram model's directory")
    elif not given.ngram_weight and not is_sealed(found.workspace.path / "models" / given.ngram):
        return None
    else:
        sealed = last_trained(found.workspace, given.ngram)
    if not same_tokens(sealed.rules, found.model.rules):
        raise UsageError(f"{sealed.path} has other tokens than {found.model.path}", "train both in the same workspace")
    return load(sealed)


def _weighted(
    source: Iterator[Utterance], form: ListForm, given: RescoreSettings
) -> tuple[Iterator[Utterance], Weights]:
    """The utterances, and the weights for the scores of the first one; UsageError for a name that it does not have."""
    first = next(source, None)
    names = [] if first is None else list(first.hypotheses[0].scores)
    given_weights = given.weights_of_scores() if given.score_weights is not None else {}
    if first is not None and (wrong := [name for name in given_weights if name not in names]):
        raise UsageError(
            f"--score-weights: the lists have no score {wrong[0]!r}", f"they have: {', '.join(names) or 'none'}"
        )
    weights = {name: given_weights.get(name, form.weights.get(name, 1.0)) for name in names}

    def again() -> Iterator[Utterance]:
        if first is not None:
            yield first
        yield from source

    return again(), Weights(weights, given.weight, given.ngram_weight, given.word_penalty)


def _shown(weights: Weights) -> dict[str, Any]:
    return {"scores": dict(weights.scores), "model": weights.model, "ngram": weights.ngram,
            "word_penalty": weights.word_penalty}  # fmt: skip


def _as_settings(weights: Weights) -> dict[str, Any]:
    """The weights as a settings file has them."""
    listed = ",".join(f"{name}={value!r}" for name, value in weights.scores.items())
    return {"weight": weights.model, "word_penalty": weights.word_penalty, "ngram_weight": weights.ngram,
            "score_weights": listed or None}  # fmt: skip


def _flags(weights: Weights) -> str:
    """The weights as flags."""
    parts = [f"--weight {weights.model:.6g}", f"--word-penalty {weights.word_penalty:.6g}"]
    if weights.scores:
        listed = ",".join(f"{name}={value:.6g}" for name, value in weights.scores.items())
        parts.append(f"--score-weights {listed}")
    if weights.ngram:
        parts.append(f"--ngram-weight {weights.ngram:.6g}")
    return " ".join(parts)
