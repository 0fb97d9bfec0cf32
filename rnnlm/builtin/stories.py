"""The built-in corpus: children's stories whose exact probability is known.

The corpus is generated, not downloaded; `data/stories.txt` holds the same bytes. The corpus
stages clean and split it; here are its lines, its tags and the best score that any model can reach on it.
"""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rnnlm.builtin.grammar import Grammar
from rnnlm.builtin.lexicon import CATEGORIES, REGISTERS, TAGS
from rnnlm.builtin.sampling import Token, sample

_PLOTS = tomllib.loads(Path(__file__).with_name("plots.toml").read_text("utf-8"))
GRAMMAR = Grammar(CATEGORIES, REGISTERS, _PLOTS, TAGS)

STORY_SEED = 2024
STORY_COUNT = 5400
STORIES_SHA256 = "0b83efd77c0f0ddb4d0cb96ba19ebb7593d7d114dd1996fe05cd56796522c365"
"""Digest of the corpus as a file: `corpus_lines()`, each line ended by a line feed."""


def story(rng: np.random.Generator) -> list[Token]:
    return sample(GRAMMAR, rng)


def stories(seed: int = STORY_SEED, count: int = STORY_COUNT) -> Iterator[list[Token]]:
    rng = np.random.Generator(np.random.PCG64(seed))
    return (story(rng) for _ in range(count))


def line(tokens: Sequence[Token]) -> str:
    """The story as printed, without a line end."""
    return " ".join(token.text for token in tokens)


def corpus_lines() -> Iterator[str]:
    return map(line, stories())


def tags(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """Word and part of speech of each token."""
    return [(token.word, token.part_of_speech) for token in tokens]


def tagged_lines() -> Iterator[list[tuple[str, str]]]:
    """The tagged words of each story of the corpus."""
    return map(tags, stories())
