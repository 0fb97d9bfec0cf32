"""How `rnnlm ngram` comes to a model: estimated from the text of train or read from an ARPA file, and sealed."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnlm.app.stages import Pipeline
from rnnlm.artifacts import write_bytes, write_json
from rnnlm.config import to_toml
from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.normalizer import SPECIALS
from rnnlm.corpus.reachable import unreachable
from rnnlm.corpus.settings import WORD_KINDS, CleanSettings
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import build_tokenizer, load_tokenizer, tokens_by_id
from rnnlm.directories import replacement, size_of
from rnnlm.model.ngram.arpa import arpa_tokens, token_of
from rnnlm.model.ngram.arpa_reading import ArpaRead, read_arpa
from rnnlm.model.ngram.grams import grams_names, read_grams
from rnnlm.model.ngram.kneser_ney import Discounts, estimate
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.model.sealed import CONFIG, TOKENIZER, NgramShape, ngram_config, seal_model, text_description

_OWN_WORDS = (*WORD_KINDS, "char")  # kinds whose tokenizer is made of a list of tokens and nothing else
_OFF = 0.001  # by how much the single words' probabilities may miss 1 without a word said


@dataclass(frozen=True)
class NgramOrigin:
    """What a model is made from: settings that decide it, and digests of what it reads."""

    settings: Mapping[str, Any]
    inputs: Mapping[str, str]


def train_ngram(pipeline: Pipeline, order: int, context: str, origin: NgramOrigin, directory: Path) -> None:
    """Estimate a model of the ids of train, and seal it in `directory`."""
    content, rules = _tokenizer(pipeline)
    shape = NgramShape(order, len(tokens_by_id(rules.tokenizer)), context == "sentence")
    ids = pipeline.ids("train")
    starts = ids.offsets[:-1] if shape.lines_apart else ids.offsets[:1]
    with _written_at(directory) as fresh:
        with _scratch() as scratch:
            found = estimate(ids.ids, starts, shape.vocabulary, shape.order, fresh, scratch)
        counts = read_grams(fresh, shape.vocabulary, shape.order).counts
        _seal(fresh, shape, rules, content, origin, _trained_report(found, counts))
    guessed = [str(n) for n, each in enumerate(found, 1) if not each.estimated]
    if guessed:
        pipeline.screen.notice(
            f"too few n-grams of order {', '.join(guessed)} to estimate discounts: 0.5, 1 and 1.5 are taken"
        )


def read_ngram(pipeline: Pipeline, path: str, origin: NgramOrigin, directory: Path) -> None:
    """Read a model from an ARPA file, and seal it in `directory`, with the workspace's cleaning."""
    content, rules = _tokenizer(pipeline)
    known, kind = arpa_tokens(rules), rules.kind
    with _written_at(directory) as fresh:
        with _scratch() as scratch:
            read = read_arpa(path, known, fresh, scratch, own=kind in _OWN_WORDS)
        never: list[str] = []
        if read.words.tokens != known:
            tokens = [token_of(written, kind) for written in read.words.tokens[len(SPECIALS) :]]
            rules = replace(rules, tokenizer=build_tokenizer(kind, rules.rule, tokens))
            content = str(rules.tokenizer.to_str(pretty=True)).encode()
            never = unreachable(kind, rules.rule, tokens) if kind in WORD_KINDS else []
        shape = NgramShape(read.order, len(read.words.tokens), read.lines_apart)
        counts = read_grams(fresh, shape.vocabulary, shape.order).counts
        _seal(fresh, shape, rules, content, origin, _read_report(read, counts, len(never)))
    for notice in _notices(read, never):
        pipeline.screen.notice(notice)


def _tokenizer(pipeline: Pipeline) -> tuple[bytes, TextRules]:
    """The workspace's tokenizer.json, and its rules from raw text to ids."""
    path = pipeline.workspace.directory("vocab") / TOKENIZER
    content = path.read_bytes()
    units = UnitRule.of(pipeline.settings(CleanSettings).settings, pipeline.kind)
    return content, TextRules(pipeline.kind, pipeline.rule, units, load_tokenizer(content.decode(), str(path)))


def _written_at(directory: Path) -> AbstractContextManager[Path]:
    """A fresh directory for a model; one that it replaces tells how large it may be."""
    directory.parent.mkdir(exist_ok=True)
    return replacement(directory, size_of(directory), f"another rnnlm writes {directory}")


@contextmanager
def _scratch() -> Iterator[Scratch]:
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        yield Scratch(Path(directory))


def _seal(
    fresh: Path, shape: NgramShape, rules: TextRules, content: bytes, origin: NgramOrigin, report: Mapping[str, Any]
) -> None:
    context = "sentence" if shape.lines_apart else "stream"
    described = {"text": text_description(rules), "context": context, "data": dict(origin.inputs)}
    write_json(fresh / CONFIG, ngram_config(shape, described))
    write_bytes(fresh / TOKENIZER, content)
    write_bytes(fresh / "settings.toml", to_toml({"ngram": origin.settings}).encode())
    seal_model(
        fresh, settings=origin.settings, inputs=origin.inputs, report=report, more=grams_names(shape.order)
    )  # fmt: skip


def _trained_report(found: list[Discounts], counts: tuple[int, ...]) -> dict[str, Any]:
    orders = [
        {"order": n, "ngrams": count, "discounts": list(each.values), "discounts_estimated": each.estimated}
        for n, (count, each) in enumerate(zip(counts, found, strict=True), 1)
    ]
    return {"order": len(counts), "ngrams": sum(counts), "orders": orders}


def _read_report(read: ArpaRead, counts: tuple[int, ...], never: int) -> dict[str, Any]:
    return {
        "order": read.order,
        "ngrams": sum(counts),
        "orders": [{"order": n, "ngrams": count} for n, count in enumerate(counts, 1)],
        "size": len(read.words.tokens),
        "absent_tokens": read.words.absent,
        "unreachable_words": never,
        "prefixes_put_in": read.put_in,
        "ngrams_left_out": read.left_out,
    }


def _notices(read: ArpaRead, never: list[str]) -> Iterator[str]:
    """What a person should know of a file that was read."""
    if not read.words.has_unknown:
        yield "the file has no <unk>: a word outside its vocabulary has a probability of 10⁻¹⁰⁰"
    if never:
        yield (
            f"words of the file that never come out of the workspace's cleaning: {len(never):,}, such as {never[0]!r}; "
            "see --case and --punctuation"
        )
    if read.put_in:
        yield f"{read.put_in:,} n-grams that others begin with were missing and put in; no probability changed"
    if read.left_out:
        yield f"{read.left_out:,} n-grams with <s> after their first word, where no text has it, were left out"
    if abs(read.words.total - 1) > _OFF:
        yield f"the probabilities of the single words add up to {read.words.total:.4g}, not to 1"
