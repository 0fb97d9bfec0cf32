"""Metrics of predicted labels: scikit-learn's on the same pairs, and what has to hold whatever the pairs."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlm.use.labels.metrics import Confusion
from rnnlm.use.labels.predict import prior_offsets

LABELS = tuple("abcde")
pairs = st.lists(st.tuples(st.integers(-2, 4), st.integers(0, 4)), max_size=40)


def counted(truth: list[int], predicted: list[int]) -> Confusion:
    """The counts of some pairs."""
    confusion = Confusion(LABELS)
    confusion.add(np.array(truth, np.int64), np.array(predicted, np.int64))
    return confusion


def test_the_figures_are_those_of_scikit_learn() -> None:
    """scikit-learn 1.9.1 with zero_division=0; the truth 5 there, outside the labels asked for, is -2 here."""
    confusion = counted([0, 0, 1, 1, 2, 2, 2, 0, -2, -2], [0, 1, 1, 1, 0, 2, 3, 0, 0, 2])
    assert confusion.accuracy == 0.5
    assert confusion.macro_f1 == pytest.approx(0.35428571428571426, abs=1e-15)
    scores = confusion.per_label()
    assert [score.precision for score in scores] == pytest.approx([0.5, 2 / 3, 0.5, 0, 0])
    assert [score.recall for score in scores] == pytest.approx([2 / 3, 1, 1 / 3, 0, 0])
    assert [score.f1 for score in scores] == pytest.approx([4 / 7, 0.8, 0.4, 0, 0])
    assert [score.support for score in scores] == [3, 2, 3, 0, 0]
    assert confusion.matrix.tolist() == [
        [2, 1, 0, 0, 0], [0, 2, 0, 0, 0], [1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0],
    ]  # fmt: skip
    assert (confusion.predictions, confusion.unseen) == (10, 2)


def test_a_label_that_is_neither_true_nor_predicted_does_not_count() -> None:
    """Only a and b are met, so the mean is over these two and not over all five."""
    assert counted([0, 0, 1, 1], [0, 0, 1, 1]).macro_f1 == 1
    assert counted([0, 0, 1, 1, 1], [0, 0, 1, 1, 0]).macro_f1 == pytest.approx((0.8 + 0.8) / 2)


@given(pairs, pairs)
def test_pieces_add_up(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    whole = counted([t for t, _ in first + second], [p for _, p in first + second])
    parts = counted([t for t, _ in first], [p for _, p in first])
    parts.add(np.array([t for t, _ in second], np.int32), np.array([p for _, p in second], np.int64))
    assert parts.report() == whole.report()
    truths = [t for t, _ in first + second]
    assert whole.predictions == sum(t != -1 for t in truths)
    assert whole.unseen == truths.count(-2)
    right = sum(t == p for t, p in first + second)
    assert whole.accuracy == pytest.approx(right / max(1, whole.predictions))
    assert 0 <= whole.macro_f1 <= 1
    json.dumps(whole.report(), allow_nan=False)


def test_arrays_of_a_batch_count_as_they_are() -> None:
    confusion = Confusion(LABELS)
    confusion.add(np.array([[0, 1], [-1, 1]]), np.array([[0, 0], [3, 1]]))
    assert confusion.predictions == 3
    assert confusion.accuracy == pytest.approx(2 / 3)
    assert confusion.per_label()[3].predicted == 0


def test_offsets_take_out_the_frequency_of_labels() -> None:
    offsets = prior_offsets((8, 0, 2), 1.0)
    assert np.allclose(offsets, -np.log([9 / 13, 1 / 13, 3 / 13]))
    assert not prior_offsets((8, 0, 2), 0.0).any()
    assert np.allclose(prior_offsets((8, 0, 2), 0.5), offsets / 2)
