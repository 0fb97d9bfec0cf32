"""Intervals: the same under a seed, as wide as the closed form, and right as often as they say."""

import numpy as np
import pytest

from rnnlm.corpus.ids import Ids
from rnnlm.model.likelihood import SpanNats
from rnnlm.use.comparison.bootstrap import mean_interval, paired_difference, resample, units_of


def random(seed: int) -> np.random.Generator:
    """A generator."""
    return np.random.Generator(np.random.PCG64(seed))


def text(lengths: list[int], documents: list[int]) -> Ids:
    """A text of such lines."""
    offsets = np.cumsum([0, *lengths])
    return Ids(np.full(offsets[-1], 2, np.uint16), offsets.astype(np.int64), np.array(documents, np.uint32))


def test_a_seed_means_the_same_resamples() -> None:
    values = random(0).normal(size=(70, 2))
    assert np.array_equal(resample(values, 300, 4), resample(values, 300, 4))
    assert not np.array_equal(resample(values, 300, 4), resample(values, 300, 5))
    # Metrics share their resamples, so that differences are paired.
    assert resample(values, 300, 4)[:, :1] == pytest.approx(resample(values[:, :1], 300, 4), abs=1e-12)


def test_every_resample_draws_as_many_units_as_there_are() -> None:
    assert np.all(resample(np.ones((33, 1)), 500, 1) == 33)


def test_the_spread_is_that_of_the_closed_form() -> None:
    """The standard deviation of a resampled mean is that of the values over √n."""
    values = random(1).normal(3, 2, 400)
    means = resample(values[:, None], 4000, 2)[:, 0] / 400
    assert means.std() == pytest.approx(values.std() / 20, rel=0.05)
    assert means.mean() == pytest.approx(values.mean(), abs=0.02)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Lines of n tokens, each of mean cost 2: the interval of the mean cost holds 2 in 95 % of texts."""
    held = 0
    draw = random(3)
    for seed in range(400):
        sizes = draw.integers(5, 30, 80).astype(float)
        found = mean_interval(2 * sizes + draw.normal(0, 1, 80) * np.sqrt(sizes), sizes, 400, seed)
        assert found is not None
        held += found[0] <= 2 <= found[1]
    assert 0.91 <= held / 400 <= 0.98
    assert mean_interval(np.ones(9), np.ones(9), 400, 1) is None, "nine lines say nothing of another text"


def test_a_p_value_is_small_as_often_as_chance_makes_it() -> None:
    """Without a difference p < 0.1 in a tenth of texts; with a large one always; with none at all it is 1."""
    draw = random(4)
    sizes, small = np.full(60, 10.0), 0
    for seed in range(300):
        a, b = draw.normal(20, 2, 60), draw.normal(20, 2, 60)
        small += paired_difference(a, b, sizes, 300, seed).p_value < 0.1
    assert 0.05 <= small / 300 <= 0.16
    found = paired_difference(a + 5, a, sizes, 999, 1)
    assert (found.mean, found.p_value) == (pytest.approx(0.5), 0.001)
    assert paired_difference(a, a, sizes, 100, 1).p_value == 1


def test_what_is_drawn() -> None:
    """Documents where there are enough of them, lines otherwise, neighbours together where there are very many."""
    lines = units_of(text([3, 1, 4, 2], [0, 2]))
    assert (lines.name, lines.offsets.tolist()) == ("lines", [0, 3, 4, 8, 10])
    values = np.arange(10.0)
    pieces = [SpanNats(start, values[start:end]) for start, end in ((5, 9), (0, 2), (9, 10), (2, 5))]
    assert lines.sums(pieces).tolist() == [3, 3, 22, 17]
    other = text([1, 1, 5, 1], [])
    assert lines.of(other).offsets.tolist() == [0, 1, 2, 7, 8]
    documents = units_of(text([2] * 100, list(range(1, 100, 2))))
    assert documents.name == "documents"
    assert documents.offsets.tolist() == [0, *range(2, 199, 4), 200]
    many = units_of(text([1] * 50_001, []))
    assert len(many.offsets) == 20_001 and many.tokens.sum() == 50_001 and many.tokens.min() == 2
