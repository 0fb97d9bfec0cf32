"""The rule of a budget for sequences: the largest network that reads enough epochs, by speeds that are given here."""

from collections.abc import Callable

import numpy as np
import pytest

from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series
from rnnlm.training import sequence_budget
from rnnlm.training.budget import BudgetChoice
from rnnlm.training.data import SeriesData
from rnnlm.training.sequence_budget import choose_for_sequences
from rnnlm.training.settings import TrainSettings


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Callable[..., BudgetChoice]:
    """The choice for so many seconds on a machine that takes time in proportion to the units."""
    rules = SeriesRules(("y",), {}, {}, ("y",), None, None, 20, 1, 5, "forward", "none")
    rows, windows = np.zeros((5_000, 1), np.float32), np.arange(0, 4_900, 5)[:, None] + [0, 20]
    series = Series(rows, rows, windows, rules)
    data = SeriesData(series, series, {}, {})
    monkeypatch.setattr(sequence_budget, "_speed", lambda data, settings, *_: 5e6 / settings.hidden)

    def chosen(seconds: float, **given: object) -> BudgetChoice:
        settings = TrainSettings(budget="1m", **given)  # type: ignore[arg-type]
        return choose_for_sequences(settings, None, data, "cpu", lambda: seconds)

    return chosen


def test_more_time_is_for_more_units_and_more_dropout(choose: Callable[..., BudgetChoice]) -> None:
    choices = [choose(seconds) for seconds in (0.1, 2, 10, 60)]
    sizes = [choice.settings.hidden for choice in choices]
    assert sizes == sorted(sizes) and sizes[0] == 32 < sizes[-1]
    drops = [choice.settings.dropout for choice in choices]
    assert drops == sorted(drops) and drops[-1] > 0
    for choice in choices:
        assert choice.epochs == pytest.approx(choice.seconds * 5e6 / choice.settings.hidden / 19_600)
        assert choice.settings.budget == "1m" and choice.settings.epochs is None
    assert "the time is short" in choices[0].reasons[1] and "the largest size that reads" in choices[-1].reasons[1]


def test_what_is_given_stays(choose: Callable[..., BudgetChoice]) -> None:
    choice = choose(60, hidden=40, dropout=0.7, batch_size=3)
    assert (choice.settings.hidden, choice.settings.dropout, choice.settings.batch_size) == (40, 0.7, 3)
    assert "40 units: as given" in choice.reasons and "dropout 0.7: as given" in choice.reasons
    choice.review(1.0, 1.0)  # it is not begun again: its speed was measured with its own steps
