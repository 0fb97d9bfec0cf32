"""Rows of the ladder: each is the mixture of its parts that its weights say, summed over lines by a slow loop."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from test_adaptive import VOCABULARY, network, text

from rnnlm.corpus.ids import Ids
from rnnlm.model.likelihood import SpanNats, log_probabilities, text_nats, text_readings
from rnnlm.model.network import Network
from rnnlm.model.ngram.grams import read_grams
from rnnlm.model.ngram.kneser_ney import estimate
from rnnlm.model.ngram.model import NgramModel
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.ladder import components
from rnnlm.use.ladder import ladder as module
from rnnlm.use.ladder.components import Components, MixtureModel
from rnnlm.use.ladder.contexts import Contexts
from rnnlm.use.ladder.dynamic import DynamicRule, dynamic_nats, gradient_scales
from rnnlm.use.ladder.ladder import Ladder, LadderRow
from rnnlm.use.ladder.neural_cache import CacheShape, cache_nats


def repeated(ids: Ids, times: int) -> Ids:
    """A text again and again, which a cache and a learner can profit from."""
    starts = np.arange(times)[:, None] * len(ids.ids)
    offsets = np.append((ids.offsets[:-1] + starts).ravel(), times * len(ids.ids))
    return Ids(np.tile(ids.ids, times), offsets, np.zeros(1, np.uint32))


def costs(model: Network, ids: Ids, context: str) -> np.ndarray:
    """What every token costs."""
    found = np.zeros(len(ids.ids))
    for span in text_nats(model, ids, context, 3):
        found[span.start : span.start + len(span.nats)] = span.nats
    return found


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ids, dict[str, LadderRow]]:
    """A ladder whose n-gram and whose other model are networks too, for nothing depends on what they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TOKENS", 16)
        patch.setattr(components, "_CACHES", 300)
        patch.setattr(components, "_RULES", 300)
        fit, test = repeated(text(), 6), repeated(text(31), 3)
        ladder = Ladder(fit, test, Scratch(tmp_path_factory.mktemp("scratch")), 4)
        own = MixtureModel("own", network(), "stream")
        beside, other = (
            MixtureModel("beside", network(cell="gru"), "sentence"),
            MixtureModel("other", network(cell="elman"), "stream"),
        )
        return test, {row.name: row for row in ladder.rows(own, beside, [other])}


def test_a_row_is_the_mixture_that_it_says(rows: tuple[Ids, dict[str, LadderRow]]) -> None:
    test, found = rows
    own, beside = costs(network(), test, "stream"), costs(network(cell="gru"), test, "sentence")
    dynamic = found["+ dynamic"].described()
    shape = CacheShape(int(dynamic[2]["window"]), dynamic[2]["theta"])
    rule = DynamicRule(dynamic[3]["rate"], dynamic[3]["decay"], int(dynamic[3]["segment"]))
    h = np.concatenate([part.h.numpy() for part in text_readings(network(), test, "stream", 1)])
    cache = np.concatenate([part[0] for _, part in cache_nats(h, test.ids, own[0], [shape])])
    scales = gradient_scales(network(), repeated(text(), 6).ids)
    learned = np.concatenate([span.nats for span in dynamic_nats(network(), test, "stream", rule, scales)])
    assert rule.rate > 0 and found["+ dynamic"].adapts and not found["ensemble"].adapts
    parts = {
        "n-gram": [beside],
        "network": [own],
        "+ n-gram": [own, beside],
        "+ cache": [own, beside, cache],
        "+ dynamic": [own, beside, cache, learned],
        "ensemble": [own, costs(network(cell="elman"), test, "stream")],
    }
    assert list(found) == list(parts)
    for name, row in found.items():
        slow = []
        for first, end in zip(test.offsets[:-1], test.offsets[1:], strict=True):
            nats = 0.0
            for token in range(first, end):
                weights = row.table[0 if row.classes is None else row.classes[token]]
                pairs = zip(weights, parts[name], strict=True)
                nats -= math.log(sum(weight * math.exp(-cost[token]) for weight, cost in pairs))
            slow.append(nats)
        assert row.sums == pytest.approx(np.array(slow), abs=1e-6), name


def test_weights_are_those_of_classes_of_contexts_and_their_means_are_told(
    rows: tuple[Ids, dict[str, LadderRow]],
) -> None:
    test, found = rows
    for name, row in found.items():
        assert (row.classes is not None) == (name in ("+ cache", "+ dynamic"))
        assert np.allclose(row.table.sum(1), 1) and sum(row.weights) == pytest.approx(1)
        if row.classes is not None:
            assert len(row.classes) == len(test.ids) and row.classes.max() < len(row.table) == 4
            told = np.mean([row.table[each] for each in row.classes], 0)
            assert row.weights == pytest.approx(list(told))


@torch.no_grad()
@pytest.mark.parametrize("shape", [{}, {"cuts": (4, 9), "widths": (5, 3)}])
def test_a_class_is_what_is_known_before_the_token(tmp_path: Path, shape: dict[str, object]) -> None:
    """Words that the n-gram model knows, and the quarter of the network's entropy, by a slow loop."""
    ids, other = repeated(text(), 4), repeated(text(31), 2)
    model, entropies = network(**shape), []
    estimate(ids.ids, ids.offsets[:1], VOCABULARY, 3, tmp_path, Scratch(tmp_path))
    grams = NgramModel(read_grams(tmp_path, VOCABULARY, 3), lines_apart=False)
    stream = [1, *map(int, ids.ids)]
    pairs = set(pairwise(stream))
    for some in (ids, other):
        entropies.append(np.concatenate([part.entropies for part in text_readings(model, some, "stream", 1)]))
    found = Contexts.of(ids, other, (entropies[0], entropies[1]), grams, "stream", Scratch(tmp_path))
    bounds = np.quantile(entropies[0], [0.25, 0.5, 0.75])
    states = model.initial_state(1)
    for position in range(len(other.ids)):
        before = [1, *map(int, other.ids[:position])]
        known = 2 if tuple(before[-2:]) in pairs else 1  # every single word is one of the model
        hidden, states = model(torch.tensor([[before[-1]]]), states)
        log_p = log_probabilities(model, hidden[0])[0]
        for begin, end, _ in model.bands or ():  # each word as likely as the others of its cluster
            log_p[begin:end] = log_p[begin:end].logsumexp(0) - math.log(end - begin)
        own = float(-(log_p.exp() * log_p).sum())
        assert entropies[1][position] == pytest.approx(own, abs=1e-5)
        assert found.test[position] == min(4 * known + int((bounds < own).sum()), found.fit.max()), position


def test_on_the_text_of_the_fit_no_row_is_above_the_one_before(rows: tuple[Ids, dict[str, LadderRow]]) -> None:
    _, found = rows
    steps = [row.fit_nats_per_token for row in found.values() if not row.apart]
    assert steps[2] <= min(steps[:2]) + 1e-7
    assert steps[3] < steps[2] - 0.01 and steps[4] < steps[3] - 0.01


def test_scratch_is_all_that_grows(tmp_path: Path) -> None:
    """Numbers of a token lie in files: own, entropies, cache (the grid on the fit alone), dynamic, and its h."""
    fit, test = repeated(text(), 2), repeated(text(), 40)
    own = MixtureModel("own", network(), "stream")
    assert len(list(Ladder(fit, test, Scratch(tmp_path), 4).rows(own, None))) == 3
    sizes = sorted(path.stat().st_size for path in tmp_path.iterdir())
    assert sizes[-1] == 8 * len(test.ids) * network().architecture.width
    assert sizes.count(8 * len(test.ids)) in (3, 4) and sizes[-2] == 8 * len(test.ids)


@pytest.mark.parametrize("spans", [[(0, 3)], [(0, 4), (3, 2)], [(0, 5), (5, 1)], [(1, 4)]])
def test_a_part_that_does_not_cost_every_token_once_is_refused(tmp_path: Path, spans: list[tuple[int, int]]) -> None:
    ids = Ids(np.array([5, 4, 3, 4, 2], np.uint16), np.array([0, 5]), np.zeros(1, np.uint32))
    made = Components(ids, ids, Scratch(tmp_path), 4, lambda count: None)
    assert np.array_equal(made._costs(ids, [SpanNats(0, np.arange(2.0)), SpanNats(2, np.arange(3.0))]), [0, 1, 0, 1, 2])
    with pytest.raises(ValueError, match="token"):
        made._costs(ids, [SpanNats(start, np.ones(count)) for start, count in spans])
