"""`rnnlm score`: texts in, rows on standard output as soon as they are known, and a report."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rnnlm.app.models import open_language_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.artifacts import write_json
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import JSON_LINES, check_text, plain_name, records, text_blocks
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel
from rnnlm.model.likelihood import LanguageModel
from rnnlm.model.network import Network
from rnnlm.use.lines import blocks
from rnnlm.use.scoring.formats import json_line, make_form, tsv_line, wanted_of
from rnnlm.use.scoring.rows import Kept
from rnnlm.use.scoring.scorer import Scorer
from rnnlm.use.scoring.settings import ScoreSettings
from rnnlm.use.scoring.totals import Totals
from rnnlm.use.texts import tell_unknown

_PLAIN = ("tsv", "jsonl")


def score(request: Request) -> None:
    """Score files, or standard input, one after the other; rows are in the order of the input."""
    given = request.settings(ScoreSettings).settings
    name, level = _form_and_level(request, given)
    unknown = given.unknown or ("exclude" if name in ("srilm", "mikolov") else "score")
    files = request.arguments["files"] or ["-"]
    for file in files:
        check_text(file)
        if given.field is None and given.ids is None and plain_name(file).endswith((".tsv", ".csv", *JSON_LINES)):
            raise InputError(f"{file} has columns", "name that of the text with --field, as in --field sentence")
    found, network = open_exact(request, given.precision, given.engine)
    rules = found.model.rules
    scorer = Scorer(
        network, rules, context=given.context, batch_size=given.batch_size, unknown=unknown, ids=given.ids,
        wanted=wanted_of(name, level),
    )  # fmt: skip
    kept = Kept(tuple(each.strip() for each in (given.keep or "").split(",") if each.strip()))
    form = make_form(name, level, rules, ids=given.ids is not None, kept=kept)
    screen, out, totals = terminal(request), sys.stdout, Totals()
    reading = decoding(request, screen)
    if rules.units.sentences:
        screen.notice("the model was trained on sentences; here each line is one, so write one sentence per line")
    out.write(form.start())
    with screen.rate_progress("scoring", "predictions") as advance:
        for file in files:
            text = text_blocks(file, reading) if given.field is None else _texts(file, given.field, kept, reading)
            for scored in scorer.lines(_sent_on(text)):
                out.write(form.line(scored))
                totals.add(scored)
                advance(scored.tokens)
            out.write(form.end(file))
    out.write(form.close(totals))
    report = {
        **totals.metrics(scorer.digests), "context": given.context, "unknown_words": unknown, "level": level,
        "format": name, "precision": given.precision, "files": files,
        "model": found.model.name, "model_sha256": found.model.model_sha256,
    }  # fmt: skip
    if level == "corpus" and name in _PLAIN:
        _write_row(name, report)
    out.flush()
    if given.report is not None:
        write_json(Path(given.report), {**report, "words_outside": dict(totals.words_outside.most_common())})
    _show_report(screen, report)
    name = ", ".join("standard input" if file == "-" else file for file in files)
    scorer.digests.unseen.tell(screen.notice, name)
    tell_unknown(screen, found, name, {**report, "tokens": report["tokens"] + report["excluded_tokens"]})


def _form_and_level(request: Request, given: ScoreSettings) -> tuple[str, str]:
    """The format and the level; `--json` is JSON Lines, of the corpus unless a level is given."""
    if not request.run.json:
        return given.format or "tsv", given.level or "line"
    if given.format not in (None, "jsonl"):
        raise UsageError(f"--json with --format {given.format}", "give one of them")
    return "jsonl", given.level or "corpus"


def open_exact(request: Request, precision: str, engine: str = "fused") -> tuple[FoundModel, LanguageModel]:
    """The language model that the arguments name, computing in `precision` by an engine."""
    found, model = open_language_model(request)
    if not isinstance(model, Network):
        return found, model
    model.use_engine(engine)
    return found, model.double() if precision == "float64" else model


def _sent_on(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks; output is flushed before waiting for a new one."""
    source = iter(blocks)
    while (block := next(source, None)) is not None:
        yield block
        sys.stdout.flush()


def _texts(file: str, field: str, kept: Kept, reading: Decoding) -> Iterator[bytes]:
    """The text of each record as a line, some at a time; the values to pass through are added to `kept`."""
    for some in blocks(records(file, (field, *kept.names), reading)):
        kept.lines.extend(tuple(values) for _, *values in some)
        yield "".join(" ".join(text.split()) + "\n" for text, *_ in some).encode()


def _write_row(name: str, report: dict[str, Any]) -> None:
    """The corpus as one row."""
    if name == "jsonl":
        sys.stdout.write(json_line(report))
        return
    row = {key: value for key, value in report.items() if not isinstance(value, list)}
    sys.stdout.write(tsv_line(row) + tsv_line(row.values()))


def _show_report(screen: Terminal, report: dict[str, Any]) -> None:
    """The report as notices."""
    perplexity, known = (
        "-" if report[name] is None else f"{report[name]:.2f}"
        for name in ("perplexity", "perplexity_excluding_unknown")
    )
    words = f"words outside the vocabulary: {report['out_of_vocabulary_tokens']:,}"
    if report["unknown_tokens"]:
        words = f"{known} without unknown words; {words}"
    if report["excluded_tokens"]:
        words += ", excluded"
    screen.notice(
        f"{report['lines']:,} lines, {report['tokens']:,} predictions, perplexity {perplexity}, "
        f"context {report['context']}, </s> of each line predicted; {words}"
    )
    screen.notice(f"model {report['model_sha256'][:12]}, raw text {report['raw_sha256'][:12]}")
