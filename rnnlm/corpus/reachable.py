"""Words that can come out of cleaning and cutting a text, and those that cannot: checks a vocabulary from outside."""

from collections.abc import Sequence

from rnnlm.corpus.encoder import Segmenter
from rnnlm.corpus.normalizer import SPECIALS, Cleaner, CleanRule


def unreachable(kind: str, rule: CleanRule, words: Sequence[str]) -> list[str]:
    """Those of `words` that are not what they are after cleaning and cutting, such as 'The' where case goes."""
    plain = [word for word in words if word not in SPECIALS]
    text = "".join(f"{word}\n" for word in plain).encode()
    tokens = Segmenter(kind, rule).block(Cleaner(rule).block(text)).decode().split("\n")
    return [word for word, token in zip(plain, tokens, strict=False) if word != token]
