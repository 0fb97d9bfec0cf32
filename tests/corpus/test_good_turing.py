"""How much of a text is new."""

from collections import Counter

import numpy as np
import pytest

from rnnlm.corpus import ids as ids_of_splits
from rnnlm.corpus.ids import probability_of_new


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("largest", [3, 200, 60_000])
def test_it_is_the_fraction_of_n_grams_that_occur_once(n: int, largest: int) -> None:
    ids = np.random.default_rng(n).integers(0, largest + 1, 3_000).astype(np.uint16)
    counts = Counter(tuple(ids[start : start + n].tolist()) for start in range(len(ids) - n + 1))
    once = sum(count == 1 for count in counts.values())
    assert probability_of_new(ids, n) == once / (len(ids) - n + 1)


def test_a_text_of_one_word_has_nothing_new_and_one_too_short_nothing_old() -> None:
    assert probability_of_new(np.full(9, 7, np.uint32)) == 0
    assert probability_of_new(np.array([7, 7], np.uint32)) == 1
    assert probability_of_new(np.empty(0, np.uint32)) == 1


def test_of_a_long_text_the_beginning_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids_of_splits, "_TOKENS", 5)
    assert probability_of_new(np.array([1, 2, 3, 4, 5, 1, 2, 3], np.uint16)) == 1
