"""Generated text and next words: the same for a seed, never `<unk>`, and with the model's own probabilities."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import tokens_by_id
from rnnlm.model.likelihood import log_probabilities, text_nats
from rnnlm.model.loading import load_network
from rnnlm.model.network import Network
from rnnlm.model.sealed import read_sealed
from rnnlm.use.generation.generate import generate, generate_from
from rnnlm.use.generation.next import next_words
from rnnlm.use.generation.prompt import prompt_ids, text_of
from rnnlm.use.generation.settings import GenerateSettings

Speaker = tuple[Network, TextRules]


@pytest.fixture(scope="module")
def speaker(trained: Path) -> Speaker:
    """The small trained model."""
    sealed = read_sealed(trained / "models" / "lstm")
    return load_network(sealed), sealed.rules


def stream_nats(model: Network, ids: list[int]) -> np.ndarray:  # type: ignore[type-arg]
    """What each id costs when read from the start."""
    text = Ids(np.array(ids, np.uint16), np.array([0, len(ids)], np.int64), np.zeros(1, np.uint32))
    found = np.empty(len(ids))
    for span in text_nats(model, text, "stream", 1):
        found[span.start : span.start + len(span.nats)] = span.nats
    return found


def distribution(speaker: Speaker, prompt: str) -> dict[str, float]:
    """p of every token after a prompt."""
    model, rules = speaker
    with torch.inference_mode():
        hidden, _ = model(torch.tensor(prompt_ids(rules, prompt)).unsqueeze(1), model.initial_state(1))
        p = log_probabilities(model, hidden[-1])[0].exp().tolist()
    return dict(zip(tokens_by_id(rules.tokenizer)[2:], p, strict=True))


@pytest.mark.parametrize("prompt", ["", "the cat", "the cats see\n"])
def test_nats_are_the_likelihood_of_what_was_drawn(speaker: Speaker, prompt: str) -> None:
    """Also where what is drawn from is shaped: the cost is that of the model itself."""
    model, rules = speaker
    before = prompt_ids(rules, prompt)
    for given_ in (
        GenerateSettings(lines=4, max_tokens=60, n=3),
        GenerateSettings(lines=4, max_tokens=60, temperature=0.5, top_k=5),
        GenerateSettings(lines=4, max_tokens=60, top_p=0.6, min_p=0.1),
        GenerateSettings(lines=4, max_tokens=60, typical=0.5, repetition_penalty=1.3, n=2),
        GenerateSettings(lines=2, max_tokens=9, temperature=0),
        GenerateSettings(lines=2, max_tokens=12, beam=3, n=2),
    ):
        texts = list(generate(model, rules, replace(given_, prompt=prompt)))
        assert len(texts) == given_.n
        for text in texts:
            nats = stream_nats(model, [*before[1:], *text.ids])[len(before) - 1 :]
            costs = [-each.log_probability for each in text.generated_tokens]
            assert np.abs(nats - costs).max() < 1e-5
            assert text.nats == pytest.approx(sum(costs))
            assert text.tokens == len(text.ids)


def test_a_seed_gives_a_text_and_n_texts_are_those_of_n_seeds(speaker: Speaker) -> None:
    model, rules = speaker
    asked = GenerateSettings(prompt="the", n=9, seed=7, lines=2)
    many = list(generate(model, rules, asked))
    assert many == list(generate(model, rules, asked))
    alone = [next(generate(model, rules, replace(asked, n=1, seed=7 + number))) for number in range(9)]
    for other in (alone, list(generate(model, rules, replace(asked, batch_size=2)))):
        assert [text.ids for text in many] == [text.ids for text in other]
        assert [text.text for text in many] == [text.text for text in other]
        assert [text.nats for text in many] == pytest.approx([text.nats for text in other], abs=1e-5)
    assert len({text.text for text in many}) > 1


def test_a_prompt_among_many_gives_what_it_gives_alone(speaker: Speaker) -> None:
    model, rules = speaker
    prompts = ["the old", "", "The CAT sees", "the old", "the zzz", "a\tb"]
    asked = GenerateSettings(n=2, seed=3, batch_size=5, repetition_penalty=1.2)
    taken: list[str] = []

    def some() -> Iterator[str]:
        for prompt in prompts:
            taken.append(prompt)
            yield prompt

    found = generate_from(model, rules, asked, some())
    first = next(found)
    assert taken == prompts[:3]  # as many as the first five texts need
    texts = [first, *found]
    assert [text.prompt for text in texts] == [prompt for prompt in prompts for _ in range(2)]
    for prompt, pair in zip(prompts, zip(texts[::2], texts[1::2], strict=True), strict=True):
        expected = list(generate(model, rules, replace(asked, prompt=prompt)))
        assert [text.ids for text in pair] == [text.ids for text in expected]


def test_what_is_streamed_is_what_is_returned(speaker: Speaker) -> None:
    model, rules = speaker
    pieces: list[str] = []
    text = next(generate(model, rules, GenerateSettings(prompt="the old", lines=3), pieces.append))
    assert "".join(pieces) == f"the old {text.text}\n"
    assert len(pieces) > 3
    assert text.before + text.continued == f"the old {text.text}"


def test_the_unknown_word_is_never_spoken_unless_asked_for(speaker: Speaker) -> None:
    model, rules = speaker
    biased = Network(model.architecture, torch.Generator())
    biased.load(model.tensors(), "")
    with torch.no_grad():
        biased.bias[1] = 30.0
    for temperature in (0.0, 1.0, 2.0):
        text = next(generate(biased, rules, GenerateSettings(lines=3, temperature=temperature, max_tokens=30)))
        assert "<unk>" not in text.text
        assert text.nats > 20
    unknown = next(generate(biased, rules, GenerateSettings(unknown=True, max_tokens=5)))
    assert unknown.text.split() == ["<unk>"] * 5


def test_temperature_zero_takes_the_most_likely(speaker: Speaker) -> None:
    model, rules = speaker
    greedy = [next(generate(model, rules, GenerateSettings(prompt="the", temperature=0, seed=n))) for n in (1, 2)]
    assert greedy[0] == greedy[1] == next(generate(model, rules, GenerateSettings(prompt="the", top_k=1, seed=3)))
    cold = GenerateSettings(prompt="the", temperature=5e-324)  # the least there is
    assert greedy[0] == next(generate(model, rules, cold))


def test_next_words_are_the_distribution_in_order(speaker: Speaker) -> None:
    model, rules = speaker
    for prompt in ("", "the cat ", "The old dog ", "the cats see\n"):
        expected = distribution(speaker, prompt)
        found = next_words(model, rules, prompt, len(expected))
        assert {each.token: each.probability for each in found} == pytest.approx(expected)
        values = [each.probability for each in found]
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1, abs=1e-6)
        assert [each.token for each in next_words(model, rules, prompt, 3)] == [each.token for each in found[:3]]


@pytest.mark.parametrize(
    ("prompt", "before", "half"),
    [("the c", "the ", "c"), ("The OLD b", "the old ", "b"), ("s", "", "s"), ("the cats s", "the cats ", "s"),
     ("the cats see milk\nthe c", "the cats see milk\nthe ", "c"), ("the\tc", "the ", "c"),
        ("the cats see milk\nth", "the cats see milk\n", "th")],
)  # fmt: skip
def test_a_half_typed_word_is_completed(speaker: Speaker, prompt: str, before: str, half: str) -> None:
    """p is that of each word that begins so, given that one of them comes, in the context of what stands before."""
    model, rules = speaker
    fitting = {
        token: p for token, p in distribution(speaker, before).items() if token.startswith(half) and "<" not in token
    }
    assert len(fitting) > 1
    found = next_words(model, rules, prompt, 1000)
    total = sum(fitting.values())
    assert {each.token: each.probability for each in found} == pytest.approx(
        {token: p / total for token, p in fitting.items()}, abs=1e-6
    )


def test_a_word_that_nothing_completes_is_taken_as_whole(speaker: Speaker) -> None:
    model, rules = speaker
    found = next_words(model, rules, "the zzz", 5)
    assert found == next_words(model, rules, "the zzz ", 5)


def test_a_prompt_is_read_as_the_text_was(speaker: Speaker) -> None:
    _, rules = speaker
    assert prompt_ids(rules, "The CAT, sees!") == prompt_ids(rules, "the cat sees")
    assert prompt_ids(rules, "a\nb")[0] == 1
    assert prompt_ids(rules, "the\ncat").count(2) == 1
    assert text_of(rules, prompt_ids(rules, "The cat\nsees")) == "the cat\nsees"
    assert not set(prompt_ids(rules, "<s> </s> <pad>")[1:]) & {0, 1, 2}


def test_generation_by_command_is_that_of_the_library(run: Any, trained: Path, speaker: Speaker) -> None:
    model, rules = speaker
    expected = next(generate(model, rules, GenerateSettings(prompt="the cat", seed=5)))
    first = run("generate", trained, "--prompt", "the cat", "--seed", 5, "--json").ok()
    assert first.json["text"] == expected.text
    assert first.json["tokens"] == expected.tokens
    assert first.json["nats"] == pytest.approx(expected.nats)
    generated = [(each["token"], each["log_probability"]) for each in first.json["log_probabilities"]]
    assert generated == [(each.token, pytest.approx(each.log_probability)) for each in expected.generated_tokens]
    assert run("generate", trained, "--prompt", "the cat", "--seed", 5).ok().out == f"the cat {expected.text}\n"
    words = run("next", trained, "--prompt", "the ", "-k", 4, "--json").ok().json["next"]
    assert len(words) == 4


def test_a_prompt_that_is_no_unicode_is_refused(run: Any, trained: Path) -> None:
    run("generate", trained, "--prompt", "a\udcff").refused(2, "not valid Unicode")
    run("next", trained, "--prompt", "a\udcff ").refused(2, "not valid Unicode")
    run("next", trained, "--prompt", "a\udcff").refused(2, "not valid Unicode")
