"""Raw text as lines with their ids, a window at a time, for scoring.

Every raw line stays a line, also one that is empty after cleaning; cleaning, tokens and ids are those of `evaluate`.
An identifier before the text (`id<TAB>text`) is passed through.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.clean import clean_blocks
from rnnlm.corpus.normalizer import UNKNOWN
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import IdTable, Segmenter, TextRules, UnseenCharacters
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID, tokens_by_id
from rnnlm.errors import InputError

_WINDOW = 2**18  # bytes of text in a window; a longer line makes a longer window
_Row = tuple[str, list[str], NDArray[np.int64], NDArray[np.bool_], bool]
_NOTHING: _Row = ("", [], np.zeros(0, np.int64), np.zeros(0, bool), False)


@dataclass(frozen=True)
class Line:
    """A raw line, from 1 in its input, and its ids (tokens,) with `</s>`; none if cleaning leaves no unit.

    `text` is the raw line without its identifier, `cleaned` the cleaned line, `pieces` its tokens as text if they are
    words. `outside` (tokens,) marks ids of words outside the vocabulary. `fresh` lines begin a document.
    """

    number: int
    id: str | None
    text: str
    cleaned: str
    pieces: list[str]
    ids: NDArray[np.int64]
    outside: NDArray[np.bool_]
    fresh: bool

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """(tokens,): which are `<unk>`, including those written in the text."""
        unknown: NDArray[np.bool_] = self.ids == UNKNOWN_ID
        return unknown


@dataclass
class Digests:
    """The text read so far, as `evaluate` counts it: characters and bytes of the cleaned text, digests of both."""

    unseen: UnseenCharacters
    characters: int = 0
    bytes: int = 0
    raw: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    cleaned: "hashlib._Hash" = field(default_factory=hashlib.sha256)


class LineReader:
    """Windows of lines of a raw text, by a model's rules.

    With `ids` every line begins with an identifier and a 'tab' or a 'blank'.
    """

    def __init__(self, rules: TextRules, *, ids: str | None) -> None:
        # Lines are scored, also if the model was trained on sentences.
        self._rules, self._ids = replace(rules, units=replace(rules.units, sentences=False)), ids
        learned = rules.tokenizer if rules.kind in ("bpe", "imported") else None
        self._segmenter = Segmenter(rules.kind, rules.rule, learned)
        names = tokens_by_id(rules.tokenizer)
        self._table = IdTable(names, rules.kind)
        self.digests = Digests(UnseenCharacters(rules.kind, names))

    def windows(self, blocks: Iterable[bytes]) -> Iterator[list[Line]]:
        """The lines of one text, given in blocks of whole lines; the first begins a document.

        Raises InputError for a line without a required identifier, and for special strings that the model's rules
        refuse.
        """
        names: list[list[str | None]] = []
        texts: list[list[str]] = []

        def read() -> Iterator[bytes]:
            first = 1
            for block in blocks:
                for part in _parts(block):
                    self.digests.raw.update(part)
                    lines = part.decode().split("\n")[:-1]
                    named = [self._named(line, number) for number, line in enumerate(lines, first)]
                    names.append([name for name, _ in named])
                    texts.append([text for _, text in named])
                    first += len(lines)
                    yield "".join(text + "\n" for text in texts[-1]).encode() if self._ids else part

        first = 1
        for block in clean_blocks(read(), self._rules.rule, self._rules.units):
            self.digests.characters += len(block.text if block.text.isascii() else block.text.decode())
            self.digests.bytes += len(block.text)
            self.digests.cleaned.update(block.text)
            self.digests.unseen.add(block.text)
            starts = np.zeros(len(block.lines), bool)
            starts[block.documents] = True
            rows = self._rows(block.text, starts)
            kept = dict(zip((block.lines - first).tolist(), rows, strict=True))
            read_lines = zip(names.pop(0), texts.pop(0), strict=True)
            window = [
                Line(first + index, name, text, *kept.get(index, _NOTHING))
                for index, (name, text) in enumerate(read_lines)
            ]
            first += len(window)
            yield window

    def _named(self, line: str, number: int) -> tuple[str | None, str]:
        """A line's identifier and its text."""
        if not self._ids:
            return None, line
        if self._ids == "blank":
            name, *text = line.split(maxsplit=1) or [""]
            return name, "".join(text)
        name, tab, rest = line.partition("\t")
        if not tab and line.strip():
            raise InputError(f"line {number:,} has no identifier and tab before its text", "omit --ids")
        return name, rest

    def _rows(self, cleaned: bytes, starts: NDArray[np.bool_]) -> list[_Row]:
        """The row of each cleaned line."""
        segmented = self._segmenter.block(cleaned)
        ids = self._table.block(segmented).ids
        ends = np.flatnonzero(ids == END_ID) + 1
        words = self._rules.kind in WORD_KINDS
        rows: list[_Row] = []
        lines = zip(cleaned.decode().split("\n")[:-1], segmented.decode().split("\n")[:-1], starts, strict=True)
        for own, (text, tokens, fresh) in zip(np.split(ids, ends)[:-1], lines, strict=True):
            pieces = tokens.split(" ") if words and tokens else []
            outside = own == UNKNOWN_ID
            if words:  # the text itself may contain `<unk>`
                for index in np.flatnonzero(outside).tolist():
                    outside[index] = pieces[index] != UNKNOWN
            rows.append((text, pieces, own, outside, bool(fresh)))
        return rows


def _parts(block: bytes) -> Iterator[bytes]:
    """A block of whole lines in pieces of about a window's size, whole lines each."""
    start = 0
    while start < len(block):
        end = block.find(b"\n", min(start + _WINDOW, len(block)) - 1) + 1
        yield block[start:end]
        start = end
