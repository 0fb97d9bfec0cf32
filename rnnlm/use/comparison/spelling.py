"""The cost of spelling an unknown word, under a character unigram of a training text.

p(`<unk>`) is the probability of all unknown words together, which favors a small vocabulary. With

    p(word) = p(<unk>) Π_c p(c) p(end)

each word has its own probability, and models with other tokens can be compared.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.clean import clean_blocks
from rnnlm.corpus.normalizer import END
from rnnlm.corpus.text import IdTable, Segmenter, TextRules, split_tokens
from rnnlm.corpus.tokenizer import UNKNOWN_ID, shown, tokens_by_id

_CODE_POINTS = 0x110000


class Spelling:
    """p(c) of every character by its count in a text, of the end of a word, and of 'any other'; add-one smoothing.

    Characters that do not occur in the text divide the probability of 'any other'.
    """

    def __init__(self, cleaned: Iterable[bytes]) -> None:
        """`cleaned` is text in blocks of whole lines; spaces separate words."""
        counts: Counter[str] = Counter()
        words = 0
        for block in cleaned:
            text = block.decode()
            counts.update(text)
            words += len(text.split())
        for space in (" ", "\n"):
            counts.pop(space, None)
        total = sum(counts.values()) + len(counts) + words + 2
        self._nats = {character: -math.log((count + 1) / total) for character, count in counts.items()}
        self._end = -math.log((words + 1) / total)
        self._other = math.log(total) + math.log(_CODE_POINTS - len(counts))

    def nats(self, word: str) -> float:
        """−log of p(c) of each character and of p(end)."""
        return sum(self._nats.get(character, self._other) for character in word) + self._end


@dataclass(frozen=True)
class SpelledLines:
    """For some lines: bytes of each in cleaned text, line end included, and nats for spelling its unknown words."""

    bytes: NDArray[np.int64]
    spelling: NDArray[np.float64]


def measured_lines(blocks: Iterable[bytes], rules: TextRules, spelling: Spelling | None) -> Iterator[SpelledLines]:
    """Bytes and spelling of every line of a raw text, a block at a time; the cost is 0 without `spelling`."""
    table = IdTable(tokens_by_id(rules.tokenizer), rules.kind)
    segmenter = None if spelling is None else Segmenter(rules.kind, rules.rule, rules.tokenizer)
    for block in clean_blocks(blocks, rules.rule, rules.units):
        ends = np.flatnonzero(np.frombuffer(block.text, np.uint8) == 10)
        costs = np.zeros(len(ends))
        if spelling is not None and segmenter is not None:
            tokens = segmenter.block(block.text)
            for line, word in unknown_words(tokens, table, rules.kind):
                costs[line] += spelling.nats(word)
        yield SpelledLines(np.diff(ends, prepend=-1), costs)


def unknown_words(tokens: bytes, table: IdTable, kind: str) -> Iterator[tuple[int, str]]:
    """(line, word) of every token without an id, in a block of lines of tokens as written."""
    unknown = table.block(tokens).ids == UNKNOWN_ID
    words = split_tokens(tokens)
    end, line, space = END.encode(), 0, shown(" ", kind)
    for word, is_unknown in zip(words, unknown.tolist(), strict=True):
        if is_unknown:
            text = word.decode()
            yield line, text if text != space else " "
        elif word == end:
            line += 1
