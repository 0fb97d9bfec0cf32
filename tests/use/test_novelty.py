"""The longest run copied from a text: what comparing everything with everything gives."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.use.generation import novelty
from rnnlm.use.generation.novelty import Copied, longest_copies


def length_by_definition(text: Sequence[int], train: Sequence[int]) -> int:
    """Every run of the text held against every position."""
    runs = {tuple(train[i:j]) for i in range(len(train)) for j in range(i + 1, min(len(train), i + len(text)) + 1)}
    return max(
        (j - i for i in range(len(text)) for j in range(i + 1, len(text) + 1) if tuple(text[i:j]) in runs), default=0
    )


def check(texts: list[list[int]], train: list[int]) -> None:
    """Of each text the right length, at a position where it occurs."""
    found = longest_copies(texts, np.array(train, np.uint16))
    assert len(found) == len(texts)
    for text, copied in zip(texts, found, strict=True):
        assert copied.length == length_by_definition(text, train)
        run = text[copied.start : copied.start + copied.length]
        assert train[copied.position : copied.position + copied.length] == run


few_ids = st.integers(2, 5)


@given(st.lists(st.lists(few_ids, max_size=20), min_size=1, max_size=4), st.lists(few_ids, max_size=40))
@settings(max_examples=120)
def test_any_texts(texts: list[list[int]], train: list[int]) -> None:
    check(texts, train)


@pytest.mark.parametrize("block", [1, 3, 7])
def test_blocks_and_parts_change_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "_BLOCK", block)
    monkeypatch.setattr(novelty, "_PAIRS", block)
    draw = np.random.default_rng(4)
    train = draw.integers(2, 8, 120).tolist()
    texts = [[*train[30:55], 9, 9], [9, 3, 9], train[:3], [], draw.integers(2, 8, 30).tolist()]
    check(texts, train)


def test_runs_of_every_length_are_found_at_their_first_place() -> None:
    train = list(range(1000, 1400)) + list(range(1000, 1400))
    for length in (1, 2, 3, 7, 8, 15, 16, 17, 100, 300):
        text = [3, *range(1050, 1050 + length), 5]
        assert longest_copies([text], np.array(train, np.uint32)) == [Copied(1, length, 50)]
    assert longest_copies([[7, 8]], np.array(train, np.uint16)) == [Copied(0, 0, 0)]
    assert longest_copies([[7, 8], []], np.array([], np.uint16)) == [Copied(0, 0, 0)] * 2


def test_the_same_hash_is_not_taken_for_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "_hashes", lambda ids, width: np.zeros(max(0, len(ids) - width + 1), np.uint64))
    check([[4, 5, 4, 4], [2, 2, 3], [9]], [4, 5, 2, 3, 4, 4, 5, 3])
