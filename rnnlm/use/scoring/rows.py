"""Scored lines as rows of named fields, one kind for each level, for TSV and JSON Lines.

Costs are in bits and offsets in characters of the raw line. Field names and their meaning: docs/scoring.md.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnlm.corpus.normalizer import END
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID, shown, tokens_by_id
from rnnlm.use.scoring.frequencies import Frequencies
from rnnlm.use.scoring.regions import Region, joined
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


class ScoreRows:
    """Rows of one level, 'line', 'word', 'token' or 'region', by one model.

    Words and regions have their `frequencies` where these are given.
    """

    def __init__(self, rules: TextRules, level: str, frequencies: Frequencies | None = None) -> None:
        self._texts, self._level, self._frequencies = WordTexts(rules), level, frequencies
        self._names = [shown(name, rules.kind) for name in tokens_by_id(rules.tokenizer)]
        self._names[END_ID] = END

    def of(self, scored: ScoredLine, regions: tuple[Region, ...] | None = None) -> Iterator[Row]:
        """The rows of a line; its `regions`, where they are not the words of the raw line."""
        if self._level == "line":
            return self._line(scored)
        if self._level == "token":
            return self._tokens(scored)
        return self._words(scored) if self._level == "word" else self._regions(scored, regions)

    def _line(self, scored: ScoredLine) -> Iterator[Row]:
        yield {"tokens": scored.tokens, "bits": scored.nats * BITS, "unknown_tokens": int(scored.line.unknown.sum())}

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
                **self._about(scored, [word], end - start),
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

    def _regions(self, scored: ScoredLine, given: tuple[Region, ...] | None) -> Iterator[Row]:
        """A row for every region, with the bits of the model's words that begin in it summed; then `</s>`.

        Without `given` ones these are the words of the raw line, which end at white space, except inside one of the
        model's own.
        """
        words = scored.words()
        end = words.pop() if words else None
        spans = [scored.span(word.first, word.last) for word in words]
        raw = [match.span() for match in NO_SPACE.finditer(scored.line.text)]
        regions = _whole(raw, spans) if given is None else list(joined(raw, given))
        region_of = np.searchsorted([start for start, _ in regions], [start for start, _ in spans], "right") - 1
        inside: list[list[Word]] = [[] for _ in regions]
        for word, region in zip(words, region_of.tolist(), strict=True):
            inside[region].append(word)
        length = len(scored.line.text)
        rows = [*zip(regions, inside, strict=True), *([] if end is None else [((length, length), [end])])]
        for position, ((start, stop), those) in enumerate(rows, 1):
            counted = [word.nats for word in those if word.nats is not None]
            yield {
                "position": position,
                **({} if given is None else {"region": END if position > len(given) else given[position - 1].name}),
                "word": END if position > len(regions) else scored.line.text[start:stop],
                "start": start,
                "end": stop,
                "bits": _bits(sum(counted)) if counted or not those else None,
                "unknown": any(word.unknown for word in those),
                "words": len(those),
                **self._about(scored, those, stop - start),
            }

    def _about(self, scored: ScoredLine, words: list[Word], length: int) -> Row:
        """Length in characters of the raw text, and log₂ of frequency, summed over words; of `</s>` there is none."""
        if self._frequencies is None:
            return {}
        each = [self._frequencies.log2(self._texts.of(scored, word)) for word in words]
        known = [one for one in each if one is not None]
        return {"length": length, "log_frequency": sum(known) if known and len(known) == len(each) else None}


def _whole(raw: list[tuple[int, int]], spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The raw words, those joined that one of the model's words (`spans`) covers together."""
    inner = {position for first, last in spans for position in range(first + 1, last)}
    found: list[tuple[int, int]] = []
    for start, end in raw:
        if found and all(position in inner for position in range(found[-1][1], start + 1)):
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def _bits(nats: float | None) -> float | None:
    return None if nats is None else nats * BITS
