"""The metric of a language model with its interval, beside n-gram models, other networks, a unigram, and the best."""

import math
from collections.abc import Iterator

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.corpus.text import EncodedText
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, tokens_by_id
from rnnlm.errors import UsageError
from rnnlm.model.finding import last_trained, sealed_names
from rnnlm.model.likelihood import SpanNats, perplexity, text_nats
from rnnlm.model.sealed import Sealed, read_sealed
from rnnlm.report.ladder import ladder
from rnnlm.report.parts import Picture, Section, Table
from rnnlm.report.pictures import draw_metrics, svg
from rnnlm.report.subject import Subject
from rnnlm.use.comparison.bootstrap import FEWEST_UNITS, mean_interval, paired_difference, units_of
from rnnlm.use.comparison.comparable import same_tokens
from rnnlm.use.evaluation.evaluate import best_possible_perplexity
from rnnlm.use.generation.sources import training_ids
from rnnlm.use.texts import ChosenText

_RESAMPLES, _SEED = 2000, 1
_BLOCK = 2**20


def metric(subject: Subject, chosen: ChosenText, text: EncodedText) -> Section:
    """A row for each model; UsageError for one of --compare whose tokens differ."""
    sealed = subject.found.model
    context, units = subject.given.context or sealed.context, units_of(text.ids)
    many = len(units.lines) > FEWEST_UNITS
    sums: dict[str, Floats] = {}
    contexts: dict[str, str] = {}
    for name, other in {subject.name: sealed, **_others(subject)}.items():
        model = subject.model if other is sealed else subject.load(other)
        contexts[name] = context if other is sealed else other.context
        sums[name] = units.sums(text_nats(model, text.ids, contexts[name], 64))
    unigram = _unigram(subject, text)
    if unigram is not None:
        sums["unigram"], contexts["unigram"] = units.sums(unigram), "none"
    rows, points = [], []
    for name, nats in sums.items():
        mean = float(nats.sum() / units.tokens.sum())
        found = mean_interval(nats, units.tokens, _RESAMPLES, _SEED) if many else None
        interval = None if found is None else (perplexity(found[0]), perplexity(found[1]))
        beside = "-"
        if many and name != subject.name:
            by = paired_difference(nats, sums[subject.name], units.tokens, _RESAMPLES, _SEED)
            beside = f"{by.mean:+.4f} ({by.low:+.4f} to {by.high:+.4f})"
        shown = "-" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
        rows.append((name, contexts[name], f"{perplexity(mean):,.2f}", shown, f"{mean:.4f}",
                     f"{mean / math.log(2) * units.tokens.sum() / text.characters:.4f}", beside))  # fmt: skip
        points.append((name, perplexity(mean), interval))
    if chosen.path is not None and not text.unknown_tokens:
        best = best_possible_perplexity(chosen.corpus_sha256, chosen.path, sealed.rules, context)
        if best is not None:
            rows.append(("best possible", "stream", f"{best:,.2f}", "-", f"{math.log(best):.4f}", "-", "-"))
            points.append(("best possible", best, None))
    columns = ("model", "context", "perplexity", "95 % interval", "nats per token", "bits per character",
               "nats per token above the model (95 %)")  # fmt: skip
    caption = f"Perplexity on {chosen.name}, {units.name} resampled {_RESAMPLES:,} times for the intervals"
    unknown = text.unknown_tokens / len(text.ids.ids)
    sentence = (
        f"Perplexity on {chosen.name}: {len(text.ids.ids):,} tokens, the end of each line among them, {unknown:.2%} of "
        "them unknown. It is the number of equally likely tokens that would be as hard to guess; lower is better, and "
        "an interval says how much it would vary on another text of this kind."
    )
    drawn = svg(lambda path: draw_metrics(path, points, f"perplexity on {chosen.name}"), "metric")
    picture = Picture(drawn, "Perplexity of each model with its 95 % interval; the one that this page is about is blue")
    tables = [Table(caption, columns, rows), *ladder(subject, text)]
    return Section("metric", "How well it predicts", sentence, [picture, *tables])


def _others(subject: Subject) -> dict[str, Sealed]:
    """The n-gram models of the workspace that have the same tokens, and the models of --compare."""
    workspace, rules = subject.found.workspace, subject.found.model.rules
    named = [each.strip() for each in (subject.given.compare or "").split(",") if each.strip()]
    if workspace is None:
        if named:
            raise UsageError("--compare with a model that has no workspace", "name a workspace and its models")
        return {}
    found = {name: last_trained(workspace, name) for name in named}
    for name, other in found.items():
        if other.task != "language" or not same_tokens(rules, other.rules):
            raise UsageError(f"{name} has other tokens than {subject.name}", "compare them with: rnnlm compare")
    for name in sealed_names(workspace.path / "models"):
        if name not in (subject.name, *found):
            other = read_sealed(workspace.path / "models" / name)
            if "ngram" in other.config and same_tokens(rules, other.rules):
                found[name] = other
    found.pop(subject.name, None)
    return found


def _unigram(subject: Subject, text: EncodedText) -> Iterator[SpanNats] | None:
    """The cost of each token by its frequency in the training text, one added to each count; None without that text."""
    if subject.found.workspace is None or subject.found.workspace.manifest("raw") is None:
        return None
    train = training_ids(subject.found, subject.scratch("train"), lambda words: None)
    if train is None:
        return None
    size = len(tokens_by_id(subject.found.model.rules.tokenizer))
    counts = np.ones(size)
    for start in range(0, len(train), _BLOCK):
        counts += np.bincount(train[start : start + _BLOCK], minlength=size)
    nats = -np.log(counts / counts[FIRST_OUTPUT:].sum())
    ids = text.ids.ids
    return (SpanNats(start, nats[np.asarray(ids[start : start + _BLOCK])]) for start in range(0, len(ids), _BLOCK))
