"""Bytes from outside as UTF-8 text: invalid bytes are refused with their offset, or replaced and counted.

A zero byte is always refused. Line ends and the meaning of the text are not known here.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from rnnlm.errors import InputError

_REPLACEMENT = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"),
          (codecs.BOM_UTF16_BE, "UTF-16"))  # fmt: skip


def _unheard(text: str) -> None:
    """Ignore a notice."""


@dataclass
class Decoding:
    """How bytes become text. With `errors` 'replace' bytes that are not UTF-8 become U+FFFD.

    `expansion` bounds the decompression ratio. `notice` is called once for every source with replacements; `replaced`
    counts those of all sources.
    """

    errors: Literal["strict", "replace"] = "strict"
    expansion: int = 200
    notice: Callable[[str], None] = _unheard
    replaced: int = 0

    def text(self, blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
        """The same text in valid UTF-8, without a byte-order mark; InputError at the first invalid byte."""
        valid = self._replacing(blocks, name) if self.errors == "replace" else _strict(blocks, name)
        yield next(valid, b"").removeprefix(codecs.BOM_UTF8)
        yield from valid

    def tell(self, name: str, before: int) -> None:
        """Report the replacements in a source, `before` being the count at its start."""
        count = self.replaced - before
        if count:
            self.notice(f"{name}: {count:,} sequence{'s' * (count != 1)} that are not UTF-8 replaced by U+FFFD")

    def line(self, text: str, where: str) -> str:
        """A string from JSON; half of a surrogate pair in it is refused or replaced."""
        if "\0" in text:
            raise InputError(f"{where}: a zero byte", "give text")
        if self.errors == "strict" and _SURROGATE.search(text):
            raise InputError(
                f"{where}: half of a surrogate pair, which is no character", "fix the line, or use --errors replace"
            )
        text, count = _SURROGATE.subn(_REPLACEMENT, text)
        self.replaced += count
        return text

    def _replacing(self, blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
        """Each malformed sequence as U+FFFD; those that the text itself has are not counted."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        count, tail = 0, b""
        for block in _checked(blocks, name):
            text = decoder.decode(block)
            count += text.count(_REPLACEMENT) - (tail + block).count(_REPLACEMENT.encode())
            tail = (tail + block)[-2:]
            yield text.encode()
        text = decoder.decode(b"", True)
        count += text.count(_REPLACEMENT)
        if text:
            yield text.encode()
        self.replaced += count


def _strict(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0

    def decode(block: bytes, *, final: bool = False) -> None:
        start = offset - len(decoder.getstate()[0])
        try:
            decoder.decode(block, final)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name} is not UTF-8 at byte {start + error.start:,}",
                f"convert it first, for example: iconv -f LATIN1 -t UTF-8 {name}; or use --errors replace",
            ) from None

    for block in _checked(blocks, name):
        if decoder.getstate()[0] or not block.isascii():
            decode(block)
        yield block
        offset += len(block)
    decode(b"", final=True)


def _checked(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The same blocks; InputError for another encoding of Unicode, and for a zero byte."""
    offset = 0
    for block in blocks:
        if offset == 0:
            marked = next((kind for mark, kind in _MARKS if block.startswith(mark)), None)
            kind = marked or _unmarked(block)
            if kind:
                raise InputError(f"{name} is {kind}", f"convert it first: iconv -f {kind} -t UTF-8 {name}")
        if b"\0" in block:
            raise InputError(
                f"{name} is not text: a zero byte at offset {offset + block.index(0):,}", "give a text file"
            )
        yield block
        offset += len(block)


def _unmarked(block: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of its beginning is zero, as with Latin letters."""
    start = block[:64]
    halves = (start[::2], start[1::2])
    for order, zeros, others in (("LE", halves[1], halves[0]), ("BE", halves[0], halves[1])):
        if len(start) >= 4 and not any(zeros) and all(others):
            return f"UTF-16{order}"
    return None
