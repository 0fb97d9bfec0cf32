"""Draws texts from a grammar, the same on every platform, and marks the words that need a long memory.

Only the raw 64-bit integers of the generator are used: what numpy makes of them for its distributions may
change between its versions, the integers of PCG64 may not.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rnnlm.builtin.grammar import Grammar, GrammarToken, Step

SIGHT = 4
"""Words before the current one that a 5-gram sees."""


@dataclass(frozen=True)
class Token:
    """One token of a text. `recall`: determined by words, but none that a 5-gram sees."""

    text: str
    """As printed, with capital and punctuation."""
    word: str
    """After default cleaning."""
    part_of_speech: str
    recall: bool


def below(limit: int, rng: np.random.Generator) -> int:
    """A uniform integer in [0, limit): raw integers above the last multiple of `limit` are drawn again."""
    fair = 2**64 - 2**64 % limit
    while (raw := int(rng.bit_generator.random_raw())) >= fair:
        pass
    return raw % limit


def choose(steps: Sequence[Step], rng: np.random.Generator) -> Step:
    """P(step) = its weight / the sum of the weights."""
    if len(steps) == 1:
        return steps[0]
    left = below(sum(weight for weight, _, _ in steps), rng)
    for step in steps:
        left -= step[0]
        if left < 0:
            return step
    raise AssertionError("weights are positive")


def derive(grammar: Grammar, rng: np.random.Generator) -> Iterator[GrammarToken]:
    """The tokens of one text."""
    state = grammar.initial
    while state[0]:
        _, token, state = choose(grammar.steps(state), rng)
        if token is not None:
            yield token


def sample(grammar: Grammar, rng: np.random.Generator) -> list[Token]:
    """One text with its marks."""
    categories = [grammar.categories[name] for name in grammar.registers.values()]
    tokens: list[Token] = []
    seen: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for position, token in enumerate(derive(grammar, rng)):
        recall = False
        if token.register is not None:
            category = categories[token.register]
            mentions = seen[token.register]
            settled = [last for form, last in mentions.items() if category.determines(form, token.form)]
            recall = category.varies(token.form) and bool(settled) and position - max(settled) > SIGHT
            mentions[token.form] = position
        tokens.append(Token(token.text, token.word, token.tag, recall))
    return tokens
