"""Minimal pairs of the built-in stories: a story, and the same with one word that the grammar rules out there.

The word agrees with an earlier one in gender (he, his, him, boy) or number (was, is, it, its, them, this, …) and the
wrong one is the other value's form, which has probability 0 at its place. The type of a pair is the distance in words
from the nearest earlier word that settles the form, 1 for its neighbour. The draws are fresh stories, not those of the
corpus, and the same on every platform. Who scores them is not known here.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnlm.builtin.grammar import Category, GrammarToken
from rnnlm.builtin.lexicon import GENDER_FORMS, NUMBER_FORMS
from rnnlm.builtin.probability import initial_belief, observe
from rnnlm.builtin.sampling import derive
from rnnlm.builtin.stories import GRAMMAR

_FORMS = frozenset((*GENDER_FORMS, *NUMBER_FORMS))
_BANDS = (1, 2, 4, 8, 16)  # the last distance of each band of types


@dataclass(frozen=True)
class Agreement:
    """A pair of stories as printed, and how many words the right word is after what settles it."""

    good: str
    bad: str
    distance: int

    @property
    def type(self) -> str:
        """The distance in words, far ones in bands."""
        first = 1
        for last in _BANDS:
            if self.distance <= last:
                return f"distance {last}" if first == last else f"distance {first}-{last}"
            first = last + 1
        return f"distance {first} or more"


def agreements(random: np.random.Generator) -> Iterator[Agreement]:
    """Pairs without end, those of one story in the order of their words."""
    categories = [GRAMMAR.categories[name] for name in GRAMMAR.registers.values()]
    while True:
        story = list(derive(GRAMMAR, random))
        belief = initial_belief(GRAMMAR)
        said: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for position, spoken in enumerate(story):
            if spoken.register is not None:
                category = categories[spoken.register]
                mentions = said[spoken.register]
                settled = [last for form, last in mentions.items() if category.determines(form, spoken.form)]
                if settled and spoken.form in _FORMS:
                    other = _other(category, spoken)
                    if other is not None and observe(GRAMMAR, belief, other)[0] == 0:
                        yield _pair(story, position, other, position - max(settled))
                mentions[spoken.form] = position
            _, belief = observe(GRAMMAR, belief, spoken.word)


def _other(category: Category, spoken: GrammarToken) -> str | None:
    """The form that another value would have had; None where all have the same."""
    return next((entry[spoken.form] for entry in category.entries if entry[spoken.form] != spoken.word), None)


def _pair(story: list[GrammarToken], position: int, other: str, distance: int) -> Agreement:
    texts = [spoken.text for spoken in story]
    text, word = texts[position], story[position].word
    start = text.lower().index(word)
    wrong = other.capitalize() if text[start].isupper() else other
    changed = text[:start] + wrong + text[start + len(word) :]
    return Agreement(" ".join(texts), " ".join([*texts[:position], changed, *texts[position + 1 :]]), distance)


def pair_lines(count: int, random: np.random.Generator) -> Iterator[str]:
    """`count` pairs as lines `right<TAB>wrong<TAB>type`."""
    for _, pair in zip(range(count), agreements(random), strict=False):
        yield f"{pair.good}\t{pair.bad}\t{pair.type}"
