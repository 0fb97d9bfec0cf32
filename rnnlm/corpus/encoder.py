"""Cleaned text to tokens to ids in blocks of lines: a fast way to what `tokenizer.json` defines.

Tokens have the form of the tokens artifact (a line for each unit, separated by spaces, `shown`), ids are flat arrays in
which `</s>` ends every line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rnnlm.corpus.normalizer import END, UNKNOWN, CleanRule
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID, byte_characters, pre_tokenizer, shown, tokens_by_id

_CACHE_WORDS = 500_000
_BATCH_CHARACTERS = 2**20


class Segmenter:
    """Cleaned lines to lines of tokens. A tokenizer is needed only for learned tokens."""

    def __init__(self, kind: str, rule: CleanRule, tokenizer: Tokenizer | None = None) -> None:
        self._kind = kind
        self._whole_words = kind == "whitespace" or (kind == "word" and rule.punctuation == "remove")
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


def sample_lines(path: Path, limit: int) -> tuple[list[str], int]:
    """Lines from evenly spaced positions of a text, about `limit` bytes at most, and the number of their bytes."""
    size = path.stat().st_size
    piece = 2**18
    count = max(1, limit // piece)
    lines: list[str] = []
    total = 0
    with path.open("rb") as file:
        if size <= limit:
            content = file.read()
            return content.decode().split("\n")[:-1], len(content)
        for number in range(count):
            file.seek(number * size // count)
            if number:
                file.readline()
            block = file.read(piece)
            block += b"" if block.endswith(b"\n") else file.readline()
            lines += block.decode().split("\n")[:-1]
            total += len(block)
    return lines, total
