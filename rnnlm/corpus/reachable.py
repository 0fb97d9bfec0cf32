"""Words that cleaning and splitting a text can produce, and those that it cannot: checks a given vocabulary."""

from collections.abc import Sequence

from rnnlm.corpus.normalizer import SPECIALS, Cleaner, CleanRule
from rnnlm.corpus.text import Segmenter


def unreachable(kind: str, rule: CleanRule, words: Sequence[str]) -> list[str]:
    """Those of `words` that cleaning and splitting change, such as 'The' where case is removed."""
    plain = [word for word in words if word not in SPECIALS]
    text = "".join(f"{word}\n" for word in plain).encode()
    tokens = Segmenter(kind, rule).block(Cleaner(rule).block(text)).decode().split("\n")
    return [word for word, token in zip(plain, tokens, strict=False) if word != token]
