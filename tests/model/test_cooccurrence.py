"""The start from which words stand near which: against a slow dense decomposition, and what it is good for."""

import numpy as np
import pytest

from rnnlm.corpus.ids import Ids
from rnnlm.model import cooccurrence
from rnnlm.model.cooccurrence import WINDOW, cooccurrence_layer
from rnnlm.model.embedding import INIT_STD, nearest


def text(tokens: int = 6_000, size: int = 30) -> Ids:
    """Words come in pairs of kinds that stand in the same places: 2k and 2k + 1 after one of the same few words."""
    random = np.random.default_rng(5)
    flat = [2]
    while len(flat) < tokens:
        place = (flat[-1] // 2 + 1 + int(random.integers(2))) % (size // 2)
        flat.append(max(2, 2 * place + int(random.integers(2))))
    ids = np.array(flat, np.uint16)
    return Ids(ids, np.array([0, len(ids)], np.int64), np.zeros(1, np.uint32))


def dense(ids: Ids, size: int) -> np.ndarray:
    """M of the module, one pair after another."""
    counts = np.zeros((size, size))
    flat = ids.ids.astype(int)
    for place, word in enumerate(flat):
        for other in range(max(0, place - WINDOW), min(len(flat), place + WINDOW + 1)):
            if other != place:
                counts[word, flat[other]] += 1
    chance = counts.sum(0) ** 0.75
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts / (counts.sum(1, keepdims=True) * chance / chance.sum()))
    return np.where(counts > 0, information, 0).clip(min=0)


def test_it_is_the_scaled_decomposition_of_the_information() -> None:
    """E Eᵀ = Q Σ Qᵀ does not depend on signs; the layer has it up to one factor."""
    ids, size, dimensions = text(), 30, 12
    layer = cooccurrence_layer(ids, size, dimensions, 1).astype(float)
    left, scale, _ = np.linalg.svd(dense(ids, size))
    expected = (left[:, :dimensions] * scale[:dimensions]) @ left[:, :dimensions].T
    met = slice(3, None)
    found = layer[met] @ layer[met].T
    factor = (found * expected[met, met]).sum() / (found**2).sum()
    assert np.allclose(found * factor, expected[met, met], atol=0.02 * np.abs(expected).max())
    assert float(layer[met].std()) == pytest.approx(INIT_STD, rel=0.05)


def test_pieces_of_a_text_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cooccurrence._pairs(text().ids, 30)
    monkeypatch.setattr(cooccurrence, "_BLOCK", 1_000)
    parts = cooccurrence._pairs(text().ids, 30)
    lost = 5 * 2 * sum(range(1, WINDOW + 1))  # pairs across the five seams
    assert 0 < whole[1].sum() - parts[1].sum() <= lost


def test_a_long_text_is_looked_at_in_even_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooccurrence, "_BLOCK", 100)
    monkeypatch.setattr(cooccurrence, "_TOKENS", 1_500)
    blocks = list(cooccurrence._blocks(np.arange(6_000)))
    assert [int(block[0]) for block in blocks] == list(range(0, 6_000, 400))
    assert all(len(block) == 100 for block in blocks)


def test_words_of_one_place_are_neighbours_and_others_stay_random() -> None:
    layer = cooccurrence_layer(text(), 40, 12, 1)
    found = sum(nearest(layer, layer[word], 1, [word])[0][0] == word ^ 1 for word in range(6, 30))
    assert found >= 12  # of 24; by chance it would be one
    assert not layer[0].any()
    assert np.array_equal(layer[1], layer[2])
    assert (np.abs(layer[30:]).sum(1) > 0).all()
    assert np.array_equal(layer, cooccurrence_layer(text(), 40, 12, 1))


def test_no_words_no_start() -> None:
    nothing = Ids(np.array([2], np.uint16), np.array([0, 1], np.int64), np.zeros(1, np.uint32))
    assert cooccurrence_layer(nothing, 10, 4, 1).shape == (10, 4)
