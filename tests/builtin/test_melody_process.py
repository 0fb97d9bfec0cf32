"""The best possible perplexity of melodies: against every way to draw a small melody, and on the corpus."""

import math
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from rnnlm.builtin import melodies
from rnnlm.builtin.melody_process import MelodyProcess
from rnnlm.builtin.probability import END, cross_entropy, next_words, observe, token_nats

SMALL = [(2, ["4"], ["4 4"]), (2, ["4"], ["4 R8 4"])]


def every_draw(make: Any) -> Iterator[tuple[list[str], Fraction]]:
    """What `make` draws, with its chance, for each sequence of choices that it asks for."""
    pending: list[list[int]] = [[]]
    while pending:
        script = pending.pop()
        chance, place = Fraction(1), 0

        def below(count: int, random: object, script: list[int] = script) -> int:
            nonlocal chance, place
            chance /= count
            if place == len(script):
                pending.extend([*script, other] for other in range(1, count))
                script.append(0)
            place += 1
            return script[place - 1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(melodies, "below", below)
            drawn = make(None)
        yield drawn, chance


def test_each_small_melody_has_the_sum_of_its_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melodies, "KEYS", [("C4", "minor")])
    monkeypatch.setattr(melodies, "METERS", SMALL)
    monkeypatch.setattr(melodies, "_MOVES", (-1, 0, 1))  # so few that all draws can be made
    monkeypatch.setattr(melodies, "_FARTHEST", 1)
    monkeypatch.setattr(melodies, "TURNS", ("dominant",))
    chances: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    ways = 0
    for drawn, chance in every_draw(melodies.melody):
        chances[tuple(drawn)] += chance
        ways += 1
    assert sum(chances.values()) == 1
    assert ways > 2 * len(chances) > 1000  # many melodies are drawn in several ways
    draws = np.random.default_rng(1).permutation(len(chances))[:300]
    every = list(chances)
    for number in draws:
        nats = sum(token_nats(MelodyProcess(), every[number]))
        assert nats == pytest.approx(-math.log(chances[every[number]]), abs=1e-9)


def test_next_symbols_sum_to_one_and_what_cannot_come_costs_infinity() -> None:
    source = MelodyProcess()
    for line in list(melodies.melody_lines())[::150]:
        belief = source.beginnings
        for symbol in (*line.split(), END):
            assert sum(next_words(source, belief).values()) == pytest.approx(1, abs=1e-9)
            chance, belief = observe(source, belief, symbol)
            assert chance > 0
    words = line.split()
    assert math.inf in token_nats(source, [*words[:-2], "C9/4", "|"])


def test_evaluate_knows_how_good_a_model_can_be(run: Any, tmp_path: Any) -> None:
    work = tmp_path / "work"
    run("train", "builtin:melodies", "--prepared", "--out", work, "--hidden", "16", "--steps", "20").ok()
    told = run("evaluate", work, "--json").ok().json
    nats, predictions = cross_entropy(MelodyProcess(), (work / "raw" / "test.txt").read_text().splitlines())
    assert told["best_possible_perplexity"] == pytest.approx(math.exp(nats / predictions))
    assert 2 < told["best_possible_perplexity"] < 2.5 < told["perplexity"]
    assert "best possible perplexity 2.2" in run("evaluate", work).ok().out
    run("train", "builtin:melodies", "--kind", "char", "--out", tmp_path / "char", "--hidden", "8", "--steps", "5").ok()
    assert "best_possible_perplexity" not in run("evaluate", tmp_path / "char", "--json").ok().json
