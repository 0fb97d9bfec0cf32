"""Where cleaned text comes from in the raw line: for every cleaned character the raw characters that it comes from.

The normalizer of `tokenizer.json` gives the offsets. Here they are read character by character, with one correction: a
raw character that the normal form joined to the one before (a combining accent, a Korean vowel) counts as part of it.
Words and tokens as ranges of the cleaned text are in `wording.py`.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from rnnlm.corpus.normalizer import UNKNOWN
from rnnlm.corpus.text import TextRules

Spans = NDArray[np.int64]
"""(n, 2): begin and end, in characters."""


class Alignment:
    """Maps cleaned characters back to raw ones, by a model's rules."""

    def __init__(self, rules: TextRules) -> None:
        # An empty vocabulary, split at every character: only the offsets are used.
        self._characters = Tokenizer(models.WordLevel({UNKNOWN: 0}, unk_token=UNKNOWN))
        self._characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        if rules.tokenizer.normalizer is not None:
            self._characters.normalizer = rules.tokenizer.normalizer

    def spans(self, raw: Sequence[str], cleaned: Sequence[str]) -> list[Spans]:
        """For each line (cleaned characters, 2): which raw characters each comes from.

        Several cleaned characters may come from one raw one (the three of a ligature), and what cleaning removed
        belongs to none.
        """
        encodings = self._characters.encode_batch(list(raw), add_special_tokens=False)
        found = []
        for encoding, line, text in zip(encodings, raw, cleaned, strict=True):
            spans = np.array(encoding.offsets, np.int64).reshape(-1, 2)
            if UNKNOWN in text:
                _open_specials(spans, line, text)
            found.append(_with_joined(spans, line))
        return found


def _open_specials(spans: Spans, raw: str, cleaned: str) -> None:
    """Where cleaning wrote `<unk>` for a special string, it comes from all of the string, not its last character."""
    position = cleaned.find(UNKNOWN)
    while position >= 0:
        here = slice(position, position + len(UNKNOWN))
        begin, end = spans[here, 0].min(), spans[here, 1].max()
        while begin and end - begin < len(UNKNOWN) and unicodedata.normalize("NFKC", raw[begin]) != "<":
            begin -= 1
        spans[here] = begin, end
        position = cleaned.find(UNKNOWN, position + 1)


def _with_joined(spans: Spans, line: str) -> Spans:
    """The same spans, each end moved past raw characters that were joined to the one before them."""
    if line.isascii() or not len(spans):
        return spans
    claimed = np.zeros(len(line) + 1, bool)
    for begin, end in spans.tolist():
        claimed[begin:end] = True
    claimed[-1] = True
    for position in np.flatnonzero(~claimed[spans[:, 1]]).tolist():
        begin, end = spans[position].tolist()
        while not claimed[end] and (_is_format(line[end]) or _joins(line[begin:end], line[end])):
            end += 1
            if not _is_format(line[end - 1]):
                spans[position, 1] = end
    return spans


def _is_format(character: str) -> bool:
    return unicodedata.category(character) == "Cf"


def _joins(before: str, character: str) -> bool:
    """Whether a character is joined to the text before it."""
    if unicodedata.category(character).startswith("M"):
        return True
    before = "".join(each for each in before if not _is_format(each))
    apart = unicodedata.normalize("NFKC", before) + unicodedata.normalize("NFKC", character)
    return unicodedata.normalize("NFKC", before + character) != apart
