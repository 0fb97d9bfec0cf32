"""Importing an existing `tokenizer.json`: our special ids first, its entries after them, its normalizer checked.

The result holds a model, a pre-tokenizer, a decoder and nothing that silently changes text: added tokens are ordinary
entries; truncation, padding and post-processing are removed. Files come from anywhere, so every call of the library on
their content is guarded. How the result is stored, and what cleans the text before it, is not known here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from rnnlm.corpus.foreign.idempotence import guarded, own_normalizer, refusal
from rnnlm.corpus.normalizer import END, PAD, SPECIALS, START, UNKNOWN
from rnnlm.errors import InputError

KINDS = ("WordLevel", "BPE", "WordPiece", "Unigram")
MAX_IDS = 1_000_000  # four times the largest vocabularies in use
CONVENTIONAL = {
    PAD: ("[PAD]", "<|pad|>"),
    START: ("<bos>", "[BOS]", "<|startoftext|>", "<|begin_of_text|>", "[CLS]"),
    END: ("<eos>", "[EOS]", "<|endoftext|>", "<|end_of_text|>", "[SEP]"),
    UNKNOWN: ("[UNK]",),
}
# Split after its "<", a special string is no token's text any more. Words are split only where they are nothing else.
_CUT_SPECIAL_WORD = r"\A<(?=(?:pad|s|/s)>\z)"
_CUT_SPECIAL = r"<(?=(?:pad|s|/s|unk)>)"
_PARTS = ("normalizer", "pre_tokenizer", "decoder", "added_tokens")
_TRIAL = ("", "a", " The cat's 3½ «Öfen»  中文\t…</s>")
_TINY_MODEL = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}


@dataclass(frozen=True)
class Imported:
    """An imported tokenizer: the file with our ids and no normalizer, its normalizer as JSON, its source's digest."""

    tokenizer_json: str
    normalizer: str  # '' for none
    source_sha256: str


def take_over(content: bytes, origin: str) -> Imported:
    """The tokenizer of a `tokenizer.json` with our specials as ids 0 to 3, followed by its entries in their order.

    Its pad, bos, eos and unk become ours. Text gives the ids that the source gives, moved up; pieces unknown to the
    source give `<unk>`, and no text gives `<pad>`, `<s>` or `</s>`. Raises InputError naming `origin` and the
    part of it that cannot be imported.
    """
    source = _parse(content, origin)
    for part in _PARTS:
        _try_part(source, part, origin)
    with guarded(origin, "model"):
        library = Tokenizer.from_str(_document(source, source["model"], source["added_tokens"]))
        kind = type(library.model).__name__  # old files do not name it
    ids = _ids(source, origin)
    with _malformed(origin, "post_processor or padding"):
        roles = _roles(source, kind, ids)
    kept = [token for token in sorted(ids, key=ids.__getitem__) if token not in roles]
    if not kept:
        raise refusal(origin, "model.vocab", "has no token but special ones")
    _check_added(source["added_tokens"], roles, origin)
    with _malformed(origin, "model"):
        model, reachable = _model(source["model"], kind, kept, roles, origin)
    cut = _CUT_SPECIAL_WORD if kind == "WordLevel" else _CUT_SPECIAL
    result = source | {"normalizer": None}
    if reachable:
        result["pre_tokenizer"] = _followed_by_cut(source["pre_tokenizer"], cut)
    with guarded(origin, "model"):
        converted = Tokenizer.from_str(_document(result, model, []))
        for text in _TRIAL:
            converted.decode(converted.encode(text, add_special_tokens=False).ids)
        complete = [converted.id_to_token(number) for number in range(converted.get_vocab_size())]
    if complete != [*SPECIALS, *kept]:
        raise refusal(origin, "model.vocab", "cannot be renumbered")
    normalizer = own_normalizer(source["normalizer"], source["pre_tokenizer"], origin)
    return Imported(str(converted.to_str()), normalizer, hashlib.sha256(content).hexdigest())


def _parse(content: bytes, origin: str) -> dict[str, Any]:
    """The imported sections, None where the file has none; its other content is ignored."""
    try:
        source = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{origin} is not JSON ({error})", "give the tokenizer.json of a tokenizer") from None
    if not isinstance(source, dict) or not isinstance(source.get("model"), dict):
        raise InputError(f"{origin} is not a tokenizer: it has no model", "give the tokenizer.json of a tokenizer")
    if source["model"].get("type", "BPE") not in KINDS:
        raise refusal(origin, f"a model of type {source['model']['type']!r}", f"is none of {', '.join(KINDS)}")
    added, vocabulary = source.get("added_tokens") or [], source["model"].get("vocab")
    if not isinstance(added, list) or not isinstance(vocabulary, dict | list):
        raise refusal(origin, "model.vocab or added_tokens", "is no list of tokens")
    if len(added) + len(vocabulary) > MAX_IDS:
        raise refusal(origin, "model.vocab", f"has {len(vocabulary):,} tokens, more than {MAX_IDS:,}")
    sections = ("normalizer", "pre_tokenizer", "decoder", "post_processor", "padding", "model")
    return _with_metaspace({name: source.get(name) for name in sections}) | {"added_tokens": added}


def _with_metaspace(source: dict[str, Any]) -> dict[str, Any]:
    """A normalizer that writes spaces as `▁`, after a first one or not, as the pre-tokenizer that does the same."""
    prepend = {"type": "Prepend", "prepend": "▁"}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    whole = source["normalizer"]
    parts = whole.get("normalizers") if isinstance(whole, dict) and whole.get("type") == "Sequence" else [whole]
    if source["pre_tokenizer"] is not None or parts not in ([prepend, replace], [replace]):
        return source
    scheme = "always" if parts == [prepend, replace] else "never"
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}
    return source | {"normalizer": None, "pre_tokenizer": metaspace}


def _document(source: Mapping[str, Any], model: Any, added_tokens: Any) -> str:
    """A tokenizer.json without truncation, padding and post-processor."""
    parts = {name: source.get(name) for name in ("normalizer", "pre_tokenizer", "decoder")}
    empty = {"version": "1.0", "truncation": None, "padding": None, "post_processor": None}
    return json.dumps(empty | parts | {"added_tokens": added_tokens, "model": model})


def _try_part(source: Mapping[str, Any], part: str, origin: str) -> None:
    """Load and use one part alone, so that the error can name it."""
    with guarded(origin, part):
        alone = {part: source[part]}
        tokenizer = Tokenizer.from_str(_document(alone, _TINY_MODEL, alone.get("added_tokens", [])))
        for text in _TRIAL:
            tokenizer.encode(text)
            if tokenizer.decoder is not None:
                tokenizer.decoder.decode(text.split(" "))


@contextmanager
def _malformed(origin: str, part: str) -> Iterator[None]:
    """Turn the error of a section with another shape than the format has into an InputError."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise refusal(origin, part, f"is malformed ({error!r})") from None


def _ids(source: Mapping[str, Any], origin: str) -> dict[str, int]:
    """Every token with the id that the file gives it.

    The library's numbers are not used: where a vocabulary has gaps, it gives added tokens ids that are taken.
    """
    vocabulary = source["model"]["vocab"]
    ids = {token["content"]: token["id"] for token in source["added_tokens"]}
    if isinstance(vocabulary, dict):
        ids |= vocabulary
    else:
        ids |= {token: number for number, (token, _) in enumerate(vocabulary)}
    if len(set(ids.values())) != len(ids):
        raise refusal(origin, "model.vocab or added_tokens", "gives one id to two tokens")
    return ids


def _roles(source: Mapping[str, Any], kind: str, ids: Mapping[str, int]) -> dict[str, str]:
    """The source's tokens that become our specials. Of several roles, `</s>` precedes `<s>`, and `<s>` `<unk>`."""
    added = {token["content"]: token["special"] for token in source["added_tokens"]}
    roles: dict[Any, str] = {}
    pad = (source["padding"] or {}).get("pad_token")
    if pad in added:  # otherwise it may be a word of the text: "!" pads in some models
        roles[pad] = PAD
    model = source["model"]
    if kind == "Unigram":
        unknown = model["vocab"][model["unk_id"]][0] if model.get("unk_id") is not None else None
    else:
        unknown = model.get("unk_token")
    roles[unknown] = UNKNOWN
    first, last = _ends(source["post_processor"])
    roles |= dict.fromkeys(first, START) | dict.fromkeys(last, END)
    roles |= {name: ours for ours, names in CONVENTIONAL.items() for name in names if added.get(name)}
    roles |= {special: special for special in SPECIALS}
    return {token: ours for token, ours in roles.items() if token in ids}


def _ends(post_processor: Any) -> tuple[list[str], list[str]]:
    """The tokens that the post-processor puts before and after a single text."""
    if post_processor is None:
        return [], []
    if post_processor["type"] == "Sequence":
        ends = [_ends(each) for each in post_processor["processors"]]
        return [token for first, _ in ends for token in first], [token for _, last in ends for token in last]
    if post_processor["type"] in ("BertProcessing", "RobertaProcessing"):
        return [post_processor["cls"][0]], [post_processor["sep"][0]]
    if post_processor["type"] == "TemplateProcessing":
        single = post_processor["single"]
        first, last = (
            [piece["SpecialToken"]["id"] for piece in end if "SpecialToken" in piece]
            for end in (single[:1], single[-1:])
        )
        return first, last
    return [], []


def _check_added(added_tokens: list[Any], roles: Mapping[str, str], origin: str) -> None:
    """Refuse added tokens whose matching depends on spaces or neighbors: ordinary entries cannot do that."""
    for token in added_tokens:
        if token["special"] or token["content"] in roles:
            continue
        rules = [name for name in ("lstrip", "rstrip", "single_word") if token[name]]
        if rules:
            raise refusal(origin, f"added_tokens: {token['content']!r}", f"is cut out of text by {rules[0]}")


def _model(
    model: Mapping[str, Any], kind: str, kept: list[str], roles: Mapping[str, str], origin: str
) -> tuple[dict[str, Any], bool]:
    """The model part with the new ids, and whether text could form a special token in it."""
    tokens = [*SPECIALS, *kept]
    if kind == "Unigram":
        scores = dict(model["vocab"])
        # The lowest score: the library derives that of unknown pieces from it, so it must not change.
        least = min(scores.values(), default=0.0)
        vocabulary = [[token, least if token in SPECIALS else scores.get(token, least)] for token in tokens]
        return {**model, "type": kind, "vocab": vocabulary, "unk_id": SPECIALS.index(UNKNOWN)}, True
    changes = {"type": kind, "vocab": {token: number for number, token in enumerate(tokens)}, "unk_token": UNKNOWN}
    prefix, suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""
    for name, affix in (("continuing_subword_prefix", prefix), ("end_of_word_suffix", suffix)):
        if affix and any(special.startswith(affix) or special.endswith(affix) for special in SPECIALS):
            raise refusal(origin, f"model.{name}", f"is {affix!r}, which makes special tokens of text")
    if kind != "BPE":
        return {**model, **changes}, True
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    formed = {first + second.removeprefix(prefix) for first, second in merges}
    lost = formed.union(*merges).intersection(roles).difference(SPECIALS)
    if lost:
        raise refusal(origin, "model.merges", f"forms {min(lost)!r}, which is a special token, from text")
    reachable = bool(model.get("ignore_merges")) or not formed.isdisjoint(SPECIALS)
    return {**model, **changes, "dropout": None}, reachable


def _followed_by_cut(pre_tokenizer: Any, pattern: str) -> dict[str, Any]:
    cut = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "MergedWithPrevious", "invert": False}
    return {"type": "Sequence", "pretokenizers": [cut] if pre_tokenizer is None else [pre_tokenizer, cut]}
