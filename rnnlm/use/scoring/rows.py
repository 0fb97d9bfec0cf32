"""Scored lines as rows of named fields, one kind for each level, for TSV and JSON Lines.

Costs are in bits and offsets in characters of the raw line. Field names and their meaning: docs/scoring.md.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnlm.corpus.normalizer import END
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID, shown, tokens_by_id
from rnnlm.errors import UsageError
from rnnlm.use.scoring.scored import BITS, NO_SPACE, ScoredLine, Word

Row = dict[str, Any]


class WordTexts:
    """The cleaned text of words, also of unknown ones."""

    def __init__(self, rules: TextRules) -> None:
        self._rules = rules

    def of(self, scored: ScoredLine, word: Word) -> str:
        """The cleaned word; `</s>` for the line's end."""
        line = scored.line
        if word.last == len(line.ids):
            return END
        if line.pieces:
            return line.pieces[word.first]
        if self._rules.kind == "char":
            return line.cleaned[word.first : word.last].strip()
        if scored.line.unknown[word.first : word.last].any() and scored.spans is not None:
            return line.text[slice(*scored.span(word.first, word.last))]
        tokenizer, ids = self._rules.tokenizer, line.ids[word.first : word.last].tolist()
        if tokenizer.decoder is None:  # `decode` would put blanks between the tokens
            return "".join(str(tokenizer.id_to_token(each)) for each in ids)
        return str(tokenizer.decode(ids, skip_special_tokens=False)).strip()


@dataclass
class Kept:
    """Values that are passed through, by the names of their columns: those of each line that is still to be scored."""

    names: tuple[str, ...] = ()
    lines: deque[tuple[Any, ...]] = field(default_factory=deque)


class ScoreRows:
    """Rows of one level: 'line', 'word', 'token' or 'region'; with `ids`, all include the line's identifier."""

    def __init__(self, rules: TextRules, level: str, *, ids: bool, kept: Kept | None = None) -> None:
        self._texts, self._ids = WordTexts(rules), ids
        self._names = [shown(name, rules.kind) for name in tokens_by_id(rules.tokenizer)]
        self._names[END_ID] = END
        self._make = {"line": self._line, "word": self._words, "token": self._tokens, "region": self._regions}[level]
        self._kept = kept or Kept()
        twice = next((name for name in self._kept.names if name in ("id", *_FIELDS[level])), None)
        if twice is not None:
            raise UsageError(f"--keep {twice}: the rows have a column of that name", "rename it in the file")
        named = ("id",) if ids and level != "line" else ()
        self.fields = ("line", *self._kept.names, *named, *_FIELDS[level][1:])

    def of(self, scored: ScoredLine) -> Iterator[Row]:
        """The rows of a line, each with the fields in `fields`."""
        head: Row = {"line": scored.line.number}
        if self._kept.names:
            head |= zip(self._kept.names, self._kept.lines.popleft(), strict=True)
        if self._ids:
            head["id"] = scored.line.id
        return ({**head, **row} for row in self._make(scored))

    def _line(self, scored: ScoredLine) -> Iterator[Row]:
        yield {
            "id": scored.line.id,
            "tokens": scored.tokens,
            "bits": scored.nats * BITS,
            "unknown_tokens": int(scored.line.unknown.sum()),
        }

    def _words(self, scored: ScoredLine) -> Iterator[Row]:
        for position, word in enumerate(scored.words(), 1):
            start, end = scored.span(word.first, word.last)
            yield {
                "position": position,
                "word": self._texts.of(scored, word),
                "start": start,
                "end": end,
                "bits": _bits(word.nats),
                "unknown": word.unknown,
            }

    def _tokens(self, scored: ScoredLine) -> Iterator[Row]:
        if not len(scored.line.ids):
            return
        scores, word_of = scored.scores, np.cumsum(scored.starts).tolist()
        assert scores.rank is not None
        assert scores.entropy is not None
        entropy = (scores.entropy * BITS).tolist()
        rows = zip(
            scored.line.ids.tolist(), scores.nats.tolist(), scores.rank.tolist(), scored.excluded.tolist(), strict=True
        )
        for index, (number, nats, rank, excluded) in enumerate(rows):
            last = index + 1 == len(entropy)
            start, end = scored.span(index, index + 1)
            yield {
                "position": word_of[index],
                "token": self._names[number],
                "start": start,
                "end": end,
                "bits": None if excluded else nats * BITS,
                "unknown": number == UNKNOWN_ID,
                "rank": int(rank),
                "entropy_bits": entropy[index],
                "entropy_reduction_bits": None if last else entropy[index] - entropy[index + 1],
            }

    def _regions(self, scored: ScoredLine) -> Iterator[Row]:
        """A row for every word of the raw line, with the bits of the model's words in it summed; then `</s>`.

        Words end at white space, except inside one of the model's own.
        """
        words = scored.words()
        end = words.pop() if words else None
        spans = [scored.span(word.first, word.last) for word in words]
        regions: list[tuple[int, int]] = []
        inner = {position for first, last in spans for position in range(first + 1, last)}
        for match in NO_SPACE.finditer(scored.line.text):
            if regions and all(position in inner for position in range(regions[-1][1], match.start() + 1)):
                regions[-1] = regions[-1][0], match.end()
            else:
                regions.append(match.span())
        region_of = np.searchsorted([start for start, _ in regions], [start for start, _ in spans], "right") - 1
        inside: list[list[Word]] = [[] for _ in regions]
        for word, region in zip(words, region_of.tolist(), strict=True):
            inside[region].append(word)
        for position, ((start, stop), those) in enumerate(zip(regions, inside, strict=True), 1):
            scored_words = [word.nats for word in those if word.nats is not None]
            yield {
                "position": position,
                "word": scored.line.text[start:stop],
                "start": start,
                "end": stop,
                "bits": _bits(sum(scored_words)) if scored_words or not those else None,
                "unknown": any(word.unknown for word in those),
                "words": len(those),
            }
        if end is not None:
            length = len(scored.line.text)
            yield {
                "position": len(regions) + 1, "word": END, "start": length, "end": length, "bits": _bits(end.nats),
                "unknown": end.unknown, "words": 1,
            }  # fmt: skip


def _bits(nats: float | None) -> float | None:
    return None if nats is None else nats * BITS


_POSITION = ("line", "position", "word", "start", "end", "bits", "unknown")
_FIELDS = {
    "line": ("line", "id", "tokens", "bits", "unknown_tokens"),
    "word": _POSITION,
    "token": ("line", "position", "token", "start", "end", "bits", "unknown", "rank", "entropy_bits",
              "entropy_reduction_bits"),
    "region": (*_POSITION, "words"),
}  # fmt: skip
