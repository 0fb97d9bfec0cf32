"""Beam search: exhaustive where it can be, greedy with a beam of one, and ranked by what it says."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, START_ID, UNKNOWN_ID
from rnnlm.model.architecture import Architecture
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.loading import load_network
from rnnlm.model.network import Network
from rnnlm.model.sealed import read_sealed
from rnnlm.use.generation.beam import beam_search
from rnnlm.use.generation.detokenizer import Detokenizer
from rnnlm.use.generation.generate import generate
from rnnlm.use.generation.settings import GenerateSettings

Speaker = tuple[Network, TextRules]


@pytest.fixture(scope="module")
def speaker(trained: Path) -> Speaker:
    """The small trained model."""
    sealed = read_sealed(trained / "models" / "lstm")
    return load_network(sealed), sealed.rules


@pytest.fixture(scope="module")
def small() -> Network:
    """Four outputs that can be generated, `</s>` among them, with far from equal probabilities."""
    model = Network(Architecture("elman", 7, 5, 6, 1, True), torch.Generator().manual_seed(1)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(6)))
    return model


def nats_of(model: Network, ids: tuple[int, ...]) -> float:
    """−log p of ids after the start."""
    inputs = torch.tensor([START_ID, *ids[:-1]]).unsqueeze(1)
    with torch.inference_mode():
        hidden, _ = model(inputs, model.initial_state(1))
        log_p = log_probabilities(model, hidden[:, 0])
    return -sum(float(log_p[step, number - FIRST_OUTPUT]) for step, number in enumerate(ids))


def texts(length: int) -> list[tuple[int, ...]]:
    """All texts of at most so many of the ids 2, 4, 5, 6; those of full length need not end in `</s>`."""
    words = (4, 5, 6)
    found = [(*before, END_ID) for count in range(length) for before in itertools.product(words, repeat=count)]
    return found + list(itertools.product(words, repeat=length))


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.5])
def test_a_beam_that_holds_everything_finds_the_best_there_are(
    small: Network, speaker: Speaker, penalty: float
) -> None:
    scored = {ids: -nats_of(small, ids) / ((5 + len(ids)) / 6) ** penalty for ids in texts(4)}
    expected = sorted(scored, key=lambda ids: -scored[ids])[:5]
    asked = GenerateSettings(beam=400, n=5, max_tokens=4, length_penalty=penalty)
    found = beam_search(small, [START_ID], Detokenizer(speaker[1], [START_ID], asked), asked)
    assert [tuple(each.id for each in text.tokens) for text in found] == expected
    assert [text.score(penalty) for text in found] == pytest.approx([scored[ids] for ids in expected], abs=1e-5)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 3.0])
def test_stopping_early_loses_nothing(small: Network, speaker: Speaker, penalty: float) -> None:
    """An exhaustive search gives the same."""
    for width in (1, 2, 3, 5):
        asked = GenerateSettings(beam=width, n=width, max_tokens=7, length_penalty=penalty)
        found = beam_search(small, [START_ID], Detokenizer(speaker[1], [START_ID], asked), asked)
        beam: list[tuple[int, ...]] = [()]
        ended: list[tuple[int, ...]] = []
        for length in range(1, 8):
            longer = sorted(
                ((*ids, number) for ids in beam for number in (2, 4, 5, 6)), key=lambda ids: nats_of(small, ids)
            )
            done = [ids for ids in longer if ids[-1] == END_ID or length == 7]
            ended += [ids for ids in done if ids in longer[:width]]
            beam = [ids for ids in longer[: 2 * width] if ids not in done][:width]
        ended.sort(key=lambda ids: nats_of(small, ids) / ((5 + len(ids)) / 6) ** penalty)
        assert [tuple(each.id for each in text.tokens) for text in found] == ended[:width]


def test_a_beam_of_one_is_what_temperature_zero_says(speaker: Speaker) -> None:
    model, rules = speaker
    for prompt in ("", "the", "the old cat\nthe"):
        greedy = GenerateSettings(prompt=prompt, temperature=0, lines=3, max_tokens=40)
        searched = replace(greedy, temperature=1.0, beam=1, length_penalty=0.0)
        (one,), (other,) = generate(model, rules, greedy), generate(model, rules, searched)
        assert (one.ids, one.text) == (other.ids, other.text)


def test_texts_come_best_first_and_n_are_the_first_of_more(speaker: Speaker) -> None:
    model, rules = speaker
    asked = GenerateSettings(prompt="the", beam=6, n=6, max_tokens=20, length_penalty=1.0)
    found = list(generate(model, rules, asked))
    scores = [-text.nats / ((5 + text.tokens) / 6) for text in found]
    assert len(found) == 6
    assert scores == sorted(scores, reverse=True)
    assert len({text.ids for text in found}) == 6
    assert [text.ids for text in generate(model, rules, replace(asked, n=2))] == [text.ids for text in found[:2]]
    assert all(UNKNOWN_ID not in text.ids for text in found)
    likeliest = next(generate(model, rules, replace(asked, n=1, beam=40, length_penalty=0.0)))
    drawn = list(generate(model, rules, GenerateSettings(prompt="the", n=30, max_tokens=20)))
    assert likeliest.nats <= min(text.nats for text in drawn) + 1e-5
    long = next(generate(model, rules, replace(asked, n=1, length_penalty=8.0)))
    assert long.tokens > likeliest.tokens


def test_a_search_ends_with_the_words_asked_for(speaker: Speaker) -> None:
    model, rules = speaker
    found = list(generate(model, rules, GenerateSettings(beam=4, n=4, until="cat", max_tokens=30)))
    assert any(text.text.endswith("cat") for text in found)
    for text in found:
        assert text.text.count("cat") <= 1


def test_the_same_by_command(run: Any, trained: Path, speaker: Speaker) -> None:
    model, rules = speaker
    asked = GenerateSettings(prompt="the old", beam=3, n=2)
    expected = list(generate(model, rules, asked))
    flags = ("generate", trained, "--prompt", "the old", "--beam", 3, "-n", 2)
    assert run(*flags).ok().out == "".join(f"the old {text.text}\n" for text in expected)
    run("generate", trained, "--beam", 2, "-n", 3).refused(2, "-n 3", "--beam 2")
    for flag in (["--temperature", 0.5], ["--top-k", 3], ["--min-p", 0.1], ["--repetition-penalty", 1.1]):
        run("generate", trained, "--beam", 2, *flag).refused(2, flag[0], "--beam")
