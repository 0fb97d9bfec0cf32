"""The words and ids of a model that is read from an ARPA file, from its section of single words.

If the file has exactly the tokens of the workspace, they keep their ids. Otherwise the file's words are the vocabulary,
by descending probability; with a tokenizer whose tokens are learned or given, which no file can supply, those of the
workspace are.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.normalizer import END, PAD, SPECIALS, START, UNKNOWN
from rnnlm.corpus.tokenizer import PAD_ID, START_ID, UNKNOWN_ID
from rnnlm.errors import InputError
from rnnlm.model.ngram.arpa_rows import ArpaRows, wrong

UNSEEN = -100.0  # log10 p of a token that is not in the file, as in KenLM; p above 0 keeps costs finite


@dataclass(frozen=True)
class ArpaWords:
    """`tokens` by id, in ARPA form; `ids` of the words of the file; `absent` counts those not in it.

    `log10_p` and `log10_b` (vocabulary,) are those of the single words; log10 p is −∞ for `<pad>` and `<s>`.
    """

    tokens: list[str]
    ids: dict[bytes, int]
    log10_p: NDArray[np.float64]
    log10_b: NDArray[np.float64]
    absent: int

    @property
    def has_unknown(self) -> bool:
        """Whether the file has `<unk>`."""
        return UNKNOWN.encode() in self.ids

    @property
    def total(self) -> float:
        """The sum of the single words' probabilities."""
        return float((10.0**self.log10_p).sum())


def arpa_words(name: str, rows: Sequence[ArpaRows], known: Sequence[str], *, own: bool) -> ArpaWords:
    """The vocabulary from the single words of the file `name`.

    `known` are the workspace's tokens by id, in ARPA form; with `own` the file's may replace them. Tokens that the file
    lacks share the probability of its `<unk>`. Raises InputError for a duplicate word, a special string that cannot be
    predicted, a token that is not one of the fixed ones, or a missing `</s>`.
    """
    words = [word.decode() for block in rows for word in block.words]
    lines = [int(line) for block in rows for line in block.lines]
    if UNKNOWN not in words:
        words = [UNKNOWN if word == "<UNK>" else word for word in words]
    _check(name, words, lines)
    log10_p = np.concatenate([block.log10_p for block in rows])
    log10_b = np.concatenate([block.log10_b for block in rows])
    tokens = list(known)
    if own and set(words).difference(SPECIALS) != set(known).difference(SPECIALS):
        falling = [words[row] for row in np.argsort(-log10_p, kind="stable")]
        tokens = [*SPECIALS, *(word for word in falling if word not in SPECIALS)]
    numbers = {token: number for number, token in enumerate(tokens)}
    for word, line in zip(words, lines, strict=True):
        if word not in numbers:
            remedy = "read it into a workspace whose tokenizer made its tokens"
            raise wrong(name, line, f"{word!r} is no token of the workspace's tokenizer", remedy)
    rows_of = [numbers[word] for word in words]
    p, b = np.full(len(tokens), np.nan), np.zeros(len(tokens))
    p[rows_of], b[rows_of] = log10_p, log10_b
    p[[PAD_ID, START_ID]] = -np.inf
    absent = np.isnan(p)
    p[absent] = UNSEEN
    if absent.any() and not absent[UNKNOWN_ID]:
        p[absent] = p[UNKNOWN_ID] = p[UNKNOWN_ID] - math.log10(absent.sum() + 1)
    ids = {word.encode(): number for word, number in zip(words, rows_of, strict=True)}
    if UNKNOWN.encode() in ids:
        ids.setdefault(b"<UNK>", UNKNOWN_ID)
    return ArpaWords(tokens, ids, p, b, int(absent.sum()))


def _check(name: str, words: list[str], lines: list[int]) -> None:
    if len(set(words)) < len(words):
        twice, count = Counter(words).most_common(1)[0]
        assert count > 1
        second = [line for word, line in zip(words, lines, strict=True) if word == twice][1]
        raise wrong(name, second, f"the word {twice!r} stands twice", "each n-gram has one line")
    if PAD in words:
        raise wrong(name, lines[words.index(PAD)], f"the word {PAD} cannot be predicted", "give it another name")
    if END not in words:
        raise InputError(
            f"{name} has no {END} among its words", f"estimate it on lines that end in {END}, {START} first"
        )
