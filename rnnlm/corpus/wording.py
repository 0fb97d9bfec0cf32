"""Words in a sequence of tokens: which tokens begin one, and where words and tokens are in the cleaned line.

A tokenizer marks words in one of three ways: every token is a word; some tokens begin one (a space before it is part of
the token, or continuing pieces are marked); or no token does, and only the spaces of the text tell. What words and
their ends cost is not known here.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rnnlm.corpus.alignment import Spans
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, byte_characters, tokens_by_id

How = Literal["each", "begins", "blanks"]
Flags = NDArray[np.bool_]
_SPACE_MARKS = ("▁", "Ġ")


@dataclass(frozen=True)
class Marks:
    """How tokens mark words.

    `how` is 'each' (every token is a word), 'begins' (the tokens in `marked` begin one), or 'blanks' (the text tells:
    tokens mark where a word ends, or nothing). `marked` and `space` are (vocabulary,); a `space` token is white space
    and nothing else.
    """

    how: How
    marked: Flags
    space: Flags

    @property
    def has_boundaries(self) -> bool:
        """Whether a word's last token leaves open whether the word ends with it."""
        return self.how == "begins"

    def starts(self, ids: NDArray[np.int64], ranges: Spans | None = None, cleaned: str = "") -> Flags:
        """(tokens,) of a line with its `</s>`: whether each begins a word.

        Spaces before a word belong to it, those at the end of the line to `</s>`. `ranges` and `cleaned` are read
        where only spaces tell.
        """
        if self.how == "each":
            return np.ones(len(ids), bool)
        starts = np.zeros(len(ids), bool)
        if self.how == "begins":
            starts = self.marked[ids]
            starts[1:] &= ~self.space[ids[:-1]]
        else:
            assert ranges is not None
            space = [each.isspace() or each in _SPACE_MARKS for each in f" {cleaned} "]  # space[i]: character i − 1
            starts[:-1] = [space[begin] or space[begin + 1] for begin in ranges[:, 0].tolist()]
            starts[-1] = True
        starts[0] = True
        return starts


def word_marks(rules: TextRules) -> Marks:
    """How a model's tokenizer marks words."""
    names = tokens_by_id(rules.tokenizer)
    nothing = np.zeros(len(names), bool)
    if rules.kind in WORD_KINDS:
        return Marks("each", ~nothing, nothing)
    if rules.kind == "char":
        return _beginning(names, [name[0].isspace() for name in names], [name.isspace() for name in names])
    if rules.kind in ("byte", "bpe"):
        return _byte_level(names)
    return _imported(rules.tokenizer, names)


def _beginning(names: list[str], begins: list[bool], space: list[bool]) -> Marks:
    """Marks of tokens that begin words; `</s>` is one, since no word continues past it."""
    marked = np.array(begins)
    marked[END_ID] = True
    return Marks("begins", marked, np.array(space))


def _byte_level(names: list[str]) -> Marks:
    """A token begins a word when its first character is white space and all of that character's bytes are in it."""
    byte_of = {character: byte for byte, character in enumerate(byte_characters())}
    texts = [bytes(byte_of.get(c, 63) for c in name).decode("utf-8", "replace") for name in names]
    return _beginning(names, [text[:1].isspace() for text in texts], [text.isspace() for text in texts])


def _imported(tokenizer: Tokenizer, names: list[str]) -> Marks:
    """How the parts of an imported tokenizer mark words."""
    parts = json.loads(tokenizer.to_str())
    model: dict[str, Any] = parts["model"]
    nothing = np.zeros(len(names), bool)
    if model["type"] == "WordLevel":
        return Marks("each", ~nothing, nothing)
    prefix = model.get("continuing_subword_prefix")
    if model.get("end_of_word_suffix"):
        return Marks("blanks", nothing, nothing)
    if prefix:  # WordPiece: a piece that does not continue begins a word, as does `<unk>` for a whole word
        return _beginning(names, [not name.startswith(prefix) for name in names], nothing.tolist())
    # The mark of a space, if it is found where a word begins: a pre-tokenizer may have removed the spaces before.
    trial = tokenizer.encode("a b", add_special_tokens=False).tokens[1:]
    mark = next((each for each in _SPACE_MARKS if any(token.startswith(each) for token in trial)), None)
    if mark is None:
        return Marks("blanks", nothing, nothing)
    if mark == "Ġ":
        return _byte_level(names)
    return _beginning(names, [name.startswith(mark) for name in names], [not name.strip(mark) for name in names])


def token_ranges(rules: TextRules, cleaned: str, pieces: list[str]) -> Spans:
    """(tokens without `</s>`, 2): where each token is in the cleaned line.

    `pieces` are the tokens as text where they are whole words. Spaces at either end of a token are not part of its
    range, unless it has nothing else.
    """
    if rules.kind in WORD_KINDS:
        position, found = 0, []
        for piece in pieces:
            position = cleaned.index(piece, position)
            found.append((position, position + len(piece)))
            position += len(piece)
        return np.array(found, np.int64).reshape(-1, 2)
    if rules.kind == "char":
        positions = np.arange(len(cleaned))
        return np.stack([positions, positions + 1], 1)
    ranges = np.array(rules.tokenizer.encode(cleaned, add_special_tokens=False).offsets, np.int64).reshape(-1, 2)
    for row, (begin, end) in enumerate(ranges.tolist()):
        text = cleaned[begin:end]
        content = text.strip().strip("▁")
        if content and len(content) < len(text):
            first = begin + text.index(content)
            ranges[row] = first, first + len(content)
    return ranges
