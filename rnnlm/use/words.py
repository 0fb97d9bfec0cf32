"""The tokens of a model by the words that a person types, and their nearest neighbors in an embedding layer."""

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.corpus.normalizer import normalize
from rnnlm.corpus.settings import WORD_KINDS
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import UNKNOWN_ID, shown, tokens_by_id
from rnnlm.errors import InputError
from rnnlm.model.embedding import EmbeddingLayer, analogy, nearest, principal_components
from rnnlm.use.generation.prompt import check_unicode

_ON_MAP = 200

Near = list[tuple[str, float]]  # tokens with their cosines, nearest first


class WordVectors:
    """An embedding layer (V, D) with the names of its rows."""

    def __init__(self, layer: EmbeddingLayer, rules: TextRules) -> None:
        self._layer, self._rules = layer, rules
        self._names = tokens_by_id(rules.tokenizer)
        self._ids = {name: number for number, name in enumerate(self._names)}

    def id(self, word: str) -> int:
        """The id of a token, cleaned first where it is a word; InputError for one outside the vocabulary."""
        check_unicode(word)
        clean = normalize(self._rules.rule.normalizer(), word) if self._rules.kind in WORD_KINDS else word
        number = self._ids.get(clean)
        if number is None or number <= UNKNOWN_ID:
            raise InputError(f"{word!r} is not in the vocabulary", "vocab/vocabulary.tsv in the workspace lists it")
        return number

    def vector(self, word: str) -> NDArray[np.float32]:
        """The row (D,) of a token."""
        return np.array(self._layer[self.id(word)])

    def neighbors(self, word: str, k: int) -> Near:
        """The `k` tokens nearest to one."""
        number = self.id(word)
        return self._named(nearest(self._layer, self._layer[number], k, [number]))

    def analogy(self, a: str, b: str, c: str, k: int) -> Near:
        """What is to `c` as `b` is to `a`."""
        return self._named(analogy(self._layer, self.id(a), self.id(b), self.id(c), k))

    def map(self) -> tuple[Floats, list[str]]:
        """The most frequent tokens: (tokens, 2) by the layer's principal components, and their names."""
        numbers = range(UNKNOWN_ID + 1, min(UNKNOWN_ID + 1 + _ON_MAP, len(self._names)))
        names = [shown(self._names[number], self._rules.kind) for number in numbers]
        return principal_components(self._layer[list(numbers)]), names

    def _named(self, found: list[tuple[int, float]]) -> Near:
        return [(self._names[number], cosine) for number, cosine in found]
