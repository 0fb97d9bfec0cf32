"""One run of scoring: texts in, rows out as soon as they are known, by one model or by several side by side."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import tee
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import LanguageModel
from rnnlm.screen import Screen
from rnnlm.use.scoring.formats import make_form, wanted_of
from rnnlm.use.scoring.frequencies import Frequencies
from rnnlm.use.scoring.rows import ScoreRows
from rnnlm.use.scoring.scorer import Scorer
from rnnlm.use.scoring.settings import ScoreSettings
from rnnlm.use.scoring.table import Kept, ScoreTable
from rnnlm.use.scoring.texts import lines_of
from rnnlm.use.scoring.totals import Totals
from rnnlm.use.texts import tell_unknown

PLAIN = ("tsv", "jsonl")
_ALIGNED = ("corpus", "line", "region")  # levels whose rows are the same for every model


class Scoring:
    """Scores files by models, in a format `name` at a `level`; the totals of each model add up."""

    def __init__(
        self, given: ScoreSettings, models: Sequence[tuple[FoundModel, LanguageModel]], name: str, level: str,
        screen: Screen,
    ) -> None:  # fmt: skip
        if len(models) > 1 and (name not in PLAIN or level not in _ALIGNED):
            raise UsageError(f"several models with {name}, --level {level}", "use tsv or jsonl, and line or region")
        self._given, self._found, self._screen = given, [found for found, _ in models], screen
        self._unknown = given.unknown or ("exclude" if name in ("srilm", "mikolov") else "score")
        self._name, self._level = name, level
        self._scorers = [
            Scorer(
                model, found.model.rules, context=given.context, batch_size=given.batch_size, unknown=self._unknown,
                ids=given.ids, wanted=wanted_of(name, level),
            )
            for found, model in models
        ]  # fmt: skip
        names = tuple(each.strip() for each in (given.keep or "").split(",") if each.strip())
        self._kept = Kept(names, regions=None if given.regions is None else deque())
        first, table = self._found[0], None
        if level == "corpus" and names:
            raise UsageError("--keep with --level corpus", "it has one row for all; add --level line")
        if level != "corpus" and name in PLAIN:
            known = None if given.lags is None else Frequencies.of(first, screen.notice)
            rows = {each.model.name: ScoreRows(each.model.rules, level, known) for each in self._found}
            table = ScoreTable(rows, level, ids=given.ids is not None, kept=self._kept, lags=given.lags)
        self._form, self._totals = make_form(name, level, first.model.rules, table), [Totals() for _ in models]

    def rows(self, files: Sequence[str], reading: Decoding, waits: Callable[[], object]) -> Iterator[tuple[str, int]]:
        """Text to write, some at a time, and the predictions that it took; `waits` is called before reading more."""
        yield self._form.start(), 0
        for file in files:
            lines = lines_of(file, self._given, self._kept, reading)
            texts = tee(_after(waits, lines), len(self._scorers))
            each = [scorer.lines(blocks) for scorer, blocks in zip(self._scorers, texts, strict=True)]
            for scored in zip(*each, strict=True):
                for totals, one in zip(self._totals, scored, strict=True):
                    totals.add(one)
                yield self._form.line(*scored), sum(one.tokens for one in scored)
            yield self._form.end(file), 0
        yield self._form.close(self._totals[0]), 0

    def reports(self, files: Sequence[str]) -> list[dict[str, Any]]:
        """The totals of each model, what they are about, and the digests."""
        given = self._given
        return [
            {
                **totals.metrics(scorer.digests), "context": given.context, "unknown_words": self._unknown,
                "level": self._level, "format": self._name, "precision": given.precision, "files": list(files),
                "model": found.model.name, "model_sha256": found.model.model_sha256,
            }
            for totals, scorer, found in zip(self._totals, self._scorers, self._found, strict=True)
        ]  # fmt: skip

    def written(self, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The same as a file has it, with the words outside each vocabulary."""
        full = [
            {**report, "words_outside": dict(totals.words_outside.most_common())}
            for report, totals in zip(reports, self._totals, strict=True)
        ]
        return full[0] if len(full) == 1 else {"models": {report["model"]: report for report in full}}

    def tell(self, files: Sequence[str], reports: Sequence[Mapping[str, Any]]) -> None:
        """Notices: what was scored, and what of it a model does not know."""
        name = ", ".join("standard input" if file == "-" else file for file in files)
        for report, scorer, found in zip(reports, self._scorers, self._found, strict=True):
            self._screen.notice(_summary(report))
            self._screen.notice(f"model {report['model_sha256'][:12]}, raw text {report['raw_sha256'][:12]}")
            scorer.digests.unseen.tell(self._screen.notice, name)
            tell_unknown(self._screen, found, name, {**report, "tokens": report["tokens"] + report["excluded_tokens"]})


def _after(waits: Callable[[], object], blocks: Iterable[bytes]) -> Iterator[bytes]:
    source = iter(blocks)
    while (block := next(source, None)) is not None:
        yield block
        waits()


def _summary(report: Mapping[str, Any]) -> str:
    """The report in a line."""
    perplexity, known = (
        "-" if report[name] is None else f"{report[name]:.2f}"
        for name in ("perplexity", "perplexity_excluding_unknown")
    )
    words = f"words outside the vocabulary: {report['out_of_vocabulary_tokens']:,}"
    if report["unknown_tokens"]:
        words = f"{known} without unknown words; {words}"
    if report["excluded_tokens"]:
        words += ", excluded"
    return (
        f"{report['lines']:,} lines, {report['tokens']:,} predictions, perplexity {perplexity}, "
        f"context {report['context']}, </s> of each line predicted; {words}"
    )
