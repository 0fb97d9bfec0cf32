"""Weights of mixtures, held to a search over all weights on a grid."""

import itertools

import numpy as np
import pytest

from rnnlm.model.likelihood import mixture_nats
from rnnlm.use.ladder.mixture import fit_weights, weights_by_class


def costs(seed: int, components: int, tokens: int = 200) -> list[np.ndarray]:
    """Costs of random probabilities, some of them 0."""
    random = np.random.Generator(np.random.PCG64(seed))
    p = random.beta(0.3, 2, (components, tokens))
    p[1:, ::17] = 0
    with np.errstate(divide="ignore"):
        return list(-np.log(p))


@pytest.mark.parametrize(("components", "steps"), [(2, 400), (3, 60)])
@pytest.mark.parametrize("seed", range(3))
def test_no_weights_on_a_grid_are_better(components: int, steps: int, seed: int) -> None:
    given = costs(seed, components)
    best = mixture_nats(given, fit_weights(given)).mean()
    p = np.exp(-np.stack(given))
    for counts in itertools.product(range(steps + 1), repeat=components - 1):
        if sum(counts) <= steps:
            weights = np.array([*counts, steps - sum(counts)]) / steps
            with np.errstate(divide="ignore"):
                assert -np.log(weights @ p).mean() >= best - 1e-7


def test_a_mixture_costs_what_its_sum_says() -> None:
    given = costs(5, 3)
    expected = -np.log(0.5 * np.exp(-given[0]) + 0.3 * np.exp(-given[1]) + 0.2 * np.exp(-given[2]))
    assert mixture_nats(given, [0.5, 0.3, 0.2]) == pytest.approx(expected, abs=1e-12)
    assert mixture_nats(given, [1.0, 0.0, 0.0]) == pytest.approx(given[0], abs=1e-12)


def test_costs_too_large_for_a_probability_are_weighed_all_the_same() -> None:
    weights = fit_weights([np.array([800.0, 900.0, 1000.0]), np.array([801.0, 899.0, 1000.0])])
    assert weights == pytest.approx([0.5, 0.5], abs=1e-3)


def test_what_never_helps_gets_no_weight_and_one_more_component_never_harms() -> None:
    first, second, third = costs(8, 3)
    useless = first + 0.1
    weights = fit_weights([first, useless])
    assert weights[1] < 1e-5
    two = mixture_nats([first, second], fit_weights([first, second])).mean()
    three = mixture_nats([first, second, third], fit_weights([first, second, third])).mean()
    assert three <= two + 1e-7


def test_a_class_has_its_own_weights_and_none_costs_more_than_the_weights_of_all() -> None:
    given, classes = costs(9, 3, 3000), np.arange(3000, dtype=np.uint8) % 3
    given[0][classes == 1] += 2
    table = weights_by_class(given, classes, 4)
    whole = fit_weights(given)
    assert table.shape == (4, 3) and table.sum(1) == pytest.approx(np.ones(4))
    assert table[3] == pytest.approx(whole)  # a class without tokens
    assert table[1, 0] < table[0, 0] - 0.1 and table[1, 0] < table[2, 0] - 0.1
    for number in range(3):
        own = [cost[classes == number] for cost in given]
        assert mixture_nats(own, table[number]).mean() <= mixture_nats(own, whole).mean() + 1e-9
        best = mixture_nats(own, fit_weights(own)).mean()
        assert mixture_nats(own, table[number]).mean() <= best + 0.02
    mixed = mixture_nats(given, table[classes].T)
    slow = [
        -np.log(sum(w * np.exp(-cost[t]) for w, cost in zip(table[classes[t]], given, strict=True))) for t in range(50)
    ]
    assert mixed[:50] == pytest.approx(slow, abs=1e-12)


def test_a_class_of_few_tokens_stays_near_the_weights_of_all() -> None:
    given, classes = costs(9, 3, 3000), np.zeros(3000, np.uint8)
    classes[:5] = 1
    whole, table = fit_weights(given), weights_by_class(given, classes, 2)
    assert np.abs(table[1] - whole).max() < 0.05
