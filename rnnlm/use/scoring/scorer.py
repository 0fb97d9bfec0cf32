"""Text in, scored lines out, in the order of the input: reading, batch scoring and words combined.

Windows limit memory; a line comes out as soon as its window has been read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.alignment import Alignment
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.wording import Marks, token_ranges, word_marks
from rnnlm.errors import InputError
from rnnlm.model.likelihood import LanguageModel
from rnnlm.use.scoring.batch_scorer import BatchScorer, TokenScores
from rnnlm.use.scoring.lines import Line, LineReader
from rnnlm.use.scoring.scored import ScoredLine

Unknown = Literal["score", "exclude", "error"]


@dataclass(frozen=True)
class Wanted:
    """What is requested besides the nats of tokens: `words` with the boundary moved, rank and entropy (`ranks`), and
    positions of tokens in the raw text (`spans`)."""

    words: bool = False
    ranks: bool = False
    spans: bool = False


class Scorer:
    """Scores texts, one after the other, by a model and its rules.

    `context` is what a line is read after: nothing ('sentence'), the lines of its document ('document'; a text begins
    one, a blank line ends it), or all before it, earlier texts too ('stream'). `unknown` is the treatment of words
    outside the vocabulary: 'score' as `<unk>`, 'exclude', or 'error' for an InputError; `<unk>` in the text is scored.
    """

    def __init__(
        self,
        model: LanguageModel,
        rules: TextRules,
        *,
        context: str = "sentence",
        batch_size: int = 64,
        unknown: Unknown = "score",
        ids: str | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        wanted = wanted or Wanted()
        self._rules, self._context, self._unknown, self._spans = rules, context, unknown, wanted.spans
        self.marks: Marks = word_marks(rules)
        self._reader = LineReader(rules, ids=ids)
        self.digests = self._reader.digests
        self._alignment = Alignment(rules) if wanted.spans else None
        begins = self.marks.marked if wanted.words and self.marks.has_boundaries else None
        self._batch_scorer = BatchScorer(model, batch_size, ranks=wanted.ranks, begins=begins)

    def lines(self, blocks: Iterable[bytes]) -> Iterator[ScoredLine]:
        """Every line of one raw text, given in blocks of whole lines, with its scores.

        A line that is empty after cleaning is not a unit and has no tokens, as in `evaluate`. Raises InputError for
        invalid text, and for unknown words with `unknown="error"`.
        """
        for window in self._reader.windows(blocks):
            units = [line for line in window if len(line.ids)]
            scores = iter(self._scores(units) if units else ())
            spans = iter(self._raw_spans(units) if self._spans else [None] * len(units))
            for line in window:
                if len(line.ids):
                    yield self._scored(line, next(scores), next(spans))
                else:
                    yield ScoredLine(line, _NO_SCORES, _NO_TOKENS, _NO_TOKENS, [])

    def _scores(self, units: list[Line]) -> list[TokenScores]:
        """The scores of each line, read in its context."""
        if self._context == "sentence":
            return self._batch_scorer.scores([line.ids for line in units])
        begins = [self._context == "document" and line.fresh for line in units]
        if begins[0]:
            self._batch_scorer.reset()
        begins[0] = True
        borders = [*np.flatnonzero(begins).tolist(), len(units)]
        groups = [units[first:last] for first, last in pairwise(borders)]
        texts = [np.concatenate([line.ids for line in group]) for group in groups]
        together = self._batch_scorer.scores(texts, carry=True)
        found = []
        for group, scores in zip(groups, together, strict=True):
            ends = np.cumsum([len(line.ids) for line in group])
            found += [scores.part(end - len(line.ids), end) for line, end in zip(group, ends.tolist(), strict=True)]
        return found

    def _raw_spans(self, units: list[Line]) -> list[list[tuple[int, int]]]:
        """The span of each token except `</s>` of each line in its raw text."""
        assert self._alignment is not None
        aligned = self._alignment.spans([line.text for line in units], [line.cleaned for line in units])
        found = []
        for line, spans in zip(units, aligned, strict=True):
            ranges = token_ranges(self._rules, line.cleaned, line.pieces)
            first = ranges[:, 0].clip(max=max(0, len(spans) - 1))
            last = np.maximum(ranges[:, 1] - 1, first)
            found.append(list(zip(spans[first, 0].tolist(), spans[last, 1].tolist(), strict=True)))
        return found

    def _scored(self, line: Line, scores: TokenScores, spans: list[tuple[int, int]] | None) -> ScoredLine:
        if self.marks.how == "blanks":
            starts = self.marks.starts(line.ids, token_ranges(self._rules, line.cleaned, line.pieces), line.cleaned)
        else:
            starts = self.marks.starts(line.ids)
        if self._unknown == "error" and line.outside.any():
            raise InputError(f"line {line.number:,}: {self._named(line)}", "use --unknown score or exclude")
        excluded = line.outside if self._unknown == "exclude" else np.zeros(len(line.ids), bool)
        return ScoredLine(line, scores, starts, excluded, spans)

    def _named(self, line: Line) -> str:
        """Which word of a line is outside the vocabulary."""
        index = int(np.flatnonzero(line.outside)[0])
        if line.pieces or self._rules.kind == "char":
            what = line.pieces[index] if line.pieces else line.cleaned[index]
            return f"{what!r} is not in the vocabulary"
        return "a part of it is not in the vocabulary"


_NO_SCORES = TokenScores(np.zeros(0))
_NO_TOKENS: NDArray[np.bool_] = np.zeros(0, bool)
