"""An n-gram model, estimated from the training ids or read from an ARPA file, and sealed beside the networks."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnnlm.artifacts import read_manifest, write_bytes, write_json
from rnnlm.config import to_toml
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.normalizer import SPECIALS
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules, unreachable
from rnnlm.corpus.tokenizer import build_tokenizer, tokens_by_id
from rnnlm.directories import replacement, size_of
from rnnlm.errors import ArtifactError
from rnnlm.model.ngram.arpa import arpa_tokens, token_of
from rnnlm.model.ngram.arpa_reading import ArpaRead, read_arpa
from rnnlm.model.ngram.grams import grams_names, read_grams
from rnnlm.model.ngram.kneser_ney import Discounts, estimate
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.model.sealed import (
    CONFIG,
    FORMAT,
    TOKENIZER,
    VERSION,
    NgramShape,
    ngram_config,
    seal_model,
    text_description,
)

_OWN_WORDS = (*WORD_KINDS, "char")  # kinds whose tokenizer is built from a list of tokens alone
_OFF = 0.001  # tolerance of the sum of the single words' probabilities before a notice


@dataclass(frozen=True)
class NgramOrigin:
    """What a model is built from: its settings, and digests of its inputs."""

    settings: Mapping[str, Any]
    inputs: Mapping[str, str]


def is_current(directory: Path, origin: NgramOrigin) -> bool:
    """Whether the model there is built from `origin`. The content of an ARPA file counts, not its path."""
    try:
        manifest = read_manifest(directory, FORMAT, VERSION, remedy="")
    except ArtifactError:
        return False
    if manifest is None or dict(manifest.inputs) != dict(origin.inputs):
        return False
    return "arpa" in origin.inputs or dict(manifest.settings) == dict(origin.settings)


def train_ngram(
    ids: Ids, rules: TextRules, tokenizer: bytes, origin: NgramOrigin, directory: Path, memory: int | None, threads: int
) -> list[str]:
    """Estimate a model of the training ids, of the order and context of `origin`, and seal it; returns notices.

    The whole program stays below `memory` bytes, as far as what it holds besides allows.
    """
    lines_apart = origin.settings["context"] == "sentence"
    shape = NgramShape(origin.settings["order"], len(tokens_by_id(rules.tokenizer)), lines_apart)
    starts = ids.offsets[:-1] if shape.lines_apart else ids.offsets[:1]
    with _written_at(directory) as fresh:
        with _scratch(memory, threads) as scratch:
            limits = limits_of(origin.settings.get("prune"))
            found = estimate(ids.ids, starts, shape.vocabulary, shape.order, fresh, scratch, limits)
        counts = read_grams(fresh, shape.vocabulary, shape.order).counts
        _seal(fresh, shape, rules, tokenizer, origin, _trained_report(found, counts))
    guessed = ", ".join(str(n) for n, each in enumerate(found, 1) if not each.estimated)
    return [f"too few n-grams of order {guessed} to estimate discounts: using 0.5, 1 and 1.5"] if guessed else []


def limits_of(prune: str | None) -> list[int]:
    """The limits of --prune; ValueError for what is none."""
    return [0] if prune is None else [int(part) for part in prune.split(",")]


def read_ngram(path: str, rules: TextRules, tokenizer: bytes, origin: NgramOrigin, directory: Path) -> list[str]:
    """Read a model from an ARPA file and seal it with the workspace's cleaning; returns notices."""
    known, kind = arpa_tokens(rules), rules.kind
    with _written_at(directory) as fresh:
        with _scratch() as scratch:
            read = read_arpa(path, known, fresh, scratch, own=kind in _OWN_WORDS)
        never: list[str] = []
        if read.words.tokens != known:
            tokens = [token_of(written, kind) for written in read.words.tokens[len(SPECIALS) :]]
            rules = replace(rules, tokenizer=build_tokenizer(kind, rules.rule, tokens))
            tokenizer = str(rules.tokenizer.to_str(pretty=True)).encode()
            never = unreachable(kind, rules.rule, tokens) if kind in WORD_KINDS else []
        shape = NgramShape(read.order, len(read.words.tokens), read.lines_apart)
        counts = read_grams(fresh, shape.vocabulary, shape.order).counts
        _seal(fresh, shape, rules, tokenizer, origin, _read_report(read, counts, len(never)))
    return list(_notices(read, never))


def _written_at(directory: Path) -> AbstractContextManager[Path]:
    """A fresh directory for a model; the size of the one it replaces is the estimate of its size."""
    directory.parent.mkdir(exist_ok=True)
    return replacement(directory, size_of(directory), f"another rnnlm writes {directory}")


@contextmanager
def _scratch(memory: int | None = None, threads: int = 1) -> Iterator[Scratch]:
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        yield Scratch(Path(directory), memory, threads)


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
        "order": read.order, "ngrams": sum(counts),
        "orders": [{"order": n, "ngrams": count} for n, count in enumerate(counts, 1)], "size": len(read.words.tokens),
        "absent_tokens": read.words.absent, "unreachable_words": never, "prefixes_put_in": read.put_in,
        "ngrams_left_out": read.left_out,
    }  # fmt: skip


def _notices(read: ArpaRead, never: list[str]) -> Iterator[str]:
    """Notices about a file that was read."""
    if not read.words.has_unknown:
        yield "the file has no <unk>: a word outside its vocabulary has a probability of 10⁻¹⁰⁰"
    if never:
        yield (
            f"words of the file that the workspace's cleaning never produces: {len(never):,}, such as {never[0]!r}; "
            "see --case and --punctuation"
        )
    if read.put_in:
        yield f"{read.put_in:,} missing prefixes of n-grams were added; no probability changed"
    if read.left_out:
        yield f"{read.left_out:,} n-grams with <s> after their first word, which no text has, were left out"
    if abs(read.words.total - 1) > _OFF:
        yield f"the probabilities of the single words add up to {read.words.total:.4g}, not to 1"
