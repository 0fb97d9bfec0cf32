"""Prefixes read once, mixtures, word errors and weights: each against a slow form of its own."""

import functools
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from speakers import network_of, rules_of

from rnnlm.errors import InputError
from rnnlm.model.architecture import Architecture
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.network import Network
from rnnlm.use.rescoring.lists import Hypothesis, Utterance, utterances
from rnnlm.use.rescoring.prefixes import PrefixReader, levels
from rnnlm.use.rescoring.rescorer import Costs, Rescored, Rescorer, Weights
from rnnlm.use.rescoring.srilm import SrilmLists
from rnnlm.use.rescoring.tuning import Chooser, Features, tuned
from rnnlm.use.rescoring.word_errors import WordRates, edits_of, read_references

SEQUENCES = [[5, 6, 7, 2], [5, 6, 2], [5, 6, 7, 2], [2], [8, 6, 7, 2], [5, 6, 7, 9, 9, 2]]


@pytest.fixture(scope="module")
def network() -> Network:
    """A small network of random weights."""
    generator = torch.Generator().manual_seed(3)
    built = Network(Architecture("lstm", vocabulary=12, embedding=6, hidden=7, layers=2, tied=True), generator)
    for parameter in built.parameters():
        torch.nn.init.uniform_(parameter, -0.8, 0.8, generator=generator)
    return built.eval()


def slow_nats(network: Network, tokens: Sequence[int], before: Sequence[int] = ()) -> list[float]:
    """Each token's cost, everything before it read again."""
    costs = []
    for position, token in enumerate(tokens):
        inputs = torch.tensor([1, *before, *tokens[:position]]).unsqueeze(1)
        with torch.inference_mode():
            hidden, _ = network(inputs, network.initial_state(1))
            costs.append(-float(log_probabilities(network, hidden[-1])[0, token - 2]))
    return costs


def arrays(sequences: Sequence[Sequence[int]]) -> list[np.ndarray[Any, Any]]:
    """The same as arrays of ids."""
    return [np.array(sequence, np.int64) for sequence in sequences]


def test_a_tree_costs_what_each_hypothesis_costs_alone(network: Network) -> None:
    reader = PrefixReader(network)
    found, after = reader.nats(arrays(SEQUENCES), reader.start())
    for sequence, costs in zip(SEQUENCES, found, strict=True):
        assert costs == pytest.approx(slow_nats(network, sequence), abs=1e-5)
    again, _ = reader.nats(arrays(SEQUENCES[4:]), after)
    for sequence, costs in zip(SEQUENCES[4:], again, strict=True):
        assert costs == pytest.approx(slow_nats(network, sequence, SEQUENCES[0]), abs=1e-5)


def test_a_prefix_that_is_shared_is_one_node() -> None:
    sizes = [len(level.tokens) for level in levels(arrays(SEQUENCES))]
    assert sizes == [3, 2, 3, 3, 1, 1]  # 5, 8 and 2; 6 after both; then 7 and 2 after 5 6, and 7 after 8 6; …


@given(st.lists(st.lists(st.integers(2, 5), min_size=1, max_size=5), min_size=1, max_size=12))
def test_levels_hold_the_distinct_prefixes_of_each_length(sequences: list[list[int]]) -> None:
    tree = levels(arrays(sequences))
    for depth, level in enumerate(tree):
        prefixes = {tuple(each[: depth + 1]) for each in sequences if len(each) > depth}
        assert len(level.tokens) == len(prefixes)
        for row, node in zip(level.rows.tolist(), level.nodes.tolist(), strict=True):
            walked = []
            for up in range(depth, -1, -1):
                walked.append(int(tree[up].tokens[node]))
                node = int(tree[up].parents[node])
            assert walked[::-1] == sequences[row][: depth + 1]


@pytest.mark.parametrize("mu", [0.0, 0.3, 1.0])
def test_a_mixture_is_one_of_probabilities(mu: float) -> None:
    p, q = np.array([0.2, 0.5, 1e-30]), np.array([0.1, 0.9, 0.25])
    expected = sum(math.log((1 - mu) * a + mu * b) for a, b in zip(p, q, strict=True))
    assert Costs(-np.log(p), -np.log(q)).log_p(mu) == pytest.approx(expected, rel=1e-12)


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Levenshtein's distance by its recursion."""
    table = {(i, j): i + j for i in range(len(a) + 1) for j in range(len(b) + 1) if not i * j}
    for i, j in itertools.product(range(1, len(a) + 1), range(1, len(b) + 1)):
        change = table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
        table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, change)
    return table[len(a), len(b)]


WORDS = st.lists(st.sampled_from("abcd"), max_size=7)


@given(WORDS, st.lists(WORDS, min_size=1, max_size=6))
def test_word_errors_are_levenshteins(reference: list[str], hypotheses: list[list[str]]) -> None:
    found = edits_of(reference, hypotheses)
    assert [each.errors for each in found] == [distance(each, reference) for each in hypotheses]
    for each, words in zip(found, hypotheses, strict=True):
        assert min(each.insertions, each.deletions, each.substitutions) >= 0
        assert len(reference) + each.insertions - each.deletions == len(words)
        assert each.substitutions == most_substitutions(words, reference, each.errors)


def most_substitutions(a: Sequence[str], b: Sequence[str], errors: int) -> int:
    """The most substitutions among the shortest edits, by trying every path."""

    @functools.cache
    def best(i: int, j: int) -> tuple[int, int]:
        """The fewest edits of what is left, and less the substitutions among them."""
        if i == len(a) or j == len(b):
            return len(a) - i + len(b) - j, 0
        paths = [(best(i + 1, j), 1, 0), (best(i, j + 1), 1, 0)]
        changed = a[i] != b[j]
        paths.append((best(i + 1, j + 1), int(changed), -int(changed)))
        return min((rest[0] + cost, rest[1] + gain) for rest, cost, gain in paths)

    assert best(0, 0)[0] == errors
    return -best(0, 0)[1]


def hypothesis(utterance: str, text: str, **scores: float) -> Hypothesis:
    """One of a list."""
    return Hypothesis("lists.txt", 1, text, utterance, utterance, text, scores)


def chooser(seed: int = 1) -> Chooser:
    """Lists of four in which the first score, ours and the number of words each know a part of the errors."""
    draw = random.Random(seed)
    features = Features(["acoustic"], [0.0])
    for number in range(60):
        hypotheses, costs, errors = [], [], []
        for position in range(4):
            wrong = draw.randrange(5)
            words = " ".join("w" for _ in range(3 + position % 2))
            score = -3.0 * wrong + draw.gauss(0, 4) - 2 * (position % 2)
            hypotheses.append(hypothesis(str(number), words, acoustic=score))
            costs.append(Costs(np.array([0.2 * wrong + abs(draw.gauss(0, 0.2))]), None))
            errors.append(wrong)
        log_p = [each.log_p(0) for each in costs]
        features.add(Rescored(Utterance(str(number), tuple(hypotheses)), costs, log_p, log_p), np.array(errors))
    return features.chooser()


def test_errors_under_weights_are_those_of_the_best_totals() -> None:
    lists = chooser()
    weights = Weights({"acoustic": 1.0}, 7.0, 0.0, -1.5)
    total = 0
    for start in lists.starts:
        here = range(start, start + 4)
        totals = [lists.scores["acoustic"][i] + 7 * lists.log_p[0.0][i] + 1.5 * lists.words[i] for i in here]
        total += int(lists.errors[start + max(range(4), key=totals.__getitem__)])
    assert lists.word_errors(weights) == total


def test_tuned_weights_make_fewer_errors_and_none_is_better_nearby() -> None:
    lists = chooser()
    start = Weights({"acoustic": 1.0})
    best = tuned(lists, start)
    assert best.scores == {"acoustic": 1.0}
    assert lists.fewest() <= lists.word_errors(best) < lists.word_errors(start)
    grid = [
        lists.word_errors(Weights({"acoustic": 1.0}, weight, 0.0, penalty))
        for weight in np.geomspace(0.1, 100, 25)
        for penalty in np.linspace(-8, 8, 33)
    ]
    assert lists.word_errors(best) <= 1.03 * min(grid)


def test_an_utterance_that_comes_back_and_scores_that_differ_are_refused() -> None:
    lists = [hypothesis("a", "x"), hypothesis("b", "x"), hypothesis("a", "y")]
    with pytest.raises(InputError, match="repeats"):
        list(utterances(lists))
    with pytest.raises(InputError, match="scores lm, where the first hypothesis has none"):
        list(utterances([hypothesis("a", "x"), hypothesis("a", "x", lm=1.0)]))
    with pytest.raises(InputError, match="line 2: 'a' has a reference already"):
        read_references(["a x", "a y"], "references.txt")


def test_excluded_words_cost_nothing_in_rescoring() -> None:
    rules = rules_of("word")
    model = network_of(rules)
    lists = Utterance("u", (hypothesis("u", "the frob cat"), hypothesis("u", "frob")))

    def log_p(unknown: Any) -> list[float]:
        (found,) = Rescorer(model, rules, Weights({}), unknown=unknown).rescored([lists])
        return [*found.log_p]

    the, frob, cat, end = (rules.tokenizer.token_to_id(each) for each in ("the", "<unk>", "cat", "</s>"))
    first, second = slow_nats(model, [the, frob, cat, end]), slow_nats(model, [frob, end])
    assert log_p("score") == pytest.approx([-sum(first), -sum(second)], abs=1e-5)
    assert log_p("exclude") == pytest.approx([first[1] - sum(first), -second[1]], abs=1e-5)


def test_an_utterance_is_rescored_before_the_next_batch_is_read() -> None:
    asked = 0

    def source() -> Iterator[Utterance]:
        nonlocal asked
        for number in range(20):
            asked += 1
            yield Utterance(str(number), (hypothesis(str(number), "the cat"), hypothesis(str(number), "a dog")))

    rules = rules_of("word")
    found = Rescorer(network_of(rules), rules, Weights({}), batch_size=6).rescored(source())
    counts = []
    for each in found:
        assert each.utterance.id == str(len(counts))
        counts.append(asked)
    assert counts[:9] == [3, 3, 3, 6, 6, 6, 9, 9, 9]


def test_word_rates_are_of_the_first_the_chosen_and_the_best_hypothesis() -> None:
    rates = WordRates({"u1": ["a", "b", "c"], "u2": ["a", "b"]}, "references.txt")
    for id_, texts, totals in (
        ("u1", ["x y c", "x b c", "x y z"], [0.0, 1.0, 2.0]),  # 2, 1 and 3 errors; the last has the highest total
        ("u2", ["x y z", "a x", "x y"], [0.0, 2.0, 1.0]),  # 3, 1 and 2 errors; the second has the highest total
    ):
        each = Utterance(id_, tuple(hypothesis(id_, text) for text in texts))
        errors = rates.add(Rescored(each, [], totals, totals))
        assert errors.tolist() == ([2, 1, 3] if id_ == "u1" else [3, 1, 2])
    assert rates.metrics() == {
        "reference_words": 5, "references_without_list": 0,
        "listed_word_errors": 5, "listed_word_error_rate": 1.0,
        "rescored_word_errors": 4, "rescored_word_error_rate": 0.8,
        "fewest_word_errors": 2, "fewest_word_error_rate": 0.4, "difference": None,
        "listed_edits": {"insertions": 1, "deletions": 0, "substitutions": 4},
        "rescored_edits": {"insertions": 0, "deletions": 0, "substitutions": 4},
    }  # fmt: skip
    assert [line.split("\t") for line in rates.lines()][1:] == [
        ["u1", "3", "0", "0", "2", "0", "0", "3"], ["u2", "2", "1", "0", "2", "0", "0", "1"],
    ]  # fmt: skip
    assert rates.tuned(3) == {"tuned_word_errors": 3, "tuned_word_error_rate": 0.6}


def test_srilm_scores_are_read_as_natural_logarithms() -> None:
    (found,) = SrilmLists().read("u1.nbest", ["-100 -9.5 2 the cat"])
    assert found.scores == pytest.approx({"acoustic": -100 * math.log(10), "lm": -9.5 * math.log(10)})


@pytest.mark.parametrize(
    ("lines", "acoustic", "lm"),
    [
        (["NBestList1.0", "(-7000) <s> the cat"], -7000, 0),
        (["NBestList2.0", "(-7000) the ( st: 0 et: 9 g: -8 a: -70 ) cat ( st: 10 et: 19 g: -9 a: -80 )"], -150, -17),
    ],
)
def test_the_older_lists_of_srilm_are_in_bytelogs(lines: list[str], acoustic: int, lm: int) -> None:
    (found,) = SrilmLists().read("u1.nbest", lines)
    bytelog = 1024 * math.log(1.0001)
    assert found.scores == pytest.approx({"acoustic": acoustic * bytelog, "lm": lm * bytelog}, abs=1e-4)
    assert found.text == "the cat"
    assert found.line.split()[3 if "<s>" in lines[1] else 2 :][-2:] == ["the", "cat"]
    for wrong in ("the cat", f"({'9' * 5000}) the cat"):
        with pytest.raises(InputError, match="line 2 does not begin with three numbers"):
            list(SrilmLists().read("u1.nbest", [lines[0], wrong]))
