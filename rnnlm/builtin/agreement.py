"""Minimal pairs of the built-in stories: a story, and the same with one word that the grammar rules out there.

The word agrees with an earlier one in gender (he, his, him, boy) or number (was, is, it, its, them, this, …) and the
wrong one is the form of another value, which has probability 0 at that position. The type of a pair is the distance in
words from the nearest earlier word that determines the form, 1 for its neighbor. The stories are newly drawn, not those
of the corpus, and the same on every platform. How they are scored is not known here.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rnnlm.builtin.grammar import Category, Derivation, GrammarToken
from rnnlm.builtin.lexicon import GENDER_FORMS, NUMBER_FORMS
from rnnlm.builtin.probability import observe
from rnnlm.builtin.sampling import derive
from rnnlm.builtin.stories import GRAMMAR

_FORMS = frozenset((*GENDER_FORMS, *NUMBER_FORMS))
_LAST_DISTANCES = (1, 2, 4, 8, 16)  # of each range that is a type


@dataclass(frozen=True)
class Agreement:
    """A pair of stories as printed, and the distance in words from the determining word to the right one."""

    good: str
    bad: str
    distance: int

    @property
    def type(self) -> str:
        """The distance in words, longer ones as ranges."""
        first = 1
        for last in _LAST_DISTANCES:
            if self.distance <= last:
                return f"distance {last}" if first == last else f"distance {first}-{last}"
            first = last + 1
        return f"distance {first} or more"


def agreements(random: np.random.Generator) -> Iterator[Agreement]:
    """Endless pairs, those of one story in the order of their words."""
    categories = [GRAMMAR.categories[name] for name in GRAMMAR.registers.values()]
    while True:
        story = list(derive(GRAMMAR, random))
        belief: Mapping[Derivation, float] = GRAMMAR.beginnings
        seen: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for position, token in enumerate(story):
            if token.register is not None:
                category = categories[token.register]
                mentions = seen[token.register]
                settled = [last for form, last in mentions.items() if category.determines(form, token.form)]
                if settled and token.form in _FORMS:
                    other = _other(category, token)
                    if other is not None and observe(GRAMMAR, belief, other)[0] == 0:
                        yield _pair(story, position, other, position - max(settled))
                mentions[token.form] = position
            _, belief = observe(GRAMMAR, belief, token.word)


def _other(category: Category, token: GrammarToken) -> str | None:
    """The form that another value would have had; None where all have the same."""
    return next((entry[token.form] for entry in category.entries if entry[token.form] != token.word), None)


def _pair(story: list[GrammarToken], position: int, other: str, distance: int) -> Agreement:
    texts = [token.text for token in story]
    text, word = texts[position], story[position].word
    start = text.lower().index(word)
    wrong = other.capitalize() if text[start].isupper() else other
    changed = text[:start] + wrong + text[start + len(word) :]
    return Agreement(" ".join(texts), " ".join([*texts[:position], changed, *texts[position + 1 :]]), distance)


def pair_lines(count: int, random: np.random.Generator) -> Iterator[str]:
    """`count` pairs as lines `right<TAB>wrong<TAB>type`."""
    for _, pair in zip(range(count), agreements(random), strict=False):
        yield f"{pair.good}\t{pair.bad}\t{pair.type}"
