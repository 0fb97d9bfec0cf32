"""Raw text to cleaned lines to tokens to ids by the rules of a model: a fast way to what `tokenizer.json` defines.

Tokens have the form of the tokens artifact (a line for each unit, separated by spaces, `shown`), ids are flat arrays in
which `</s>` ends every line. The stages (clean, tokenize, vocab) give the same ids; a test compares the two.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rnnlm.arrays import npy_writer
from rnnlm.corpus.clean import UnitRule, clean_blocks
from rnnlm.corpus.ids import Ids, open_ids
from rnnlm.corpus.normalizer import END, SPECIALS, UNKNOWN, Cleaner, CleanRule
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID, byte_characters, pre_tokenizer, shown, tokens_by_id
from rnnlm.errors import InputError

_SHOWN, _FOLDED = 8, set("‘’‚‛“”„‟‐‑‒–—―")


class UnseenCharacters:
    """Counts them in cleaned text; `names` are the tokens by id. Those of bytes and subwords have every character."""

    def __init__(self, kind: str, names: Sequence[str]) -> None:
        known = {" ", "\n", *"".join(names), *"".join(SPECIALS)}
        self._known = known if kind in (*WORD_KINDS, "char") else None
        self._plain = "".join(filter(str.isascii, known)).encode()
        self._counts: Counter[str] = Counter()

    def add(self, cleaned: bytes) -> None:
        """Count those of some text."""
        if self._known is not None and (rest := cleaned.translate(None, self._plain)):
            self._counts.update(each for each in rest.decode() if each not in self._known)

    def tell(self, notice: Callable[[str], None], name: str) -> None:
        """One notice, if there are any."""
        if not self._counts:
            return
        some = ", ".join(f"{each} (U+{ord(each):04X})" for each, _ in self._counts.most_common(_SHOWN))
        more = ", …" if len(self._counts) > _SHOWN else ""
        hint = "; train with --fold-quotes to write quotes and dashes in one way" if _FOLDED & set(self._counts) else ""
        notice(f"{name}: {self._counts.total():,} characters that no token of the vocabulary has: {some}{more}{hint}")


_CACHE_WORDS = 500_000
_BATCH_CHARACTERS = 2**20


def splits_words(kind: str, rule: CleanRule) -> bool:
    """Whether tokens are not the space-separated words of cleaned text."""
    return not (kind == "whitespace" or (kind == "word" and rule.punctuation == "remove"))


class Segmenter:
    """Cleaned lines to lines of tokens. A tokenizer is needed only for learned tokens."""

    def __init__(self, kind: str, rule: CleanRule, tokenizer: Tokenizer | None = None) -> None:
        self._kind = kind
        self._whole_words = not splits_words(kind, rule)
        self._pre_tokenizer = pre_tokenizer(kind) if kind in WORD_KINDS else None
        self._cache: dict[str, str] = {}
        self._bytes = {byte: shown(character, "byte") for byte, character in enumerate(byte_characters())}
        self._bytes[10] = "\n"
        self._tokenizer = tokenizer
        self._shown = [shown(token, kind) for token in tokens_by_id(tokenizer)] if tokenizer else []

    def block(self, cleaned: bytes) -> bytes:
        """The tokens of each line of `cleaned`, separated by spaces."""
        if self._whole_words:
            return cleaned
        if self._pre_tokenizer is not None:
            return self._words(cleaned.decode())
        if self._kind == "char":
            return self._characters(cleaned.decode())
        if self._kind == "byte":
            return "\n".join(map(" ".join, cleaned.decode("latin-1").translate(self._bytes).split("\n"))).encode()
        return "".join(self._learned(cleaned.decode().split("\n")[:-1])).encode()

    def _words(self, text: str) -> bytes:
        """Space-separated words split at punctuation, each distinct one once."""
        assert self._pre_tokenizer is not None
        if len(self._cache) > _CACHE_WORDS:
            self._cache.clear()
        for word in set(text.split()).difference(self._cache):
            self._cache[word] = " ".join(piece for piece, _ in self._pre_tokenizer.pre_tokenize_str(word))
        known = self._cache.__getitem__
        return "\n".join(" ".join(map(known, line.split())) for line in text.split("\n")).encode()

    @staticmethod
    def _characters(text: str) -> bytes:
        if "▁" in text:
            lines = (" ".join(shown(character, "char") for character in line) for line in text.split("\n"))
            return "\n".join(lines).encode()
        return "\n".join(map(" ".join, text.replace(" ", "▁").split("\n"))).encode()

    def _learned(self, lines: Sequence[str]) -> Iterator[str]:
        assert self._tokenizer is not None
        start = 0
        while start < len(lines):
            end, characters = start, 0
            while end < len(lines) and characters < _BATCH_CHARACTERS:
                characters += len(lines[end])
                end += 1
            for encoding in self._tokenizer.encode_batch_fast(list(lines[start:end]), add_special_tokens=False):
                yield " ".join(map(self._shown.__getitem__, encoding.ids)) + "\n"
            start = end


@dataclass(frozen=True)
class EncodedBlock:
    """Ids of some lines, `</s>` ending each, and how many words have none."""

    ids: NDArray[np.int64]
    out_of_vocabulary: int


class _Ids(dict[bytes, int]):
    """Ids by token; a missing token is `<unk>`; the others are found at the speed of a plain look-up."""

    def __missing__(self, token: bytes) -> int:
        return UNKNOWN_ID


class IdTable:
    """Lines of tokens to ids; a token outside the vocabulary is `<unk>`."""

    def __init__(self, tokens: Sequence[str], kind: str) -> None:
        """`tokens` is the vocabulary in the order of ids, the special strings included."""
        self._ids = _Ids((shown(token, kind).encode(), number) for number, token in enumerate(tokens))
        self._ids[END.encode()] = END_ID
        self._words = kind in WORD_KINDS

    def block(self, tokens: bytes) -> EncodedBlock:
        """The ids of each line of `tokens`."""
        words = split_tokens(tokens)
        ids = np.fromiter(map(self._ids.__getitem__, words), np.int64, len(words))
        unknown = int((ids == UNKNOWN_ID).sum())
        # In a text of words, `<unk>` may be the corpus's own unknown word; elsewhere it is what a tokenizer made of
        # an unknown piece.
        written = words.count(UNKNOWN.encode()) if unknown and self._words else 0
        return EncodedBlock(ids, unknown - written)


def split_tokens(tokens: bytes) -> list[bytes]:
    """The tokens of a block in order, `</s>` at every line end. Only the space separates: a tab may be a token."""
    return list(filter(None, tokens.replace(b"\n", b" </s> ").split(b" ")))


@dataclass(frozen=True)
class TextRules:
    """Everything that decides the ids of a raw text: the kind of token, cleaning, what a unit is, the tokenizer."""

    kind: str
    rule: CleanRule
    units: UnitRule
    tokenizer: Tokenizer


@dataclass(frozen=True)
class EncodedText:
    """A text as ids, with the counts that metrics are divided by.

    `characters` and `bytes` are those of the cleaned text, a line end counting one.
    """

    ids: Ids
    characters: int
    bytes: int
    unknown_tokens: int
    out_of_vocabulary_tokens: int
    raw_sha256: str
    cleaned_sha256: str
    unseen: UnseenCharacters


def encode_text(
    blocks: Iterable[bytes], rules: TextRules, directory: Path, *, progress: Callable[[int], None] = lambda count: None
) -> EncodedText:
    """Encode raw text, given in blocks of whole lines, into files in `directory`, with the raw line of each unit.

    Raises InputError when nothing is left of it.
    """
    names = tokens_by_id(rules.tokenizer)
    segmenter = Segmenter(rules.kind, rules.rule, rules.tokenizer if rules.kind in ("bpe", "imported") else None)
    table = IdTable(names, rules.kind)
    unseen = UnseenCharacters(rules.kind, names)
    raw, cleaned = hashlib.sha256(), hashlib.sha256()
    characters = size = total = unknown = outside = lines = 0
    name = "text"
    documents_path = directory / f"{name}.documents.npy"
    with (
        npy_writer(directory / f"{name}.ids.npy", np.uint16 if len(names) <= 2**16 else np.uint32) as ids,
        npy_writer(directory / f"{name}.offsets.npy", np.int64) as offsets,
        npy_writer(documents_path, np.uint32) as documents,
        npy_writer(directory / f"{name}.lines.npy", np.uint32) as raw_lines,
    ):
        offsets.append(np.zeros(1, np.int64))

        def hashed() -> Iterable[bytes]:
            for block in blocks:
                raw.update(block)
                yield block

        for block in clean_blocks(hashed(), rules.rule, rules.units):
            cleaned.update(block.text)
            unseen.add(block.text)
            characters += len(block.text if block.text.isascii() else block.text.decode())
            size += len(block.text)
            encoded = table.block(segmenter.block(block.text))
            ids.append(encoded.ids)
            offsets.append(np.flatnonzero(encoded.ids == END_ID) + 1 + total)
            documents.append(block.documents + lines)
            raw_lines.append(block.lines)
            lines += len(block.lines)
            total += len(encoded.ids)
            unknown += int((encoded.ids == UNKNOWN_ID).sum())
            outside += encoded.out_of_vocabulary
            progress(block.raw_bytes)
    if total == 0:
        raise InputError("the text has nothing to predict", "give text with at least one word in it")
    opened = open_ids(directory, name, len(names), documents_path)
    return EncodedText(opened, characters, size, unknown, outside, raw.hexdigest(), cleaned.hexdigest(), unseen)


def unreachable(kind: str, rule: CleanRule, words: Sequence[str]) -> list[str]:
    """Those of `words` that cleaning and splitting change, such as 'The' where case is removed."""
    plain = [word for word in words if word not in SPECIALS]
    text = "".join(f"{word}\n" for word in plain).encode()
    tokens = Segmenter(kind, rule).block(Cleaner(rule).block(text)).decode().split("\n")
    return [word for word, token in zip(plain, tokens, strict=False) if word != token]
