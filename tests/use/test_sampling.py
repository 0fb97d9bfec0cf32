"""What is drawn from: each way to shape a distribution against its definition, and draws with its frequencies."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.model.architecture import Architecture
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.network import Network
from rnnlm.model.outputs.clusters import Clusters
from rnnlm.use.generation.sampling import draw, draw_plainly, shaped
from rnnlm.use.generation.settings import GenerateSettings
from rnnlm.use.generation.streams import Streams

UNKNOWN = 1  # its output

log_ps = st.lists(st.floats(-12, 0), min_size=4, max_size=12).map(
    lambda row: torch.tensor([row], dtype=torch.float64).log_softmax(-1)
)


def known(log_p: torch.Tensor) -> torch.Tensor:
    """The row without the unknown word."""
    row = log_p[0].clone()
    row[UNKNOWN] = -torch.inf
    return row


@given(log_ps, st.integers(1, 12), st.floats(0.01, 1.0), st.floats(0.2, 3))
@settings(max_examples=80)
def test_shaping_keeps_the_order_and_the_most_likely(log_p: torch.Tensor, k: int, p: float, temperature: float) -> None:
    row = known(log_p)
    by_k = shaped(log_p, GenerateSettings(top_k=k))[0]
    by_p = shaped(log_p, GenerateSettings(top_p=p))[0]
    by_least = shaped(log_p, GenerateSettings(min_p=p))[0]
    warm = shaped(log_p, GenerateSettings(temperature=temperature))[0]
    best = int(row.argmax())
    for shape in (by_k, by_p, by_least, warm):
        assert torch.isfinite(shape[best])
        assert not torch.isfinite(shape[UNKNOWN])
    expected = (row / temperature).log_softmax(-1)
    assert torch.allclose(warm.log_softmax(-1)[2:], expected[2:])
    kept = torch.isfinite(by_k)
    assert int(kept.sum()) >= min(k, len(row) - 1)
    assert row[kept].min() >= row[~kept].max() if bool((~kept).any()) else True
    probabilities = row.softmax(-1)
    held = float(probabilities[torch.isfinite(by_p)].sum())
    assert held >= p - 1e-9
    least = float(probabilities[torch.isfinite(by_p)].min())
    assert held - least < p + 1e-9  # without the least likely of them it would hold less


@given(log_ps, st.floats(0, 1))
@settings(max_examples=60)
def test_min_p_keeps_what_is_near_the_most_likely(log_p: torch.Tensor, ratio_of_best: float) -> None:
    p = known(log_p).exp()
    kept = torch.isfinite(shaped(log_p, GenerateSettings(min_p=ratio_of_best))[0])
    ratio = p / p.max()
    assert bool(kept[ratio > ratio_of_best + 1e-9].all())
    assert not bool(kept[(ratio < ratio_of_best - 1e-9) | (ratio == 0)].any())


def test_min_p_follows_the_temperature() -> None:
    log_p = torch.tensor([[0.5, 0.0, 0.3, 0.2]], dtype=torch.float64).log()
    hot = shaped(log_p, GenerateSettings(min_p=0.5, temperature=2.0))
    assert torch.isfinite(hot).tolist() == [[True, False, True, True]]
    cold = shaped(log_p, GenerateSettings(min_p=0.5))
    assert torch.isfinite(cold).tolist() == [[True, False, True, False]]


@given(log_ps, st.floats(0.01, 0.999))
@settings(max_examples=60)
def test_typical_keeps_what_says_about_as_much_as_is_expected(log_p: torch.Tensor, mass: float) -> None:
    """By the definition, in Python: by |−log q − H| until the mass is reached."""
    q = known(log_p).softmax(-1).tolist()
    entropy = -sum(each * math.log(each) for each in q if each > 0)
    distance = [abs(-math.log(each) - entropy) if each > 0 else math.inf for each in q]
    kept = torch.isfinite(shaped(log_p, GenerateSettings(typical=mass))[0]).tolist()
    inside = [number for number, keep in enumerate(kept) if keep]
    outside = [number for number, keep in enumerate(kept) if not keep and q[number] > 0]
    assert inside
    assert all(distance[one] <= distance[other] + 1e-9 for one in inside for other in outside)
    held = sum(q[number] for number in inside)
    assert held >= mass - 1e-9
    farthest = max(inside, key=lambda number: distance[number])
    assert len(inside) == 1 or held - q[farthest] < mass + 1e-9


def test_typical_can_leave_the_most_likely_token_out() -> None:
    """Meister et al.: with many likely words a very likely one says too little."""
    log_p = torch.tensor([[0.4, 0.0, *[0.06] * 10]], dtype=torch.float64).log()
    kept = torch.isfinite(shaped(log_p, GenerateSettings(typical=0.3))[0])
    assert not kept[0]
    assert int(kept.sum()) == 5


@given(log_ps, st.floats(0.3, 4), st.integers(0, 2**12 - 1))
@settings(max_examples=60)
def test_repetition_costs_likely_and_unlikely_words_alike(log_p: torch.Tensor, penalty: float, bits: int) -> None:
    generated = torch.tensor([[bool(bits >> number & 1) for number in range(log_p.shape[1])]])
    found = shaped(log_p, GenerateSettings(repetition_penalty=penalty), generated)[0]
    even = -math.log(log_p.shape[1])
    for number, (before, after) in enumerate(zip(known(log_p).tolist(), found.tolist(), strict=True)):
        if number == UNKNOWN or not generated[0, number]:
            assert after == before
        elif before > even:
            assert after - even == pytest.approx((before - even) / penalty)
        else:
            assert after - even == pytest.approx((before - even) * penalty)
    if penalty >= 1:
        assert bool((found <= known(log_p) + 1e-12).all())


def test_shapes_go_together_and_rows_do_not_touch_one_another() -> None:
    log_p = torch.randn(6, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).log_softmax(-1)
    generated = torch.rand(6, 30, generator=torch.Generator().manual_seed(3)) < 0.3
    given_ = GenerateSettings(
        temperature=0.8, top_k=20, top_p=0.9, min_p=0.05, typical=0.8, repetition_penalty=1.5, unknown=True
    )
    together = shaped(log_p, given_, generated)
    for row in range(6):
        assert torch.equal(shaped(log_p[row : row + 1], given_, generated[row : row + 1])[0], together[row])
    assert bool(torch.isfinite(together).any(-1).all())


@pytest.mark.parametrize(
    "extreme",
    [
        {"top_p": 0.0}, {"typical": 0.0}, {"min_p": 1.0}, {"top_k": 1}, {"top_k": 10**9}, {"temperature": 1e-320},
        {"temperature": 1e300}, {"repetition_penalty": 1e6}, {"top_p": 1.0, "typical": 1.0, "min_p": 0.0},
    ],
)  # fmt: skip
def test_something_is_always_left(extreme: dict[str, float]) -> None:
    log_p = torch.tensor([[0.2, 0.1, 0.7, 1e-300]], dtype=torch.float64).log()
    generated = torch.ones_like(log_p, dtype=torch.bool)
    found = shaped(log_p, GenerateSettings(**extreme), generated)  # type: ignore[arg-type]
    assert not bool(torch.isnan(found).any())
    for chance in (0.0, 0.5, 1 - 2**-53):
        token = int(draw(found, 1.0, torch.tensor([chance], dtype=torch.float64))[0]) - 2
        assert torch.isfinite(found[0, token])


def test_draws_have_the_frequencies_of_the_distribution() -> None:
    p = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05, 0.0], dtype=torch.float64)
    chance = torch.rand(20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rows = draw(p.log().repeat(20_000, 1), 1.0, chance)
    found = torch.bincount(rows - 2, minlength=6).double() / 20_000
    assert torch.allclose(found, p, atol=0.015)
    assert found[1] == found[5] == 0


def test_a_chance_falls_on_the_token_whose_share_of_the_line_it_is_in() -> None:
    p = np.array([0.25, 0.0, 0.5, 0.25])
    for chance, token in ((0.0, 0), (0.2499, 0), (0.25, 2), (0.7499, 2), (0.75, 3), (1 - 2**-53, 3)):
        with np.errstate(divide="ignore"):
            log_q = torch.from_numpy(np.log(p)).unsqueeze(0) + 5.0
        assert int(draw(log_q, 1.0, torch.tensor([chance], dtype=torch.float64))[0]) == token + 2


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("widths", [(5, 5, 5), (5, 3, 2), ()])
def test_a_plain_draw_is_the_draw_from_all_outputs(unknown: bool, widths: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(4)
    shape = Architecture("lstm", 42, 5, 6, 1, True, cuts=(6, 15, 30) if widths else (), widths=widths)
    network = Network(shape, generator).double().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    hidden = torch.randn((500, 5), generator=generator, dtype=torch.float64)
    chance = torch.rand(500, generator=generator, dtype=torch.float64)
    chance[:2] = torch.tensor([0.0, 1 - 2**-53])
    with torch.no_grad():
        log_p = log_probabilities(network, hidden)
        ids, nats = draw_plainly(network, hidden, chance, unknown=unknown)
    whole = draw(shaped(log_p, GenerateSettings(unknown=unknown)), 1.0, chance)
    assert torch.equal(ids, whole) and len(ids.unique()) > 20
    torch.testing.assert_close(nats, -log_p.gather(1, ids.unsqueeze(1) - 2).squeeze(1), rtol=0, atol=1e-12)


def test_a_draw_by_clusters_costs_only_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of settings that shape the distribution all outputs are needed; otherwise they are never computed."""
    network = Network(Architecture("lstm", 42, 5, 6, 1, True, cuts=(6, 15, 30), widths=(5, 5, 5)), torch.Generator())
    monkeypatch.setattr(Clusters, "log_p", lambda *_: pytest.fail("all outputs"))
    Streams(network.eval(), [[1]], GenerateSettings(), [1]).draw()
    for shape in ({"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.5}, {"min_p": 0.1}, {"typical": 0.5},
                  {"repetition_penalty": 1.2}):  # fmt: skip
        assert not GenerateSettings(**shape).plain
