"""Whether normalizing twice equals normalizing once, and how to make a normalizer for which it does.

An imported normalizer runs after our own; the two together must be idempotent, or a model's cleaned text would get
other ids than the raw one. The library may panic on the content of files, so its calls are guarded here.
"""

import json
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

from tokenizers import normalizers

from rnnlm.config import canonical
from rnnlm.corpus.foreign.panics import silenced
from rnnlm.corpus.normalizer import CleanRule, load_normalizer, normalize, normalizer_json
from rnnlm.errors import InputError, StoppedError

HINT = "use another tokenizer.json, or omit --tokenizer to build one"
_ROUNDS = 3


def refusal(origin: str, part: str, problem: str, hint: str = HINT) -> InputError:
    return InputError(f"{origin} cannot be imported: {part} {problem}", hint)


@contextmanager
def guarded(origin: str, part: str) -> Iterator[None]:
    """Turn the library's errors on a part into an InputError; its panics are no `Exception`."""
    try:
        with silenced():
            yield
    except (KeyboardInterrupt, SystemExit, MemoryError, StoppedError):
        raise
    except BaseException as error:
        raise refusal(origin, part, f"is refused by the tokenizers library ({str(error)[:200]})") from None


def own_normalizer(normalizer: Any, pre_tokenizer: Any, origin: str) -> str:
    """The source's normalizer as JSON, '' for none; InputError when it is not idempotent.

    One that adds spaces each time, as BERT's does around every Chinese character, has spaces folded after it. One that
    settles characters, but not those that it brings together itself (SentencePiece's drops a soft hyphen, and would
    compose its neighbors the next time), runs twice.
    """
    if normalizer is None:
        return ""
    with guarded(origin, "normalizer"):  # the library reads other forms than it writes
        normalizer = json.loads(normalizer_json(load_normalizer(json.dumps(normalizer))))
    parts = _flat(normalizer)
    marks_spaces = isinstance(pre_tokenizer, dict) and pre_tokenizer.get("replacement") == "▁"
    if marks_spaces and parts and parts[-1].get("content") == "▁":
        # T5's last part writes runs of spaces as `▁`. Metaspace reads spaces the same, and cleaned text can keep them.
        parts[-1] = parts[-1] | {"content": " "}
        normalizer = {"type": "Sequence", "normalizers": parts}
    alone = canonical(normalizer).decode()
    fold = CleanRule("keep", "keep", "keep", "none", False, fold=True, special=False)
    with guarded(origin, "normalizer"):
        if not _restless_part(alone):
            return alone
        folded = _sequence_json([normalizer, json.loads(normalizer_json(fold.normalizer()))])
        if not _restless_part(folded):
            return folded
        twice = _sequence_json([normalizer, normalizer])
        if not _restless_part(alone, company=False) and not _restless_part(twice):
            return twice
    check_idempotent(load_normalizer(alone), origin)
    return alone


def settle(rule: CleanRule, normalizer: str, origin: str) -> CleanRule:
    """`rule` with the source's normalizer after it, so that cleaning twice is cleaning once; else InputError.

    Each may change what the other leaves (one drops soft hyphens, the other then composes accents), so where one round
    is not enough, ours and theirs run again after it.
    """
    if not normalizer:
        return rule
    ours, theirs = normalizer_json(rule.normalizer()), json.loads(normalizer)
    again = [json.loads(ours), theirs] if ours else [theirs]
    with guarded(origin, "normalizer"):
        for rounds in range(_ROUNDS):
            then = _sequence_json([theirs, *again * rounds]) if rounds else normalizer
            settled = replace(rule, then=then)
            if not _restless_part(normalizer_json(settled.normalizer())):
                return settled
    check_idempotent(replace(rule, then=normalizer).normalizer(), origin)
    return settled


def check_idempotent(normalizer: normalizers.Normalizer | None, origin: str) -> None:
    """Raise InputError naming the part by which normalizing twice differs from once, on every Unicode character."""
    with guarded(origin, "normalizer"):
        part = _restless_part(normalizer_json(normalizer))
    if part:
        raise refusal(
            origin,
            f"normalizer part {part}",
            "changes text that has been normalized already",
            "remove that part, or write it as a pre_tokenizer (Metaspace in place of Prepend and Replace)",
        )


@lru_cache(maxsize=16)
def _restless_part(normalizer: str, company: bool = True) -> str:
    """The type of the part that keeps a normalizer from being idempotent, or ''.

    It is the one after the longest sequence of first parts that is idempotent. Without `company`, characters are tried
    only by themselves.
    """
    if not normalizer:
        return ""
    parts, whole = _flat(json.loads(normalizer)), load_normalizer(normalizer)
    text = next((probe for probe in _probes(parts, company) if not _settles(whole, probe)), None)
    if text is None:
        return ""
    sound = (count for count in range(len(parts)) if _settles(load_normalizer(_sequence_json(parts[:count])), text))
    return str(parts[max(sound)]["type"])


def _settles(normalizer: normalizers.Normalizer, text: str) -> bool:
    once = normalize(normalizer, text)
    return normalize(normalizer, once) == once


def _flat(part: dict[str, Any]) -> list[dict[str, Any]]:
    """A normalizer as the parts that it runs one after the other."""
    return [leaf for each in part["normalizers"] for leaf in _flat(each)] if part["type"] == "Sequence" else [part]


def _sequence_json(parts: list[Any]) -> str:
    return canonical({"type": "Sequence", "normalizers": parts}).decode()


def _probes(parts: list[dict[str, Any]], company: bool) -> Iterator[str]:
    """Texts to try: spaces at the ends, strings that the parts name, and all characters, alone or in `company`."""
    yield from ("", " ", "a", " a", "a ", "  a  b\t", "▁", "▁a ▁b", "it's “2½” ``ﬁne''…", "ΣΑΣ İI ıſ", "中文 a中b")
    named = [string for part in parts for string in _strings(part) if 0 < len(string) < 100]
    yield from (text for s in named for text in (s, s + s, f"a{s}b", f" {s} ", s[0] * 8 + s + s[-1] * 8))
    for start in range(0, 0x110000, 4096):
        points = [chr(code) for code in range(start, start + 4096) if not 0xD800 <= code < 0xE000]
        known = [c for c in points if unicodedata.category(c) not in ("Cn", "Co")]
        if not company:
            yield " ".join(known)
            continue
        if known or start % 0x10000 == 0:  # most planes are empty; their first characters represent the rest
            yield "".join(points)
        # Ideographs and syllables behave alike: 100,000 of them in company would take most of the time.
        yield "".join(f"{c}a{c}\u0301 " for c in known if not "\u3400" <= c <= "\ud7a3" and c < "\U00020000")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
