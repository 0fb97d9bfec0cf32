"""The long-term tasks: answers where the definitions say, chance as stated, the same numbers for a seed everywhere."""

import csv
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnlm.builtin.memory_tasks import (
    NOTHING_ASKED,
    adding,
    adding_lines,
    copy,
    copy_lines,
    fractions,
    integers,
    recall,
    recall_lines,
)
from rnnlm.errors import UsageError

TASKS: list[Callable[..., tuple[Any, Any]]] = [recall, copy, adding]
LINES = [recall_lines, copy_lines, adding_lines]


def pcg(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def assert_equally_likely(drawn: np.ndarray, kinds: int) -> None:
    """χ² of the counts is within five standard deviations of its mean, the degrees of freedom."""
    counts = np.bincount(drawn.ravel(), minlength=kinds)
    assert len(counts) == kinds
    mean = drawn.size / kinds
    chi_square = float(((counts - mean) ** 2 / mean).sum())
    assert abs(chi_square - (kinds - 1)) < 5 * math.sqrt(2 * (kinds - 1))


def test_numbers_of_a_seed_are_the_same_everywhere() -> None:
    assert integers(1000, (5,), pcg(12345)).tolist() == [227, 316, 797, 676, 391]
    assert recall(3, 2, pcg(1))[0].tolist() == [[4, 15, 9, 16], [7, 10, 11, 16]]


def test_fractions_stay_below_one_and_integers_below_their_limit() -> None:
    class Highest:
        class bit_generator:  # noqa: N801
            @staticmethod
            def random_raw(shape: tuple[int, ...]) -> np.ndarray:
                return np.full(shape, 2**64 - 1, np.uint64)

    assert fractions((1,), Highest()).item() == 1 - 2.0**-53  # type: ignore[arg-type]
    for limit in (1, 2, 3, 5, 7, 8, 9, 1000, 2**31 + 1):
        assert integers(limit, (1,), Highest()).item() == limit - 1  # type: ignore[arg-type]
    inputs, _ = adding(4, 1, Highest())  # type: ignore[arg-type]
    assert (inputs[:, :, 0] < 1).all()


@pytest.mark.parametrize("task", TASKS)
def test_a_seed_gives_the_same_draws_in_one_piece_or_in_two(task: Callable[..., tuple[Any, Any]]) -> None:
    whole, random = task(7, 30, pcg(3)), pcg(3)
    pieces = [task(7, 11, random), task(7, 19, random)]
    for part in (0, 1):
        assert np.array_equal(whole[part], np.concatenate([piece[part] for piece in pieces]))
    assert not np.array_equal(whole[0], task(7, 30, pcg(4))[0])


@pytest.mark.parametrize("lag", [1, 2, 20])
def test_recall_asks_for_its_first_symbol_lag_steps_later(lag: int) -> None:
    inputs, labels = recall(lag, 500, pcg(0), symbols=5)
    assert inputs.shape == (500, lag + 1)
    assert inputs.dtype == labels.dtype == np.int64
    assert (inputs[:, 0] == labels).all()
    assert (labels < 5).all()
    assert ((inputs[:, 1:lag] >= 5) & (inputs[:, 1:lag] < 10)).all()
    assert (inputs[:, lag] == 10).all()


def test_recall_draws_cues_and_distractors_equally_often_and_apart() -> None:
    inputs, labels = recall(10, 8000, pcg(5))
    assert_equally_likely(labels, 8)
    assert_equally_likely(inputs[:, 1:10] - 8, 8)
    for step in range(1, 10):  # nothing but the cue tells the label
        assert_equally_likely(8 * labels + inputs[:, step] - 8, 64)


@pytest.mark.parametrize(("lag", "length"), [(1, 10), (6, 10), (30, 3)])
def test_copy_asks_for_each_symbol_lag_and_length_steps_after_it(lag: int, length: int) -> None:
    inputs, targets = copy(lag, 200, pcg(0), length=length)
    assert inputs.shape == targets.shape == (200, lag + 2 * length)
    assert inputs.dtype == targets.dtype == np.int64
    assert (inputs[:, :length] < 8).all()
    assert (targets[:, lag + length :] == inputs[:, :length]).all()
    assert (targets[:, : lag + length] == NOTHING_ASKED).all()
    go = inputs == 9
    assert (go.sum(1) == 1).all()
    assert (go.argmax(1) - (length - 1) == lag).all()
    assert (inputs[:, length:][~go[:, length:]] == 8).all()
    assert_equally_likely(inputs[:, :length], 8)


def test_adding_marks_one_step_of_each_half_and_asks_for_their_sum() -> None:
    for steps in (2, 3, 50, 51):
        inputs, targets = adding(steps, 400, pcg(steps))
        values, markers = inputs[..., 0], inputs[..., 1]
        assert inputs.shape == (400, steps, 2)
        assert inputs.dtype == targets.dtype == np.float32
        assert set(np.unique(markers)) <= {0, 1}
        assert (markers[:, : steps // 2].sum(1) == 1).all()
        assert (markers[:, steps // 2 :].sum(1) == 1).all()
        assert ((values >= 0) & (values < 1)).all()
        assert targets == pytest.approx((values * markers).sum(1, keepdims=True), abs=1e-6)


def test_the_sum_has_mean_one_and_variance_one_sixth() -> None:
    inputs, targets = adding(20, 20000, pcg(2))
    assert targets.mean() == pytest.approx(1, abs=5 * math.sqrt(1 / 6 / 20000))
    assert targets.var() == pytest.approx(1 / 6, rel=0.05)
    assert ((targets - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.05)
    assert inputs[..., 0].var() == pytest.approx(1 / 12, rel=0.02)
    for half in (inputs[:, :10, 1], inputs[:, 10:, 1]):
        assert_equally_likely(half.argmax(1), 10)


def test_what_has_no_room_for_its_question_is_refused() -> None:
    for refused in (lambda: recall(0, 1, pcg(0)), lambda: copy(0, 1, pcg(0)), lambda: adding(1, 1, pcg(0)),
                    lambda: adding_lines(1, 1, pcg(0))):  # fmt: skip
        with pytest.raises(UsageError, match="at least"):
            refused()


def test_the_recall_table_holds_the_same_draws() -> None:
    header, *rows = recall_lines(6, 50, pcg(9))
    inputs, labels = recall(6, 50, pcg(9))
    assert header.split("\t") == ["label", "text"]
    for row, symbols, cue in zip(rows, inputs, labels, strict=True):
        label, text = row.split("\t")
        words = text.split(" ")
        assert label == words[0] == f"c{cue}"
        assert words[1:-1] == [f"x{symbol - 8}" for symbol in symbols[1:-1]]
        assert words[-1] == "ask"


def test_the_copy_file_holds_the_same_draws() -> None:
    inputs, targets = copy(4, 20, pcg(9))
    text = "\n".join(copy_lines(4, 20, pcg(9)))
    sequences = [block.split("\n") for block in text.strip("\n").split("\n\n")]
    for pairs, symbols, asked in zip(sequences, inputs, targets, strict=True):
        names = [*(f"s{symbol}" for symbol in range(8)), "blank", "go"]
        expected = [(names[x], "-" if y < 0 else names[y]) for x, y in zip(symbols, asked, strict=True)]
        assert [tuple(pair.split("\t")) for pair in pairs] == expected


def test_the_adding_table_reads_back_as_the_same_float32_numbers() -> None:
    inputs, targets = adding(5, 30, pcg(9))
    rows = list(csv.DictReader(adding_lines(5, 30, pcg(9))))
    assert [int(row["sequence"]) for row in rows] == np.repeat(np.arange(30), 5).tolist()
    read = np.array([[row["value"], row["marker"]] for row in rows], np.float64).astype(np.float32)
    assert np.array_equal(read, inputs.reshape(-1, 2))
    assert all((row["sum"] == "") == (number % 5 < 4) for number, row in enumerate(rows))
    assert np.array_equal(np.array([row["sum"] for row in rows[4::5]], np.float32), targets[:, 0])


@pytest.mark.parametrize("lines", LINES)
def test_lines_are_the_same_for_a_seed_and_others_for_another(lines: Callable[..., Any]) -> None:
    first = list(lines(8, 5, pcg(1)))
    assert list(lines(8, 5, pcg(1))) == first
    assert list(lines(8, 5, pcg(2))) != first
