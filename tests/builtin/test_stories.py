"""The built-in stories: same bytes everywhere, exact probabilities, long dependencies."""

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rnnlm.builtin import probability, stories
from rnnlm.builtin.grammar import Category, Derivation, Grammar
from rnnlm.builtin.sampling import Token, below, sample

DATA = Path(__file__).parents[2] / "data"

CHILDREN = Category(
    (
        {"word": "Tom", "he": "he", "his": "his"},
        {"word": "Anna", "he": "she", "his": "her"},
        {"word": "Mia", "he": "she", "his": "her"},
    ),
    {"word": "NAME", "he": "PRON", "his": "DET"},
)
ANIMALS = Category(
    ({"word": "dog", "a": "a", "was": "was"}, {"word": "dogs", "a": "some", "was": "were"}),
    {"word": "NOUN", "a": "DET", "was": "VERB"},
)
OLD = Category(({"word": "old"}, {"word": "big"}), {"word": "ADJ"})

SMALL = Grammar(
    categories={"child": CHILDREN, "animal": ANIMALS, "old": OLD},
    registers={"hero": "child", "friend": "child", "animal": "animal"},
    rules={
        "story": """
            2: <meeting> <ending>
            {Hero.he} [old] {hero} <ending>
        """,
        "meeting": """
            {Hero} saw {animal.a} <maybe_old> {animal}.
            {Friend} saw {animal.a} {animal}. {Hero} saw it.
            3: {Hero} saw {hero.his} {friend}.
        """,
        "maybe_old": """
            -
            [old]
        """,
        "ending": """
            The {animal} {animal.was} [old].
            The [old] {animal} {animal.was} <maybe_old> [old].
            The {animal} {animal.was} <quality>.
        """,
        "quality": """
            old
            2: big
        """,
    },
    tags={"saw": "VERB", "it": "PRON", "the": "DET", "old": "ADJ", "big": "ADJ"},
)
"""Ambiguous on purpose: empty templates, one word by two rules, a pronoun before its name."""


def derivations(
    grammar: Grammar, state: Derivation, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Fraction]]:
    """Every derivation from a state with its words and exact probability, none merged."""
    if not state[0]:
        yield words, Fraction(1)
        return
    steps = grammar.steps(state)
    total = sum(weight for weight, _, _ in steps)
    for weight, token, after in steps:
        prefix = words if token is None else (*words, token.word)
        for text, chance in derivations(grammar, after, prefix):
            yield text, chance * weight / total


@pytest.fixture(scope="module")
def enumerated() -> dict[tuple[str, ...], list[Fraction]]:
    found: dict[tuple[str, ...], list[Fraction]] = defaultdict(list)
    for words, chance in derivations(SMALL, SMALL.initial):
        found[words].append(chance)
    return found


@pytest.fixture(scope="module")
def corpus() -> list[list[Token]]:
    return list(stories.stories())


@pytest.fixture(scope="module")
def splits(corpus: list[list[Token]]) -> list[list[list[Token]]]:
    """90, 5 and 5 % of the bytes, each boundary moved to the next line end."""
    sizes = np.array([len(stories.line(story)) + 1 for story in corpus])
    starts = np.cumsum(sizes) - sizes
    train_end, valid_end = np.searchsorted(starts, [0.9 * sizes.sum(), 0.95 * sizes.sum()])
    return [corpus[:train_end], corpus[train_end:valid_end], corpus[valid_end:]]


def words_of(story: list[Token]) -> list[str]:
    return [token.word for token in story]


def test_small_grammar_is_ambiguous_and_sums_to_one(enumerated: dict[tuple[str, ...], list[Fraction]]) -> None:
    assert sum(sum(chances) for chances in enumerated.values()) == 1
    assert sum(len(chances) > 1 for chances in enumerated.values()) > 50


def test_probability_of_each_text_is_the_sum_over_its_derivations(
    enumerated: dict[tuple[str, ...], list[Fraction]],
) -> None:
    for words, chances in enumerated.items():
        nats = sum(probability.token_nats(SMALL, words))
        assert nats == pytest.approx(-math.log(sum(chances)), abs=1e-12)


def test_every_prefix_of_the_small_grammar_has_the_enumerated_next_words(
    enumerated: dict[tuple[str, ...], list[Fraction]],
) -> None:
    prefixes: dict[tuple[str, ...], Fraction] = defaultdict(Fraction)
    for words, chances in enumerated.items():
        whole = (*words, probability.END)
        for length in range(len(whole) + 1):
            prefixes[whole[:length]] += sum(chances)
    for whole, chance in prefixes.items():
        if whole and whole[-1] == probability.END:
            continue
        belief = SMALL.beginnings
        for word in whole:
            _, belief = probability.observe(SMALL, belief, word)
        for word, found in probability.next_words(SMALL, belief).items():
            assert found == pytest.approx(float(prefixes[*whole, word] / chance), abs=1e-12)


def test_samples_follow_the_enumerated_probabilities(enumerated: dict[tuple[str, ...], list[Fraction]]) -> None:
    draws = 4000
    rng = np.random.Generator(np.random.PCG64(5))
    counts = Counter(tuple(words_of(sample(SMALL, rng))) for _ in range(draws))
    expected = {words: draws * float(sum(chances)) for words, chances in enumerated.items()}
    assert set(counts) <= set(expected)
    chi_square = sum((counts[words] - mean) ** 2 / mean for words, mean in expected.items())
    freedom = len(expected) - 1
    assert abs(chi_square - freedom) < 5 * math.sqrt(2 * freedom)


def test_words_that_cannot_follow_are_infinite_from_there_on() -> None:
    nats = probability.token_nats(SMALL, ["tom", "saw", "zebra", "the"])
    assert [math.isinf(x) for x in nats] == [False, False, True, True, True]


def test_integers_of_a_seed_are_the_same_everywhere() -> None:
    rng = np.random.Generator(np.random.PCG64(12345))
    assert [below(1000, rng) for _ in range(5)] == [869, 886, 433, 336, 533]


def test_corpus_has_the_shipped_bytes(corpus: list[list[Token]]) -> None:
    text = "".join(stories.line(story) + "\n" for story in corpus).encode()
    digest = hashlib.sha256(text).hexdigest()
    assert digest == stories.STORIES_SHA256
    assert (DATA / "stories.txt").read_bytes() == text
    assert (DATA / "stories.sha256").read_text() == f"{digest}  stories.txt\n"


def test_tokens_are_the_default_cleaned_words(corpus: list[list[Token]]) -> None:
    for story in corpus:
        cleaned = re.sub(r"[^a-z]+", " ", stories.line(story).lower()).split()
        assert cleaned == words_of(story)


def test_surface_is_english(corpus: list[list[Token]]) -> None:
    text = "\n".join(map(stories.line, corpus))
    assert not re.search(r"\ba [aeiou]", text)
    assert not re.search(r"[.?!] [a-z](?!sked)", text)
    assert not re.search(r"\b(\w+) \1\b", text.lower())
    assert all(re.match(r'[A-Z"].*[.?!]"?$', stories.line(story)) for story in corpus)


def test_valid_and_test_words_are_in_train(splits: list[list[list[Token]]]) -> None:
    train, *held_out = splits
    counts = Counter(token.word for story in train for token in story)
    assert min(counts.values()) >= 2
    assert 250 <= len(counts) <= 500
    assert {token.word for part in held_out for story in part for token in story} <= set(counts)


def test_next_word_probabilities_of_the_full_grammar_sum_to_one(corpus: list[list[Token]]) -> None:
    for story in corpus[::400]:
        belief = stories.GRAMMAR.beginnings
        for word in (*words_of(story), probability.END):
            probabilities = probability.next_words(stories.GRAMMAR, belief)
            assert sum(probabilities.values()) == pytest.approx(1, abs=1e-12)
            chance, belief = probability.observe(stories.GRAMMAR, belief, word)
            assert chance == pytest.approx(probabilities[word], abs=1e-12)


def test_unigram_is_five_times_the_best(splits: list[list[list[Token]]]) -> None:
    train, _, test = splits
    counts = Counter(word for story in train for word in (*words_of(story), "</s>"))
    targets = [word for story in test for word in (*words_of(story), "</s>")]
    unigram = -sum(math.log(counts[word] / counts.total()) for word in targets) / len(targets)
    nats, predictions = probability.cross_entropy(stories.GRAMMAR, (" ".join(words_of(story)) for story in test))
    assert predictions == len(targets)
    assert math.exp(unigram) >= 5 * math.exp(nats / predictions)


def test_recall_marks_words_that_cannot_be_known_from_four_words_back() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    for _ in range(200):
        tokens = sample(SMALL, rng)
        words = words_of(tokens)
        for position, token in enumerate(tokens):
            if token.recall:
                assert token.word in {"dog", "dogs"}
                assert token.word in words[: position - 4]
                assert token.word not in words[position - 4 : position]


def test_fraction_of_recall_marks(corpus: list[list[Token]]) -> None:
    marks = [token.recall for story in corpus for token in story]
    assert 0.1 < sum(marks) / len(marks) < 0.25


def test_a_name_determines_its_pronoun_and_not_the_other_way() -> None:
    assert CHILDREN.determines("word", "he")
    assert CHILDREN.determines("he", "his")
    assert not CHILDREN.determines("he", "word")


def test_tags_pair_every_word_of_a_story_with_its_part_of_speech(corpus: list[list[Token]]) -> None:
    assert next(stories.tagged_lines()) == [(token.word, token.part_of_speech) for token in corpus[0]]
    her = {token.part_of_speech for story in corpus for token in story if token.word == "her"}
    assert her == {"DET"}


def test_every_symbol_of_the_grammar_is_reached() -> None:
    assert {re.sub(r"\W", "", name) for name in stories.GRAMMAR.compiled} == set(stories.GRAMMAR.rules)
