"""Agreement pairs: one word apart, the right one possible, the wrong one not, the same for a seed."""

import re
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from rnnlm.builtin.agreement import Agreement, agreements, pair_lines
from rnnlm.builtin.probability import token_nats
from rnnlm.builtin.stories import GRAMMAR, corpus_lines


def random(seed: int) -> np.random.Generator:
    """The generator of the command."""
    return np.random.Generator(np.random.PCG64(seed))


def words(text: str) -> list[str]:
    """Cleaned words."""
    return re.sub(r"[^a-z]+", " ", text.lower()).split()


def test_the_wrong_word_is_the_one_that_cannot_be() -> None:
    for pair in islice(agreements(random(1)), 300):
        good, bad = words(pair.good), words(pair.bad)
        (position,) = [position for position, (one, other) in enumerate(zip(good, bad, strict=True)) if one != other]
        assert all(np.isfinite(token_nats(GRAMMAR, good)))
        nats = token_nats(GRAMMAR, bad)
        assert all(np.isfinite(nats[:position]))
        assert nats[position] == np.inf
        assert 1 <= pair.distance <= position


def test_the_determining_word_is_at_the_distance_given() -> None:
    """The word there belongs to the same person or thing: another one would have allowed the wrong form."""
    of_gender = {"he", "his", "him", "boy", "she", "her", "girl"}
    seen = Counter()
    for pair in islice(agreements(random(2)), 300):
        good, bad = words(pair.good), words(pair.bad)
        (position,) = [position for position, (one, other) in enumerate(zip(good, bad, strict=True)) if one != other]
        cue = good[position - pair.distance]
        seen[good[position] in of_gender] += 1
        if cue not in of_gender and good[position] in of_gender:
            assert f" {cue} " in " Tom Sam Ben Max Anna Lily Emma Mia king prince queen princess ".lower()
    assert min(seen[True], seen[False]) > 30


def test_capitals_and_punctuation_stay() -> None:
    for pair in islice(agreements(random(3)), 200):
        shape = re.sub(r"[a-z]+", "a", pair.good), re.sub(r"[a-z]+", "a", pair.bad)
        assert shape[0] == shape[1]


def test_the_pairs_are_those_of_the_seed_and_not_the_corpus() -> None:
    lines = list(pair_lines(50, random(1)))
    assert lines == list(pair_lines(50, random(1)))
    assert lines != list(pair_lines(50, random(2)))
    assert lines[:20] == list(pair_lines(20, random(1)))
    stories = set(corpus_lines())
    assert not [line for line in lines if line.split("\t")[0] in stories]
    assert lines[0].split("\t")[2] == "distance 3-4", "the same on every platform"


@pytest.mark.parametrize(
    ("distance", "type_"),
    [(1, "distance 1"), (2, "distance 2"), (3, "distance 3-4"), (8, "distance 5-8"), (9, "distance 9-16"),
     (17, "distance 17 or more")],
)  # fmt: skip
def test_types_are_ranges_of_distances(distance: int, type_: str) -> None:
    assert Agreement("", "", distance).type == type_
