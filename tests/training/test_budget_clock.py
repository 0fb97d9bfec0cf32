"""The bounds of a run: the fraction of steps, tokens or of a budget's time, across a break too."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.training import budget_clock
from rnnlm.training.average import Average, may_begin
from rnnlm.training.budget import BeginAgain, BudgetChoice, Situation, choose, operations_per_token, reconsidered
from rnnlm.training.budget_clock import Budget, BudgetClock
from rnnlm.training.defaults import cut_of
from rnnlm.training.settings import TrainSettings


class Clock:
    """Time that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(budget_clock, "time", one)
    return one


def test_steps_and_tokens_are_fractions_of_their_bounds() -> None:
    assert [BudgetClock(8, None, None).fraction(steps, 999) for steps in (0, 2, 8, 9)] == [0, 0.25, 1, 1]
    assert [BudgetClock(None, 100, None).fraction(999, tokens) for tokens in (0, 50, 101)] == [0, 0.5, 1]


def test_a_budget_is_the_time_between_the_first_step_and_what_is_reserved(clock: Clock) -> None:
    one = BudgetClock(None, None, Budget(60, started_at=clock.now - 10, reserved=5))
    one.begin()
    assert one.fraction(0, 0) == 0
    clock.now += 9
    assert one.fraction(0, 0) == pytest.approx(9 / 45)
    assert one.ends_at() == pytest.approx(clock.now + 41)
    clock.now += 36
    assert one.fraction(0, 0) == pytest.approx(1)


def test_time_spent_before_a_break_counts(clock: Clock) -> None:
    one = BudgetClock(None, None, Budget(60, started_at=clock.now - 10, reserved=5))
    one.begin()
    clock.now += 9
    kept = one.state()
    clock.now += 10_000  # the pause between the two processes does not count
    other = BudgetClock(None, None, Budget(60, started_at=clock.now - 3, reserved=5))
    other.restore(kept)
    other.begin()
    assert other.fraction(0, 0) == pytest.approx((19 + 3 - 10) / 45)
    assert other.ends_at() == pytest.approx(clock.now + 60 - 22)


def test_a_budget_that_is_spent_before_training_is_refused(clock: Clock) -> None:
    one = BudgetClock(None, None, Budget(20, started_at=clock.now - 17, reserved=4))
    with pytest.raises(UsageError, match=r"17\.0 s are spent before training and 4\.0 s needed after it"):
        one.begin()


def test_averaging_may_begin_once_nothing_gets_better() -> None:
    assert not may_begin([5.0, 4.0, 3.0], 2)
    assert not may_begin([5.0, 4.0, 3.0, 3.5, 3.2], 2)  # the best of the first two is worse
    assert may_begin([3.0, 4.0, 3.5, 3.2], 2)
    assert not may_begin([3.0, 4.0], 2)


def test_an_average_without_a_decay_is_the_mean_of_all_weights() -> None:
    model = Network(Architecture("lstm", 24, 8, 10, 2, True), torch.Generator().manual_seed(1))
    weights = [model.bias.detach().clone()]
    average = Average(model, None)
    for step in range(1, 12):
        with torch.no_grad():
            model.bias.add_(torch.randn(model.bias.shape, generator=torch.Generator().manual_seed(step)))
        average.update(model)
        weights.append(model.bias.detach().clone())
    assert np.allclose(average.tensors()["bias"], torch.stack(weights).mean(0).numpy(), atol=1e-5)


def situation(
    seconds: float, tokens: int = 1_000_000, outputs: int = 10_000, kind: str = "word", new_trigrams: float = 0.6
) -> Situation:
    """A text with Zipf's frequencies on a machine that trains at 100 GFLOPS."""
    counts = (tokens / (np.arange(outputs) + 3) / math.log(outputs)).astype(np.int64)
    return Situation(seconds, 100e9, tokens, kind, counts, new_trigrams)


def chosen(seconds: float, **more: object) -> BudgetChoice:
    return choose(TrainSettings(budget="1m"), None, situation(seconds, **more))  # type: ignore[arg-type]


def test_more_time_buys_a_larger_network_and_more_dropout() -> None:
    choices = [chosen(seconds) for seconds in (20, 100, 600, 3_600, 36_000)]
    sizes = [choice.settings.hidden or 0 for choice in choices]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    drops = [choice.settings.dropout or 0 for choice in choices]
    assert drops == sorted(drops) and drops[0] < drops[-1]
    assert all(choice.reasons for choice in choices)
    for choice in choices:
        cost = operations_per_token(choice.settings, choice.embedding, situation(1))
        assert 50e9 / cost < choice.tokens_per_second < 100e9 / cost
        assert choice.epochs == pytest.approx(choice.seconds * choice.tokens_per_second / 1_000_000)


def test_many_epochs_over_words_have_penalties_and_recurrent_dropout() -> None:
    short, some, many = chosen(100), chosen(1_500), chosen(36_000)
    letters = chosen(36_000, outputs=70, kind="char")
    assert short.epochs < 4 < some.epochs < 12 < many.epochs and letters.epochs > 12
    forms = ("dropout_inputs", "dropout_recurrent", "activation_penalty", "temporal_penalty")
    assert [getattr(many.settings, form) for form in forms] == [0.3, 0.4, 2, 1]
    assert [getattr(some.settings, form) for form in forms] == [None, 0, 2, 1]
    for choice in (short, letters):
        assert not any(getattr(choice.settings, form) for form in forms)
    given = TrainSettings(
        budget="1m", dropout_inputs=0.0, dropout_recurrent=0.3, activation_penalty=0.0, temporal_penalty=4.0
    )
    kept = choose(given, None, situation(36_000)).settings
    assert [getattr(kept, form) for form in forms] == [0, 0.3, 0, 4]


def test_a_repetitive_text_has_less_dropout() -> None:
    drops = ("dropout", "dropout_inputs", "dropout_recurrent")
    new, repeated, same = (chosen(36_000, new_trigrams=each) for each in (0.5, 0.05, 0.0))
    for drop in drops:
        assert getattr(repeated.settings, drop) == pytest.approx(0.1 * getattr(new.settings, drop), abs=0.005)
        assert getattr(same.settings, drop) == 0
    assert "of whose trigrams 5% are new" in repeated.reasons[2] and "trigrams" not in new.reasons[2]
    same_drops: dict[str, Any] = dict.fromkeys(drops, 0.0)
    assert replace(repeated.settings, **same_drops) == replace(new.settings, **same_drops)
    letters = (chosen(36_000, outputs=70, kind="char", new_trigrams=each) for each in (0.5, 0.0))
    assert len({choice.settings.dropout for choice in letters}) == 1


def test_the_size_follows_from_the_tokens_read_and_not_from_the_length_of_the_text() -> None:
    sizes = {chosen(600, tokens=tokens, outputs=500).settings.hidden for tokens in (300_000, 1_000_000, 3_000_000)}
    assert len(sizes) == 1
    same_cost = chosen(600, outputs=500, kind="char").settings
    assert (same_cost.hidden or 0) < min(size or 0 for size in sizes)  # characters need five times as many


def test_a_budget_is_calibrated_unless_it_is_not_to_be() -> None:
    assert chosen(100).settings.temperature_scaling is True
    assert choose(TrainSettings(temperature_scaling=False), None, situation(100)).settings.temperature_scaling is False
    assert choose(TrainSettings(cell="output-recurrent"), None, situation(100)).settings.temperature_scaling is False


def test_the_output_layer_follows_from_the_vocabulary() -> None:
    assert chosen(100, outputs=500).settings.output_layer == "full"
    assert chosen(100, outputs=10_000).settings.output_layer == "clusters"
    large = chosen(100, outputs=100_000)
    assert large.settings.output_layer == "adaptive"
    small, many = (
        operations_per_token(one.settings, one.embedding, situation(1, outputs=outputs))
        for one, outputs in ((chosen(100, outputs=10_000), 10_000), (large, 100_000))
    )
    assert many < 2 * small
    assert chosen(100, outputs=70, kind="char").settings.output_layer == "full"


def test_a_tied_output_reads_a_projection() -> None:
    for seconds in (20, 120, 3_600):
        choice = chosen(seconds)
        assert choice.embedding == min(256, (choice.settings.hidden or 0) // 2)
    assert chosen(120, kind="char").embedding == 64


def test_an_output_that_reads_a_projection_often_reads_its_tanh() -> None:
    def read_out(seconds: float, dimensions: int | None = None, **given: Any) -> str | None:
        return choose(TrainSettings(budget="1m", **given), dimensions, situation(seconds)).settings.read_out

    assert read_out(3_600) == "tanh"
    assert read_out(100) == "linear"  # one epoch
    assert read_out(3_600, read_out="linear") == "linear"
    assert read_out(3_600, 256, hidden=256) == "linear"
    assert read_out(3_600, tied=False) == "linear"
    assert chosen(3_600, outputs=70, kind="char").settings.read_out == "linear"


def test_flags_are_kept_and_the_rest_follows() -> None:
    given = TrainSettings(budget="1m", hidden=96, dropout=0.7, learning_rate=0.5, batch_size=3, output_layer="full")
    choice = choose(given, 40, situation(600))
    for name in ("hidden", "dropout", "learning_rate", "batch_size", "output_layer"):
        assert getattr(choice.settings, name) == getattr(given, name)
    assert choice.embedding == 40 and cut_of(choice.settings, situation(1).counts, 40).cuts == ()


def test_a_run_that_is_slower_than_expected_is_begun_again_with_fewer_units() -> None:
    choice = chosen(600)
    units = choice.settings.hidden
    assert reconsidered(choice, choice.tokens_per_second, 540) is None
    again = reconsidered(choice, choice.tokens_per_second / 4, 540)
    assert again is not None and again.settings.hidden < units and again.embedding < choice.embedding
    assert again.settings == choose(TrainSettings(budget="1m"), None, situation(540 / 4)).settings  # as much slower
    assert again.tokens == pytest.approx(540 * again.tokens_per_second)
    given = choose(TrainSettings(budget="1m", hidden=units), None, situation(600))
    assert reconsidered(given, choice.tokens_per_second / 4, 540) is None
    smallest = chosen(5)
    assert reconsidered(smallest, smallest.tokens_per_second / 100, 4) is None


def test_a_review_says_how_slow_the_run_was() -> None:
    choice = chosen(600)
    choice.review(choice.tokens_per_second, 540)
    with pytest.raises(
        BeginAgain, match=r"tokens/s in the first tenth where .* expected: beginning again with \d+ units"
    ):
        choice.review(choice.tokens_per_second / 4, 540)
