"""A model inside a decoder: sums equal those of rescoring, and a beam search finds the best word sequence."""

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from speakers import CASES, OWN, network_of, rules_of

import rnnlm
from rnnlm.cli.run import run as main
from rnnlm.errors import UsageError
from rnnlm.use.rescoring.decoder import Decoder
from rnnlm.use.rescoring.lists import Hypothesis, Utterance
from rnnlm.use.rescoring.rescorer import Rescorer, Weights

TEXTS = ("the cat sees a dog", "A half-hearted … dog", "frobnicated cats", "the")


def rescored(model: Any, rules: Any, text: str) -> float:
    """ln p of a text as `rescore` has it."""
    hypothesis = Hypothesis("", 1, "u", "", "", text, {})
    return next(iter(Rescorer(model, rules, Weights({})).rescored([Utterance("u", (hypothesis,))]))).log_p[0]


@pytest.mark.parametrize("case", CASES)
def test_words_one_by_one_cost_what_the_whole_text_costs(case: str) -> None:
    rules = rules_of(case)
    model = network_of(rules).double()
    decoder = Decoder(model, rules)
    for text in TEXTS:
        state, total = decoder.start(), 0.0
        try:
            for word in text.split():
                state, log_p = decoder.score(state, word)
                total += log_p
        except UsageError:  # tokens that span words
            assert case not in OWN
            continue
        _, end = decoder.finish(state)
        assert total + end == pytest.approx(rescored(model, rules, text), abs=1e-9)


def test_states_are_kept_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_of("word")
    model = network_of(rules)
    decoder, reads = Decoder(model, rules), []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda *given: reads.append(1) or forward(*given))
    start = decoder.start()
    after = {word: decoder.score(start, word) for word in ("the", "cat", "dog", "a")}
    assert len(reads) == 1  # <s>, for all of them
    again = decoder.score(start, "cat")
    assert again[1] == after["cat"][1]
    first, second = (decoder.score(after["the"][0], word)[1] for word in ("cat", "cat"))
    assert first == second
    assert len(reads) == 2
    removed, log_p = decoder.score(after["the"][0], "—")
    assert (log_p, decoder.score(removed, "cat")[1]) == (0.0, first)


def test_a_beam_search_finds_the_best_sequence() -> None:
    """Three words by acoustic scores that leave the choice to the model; against all sequences."""
    rules = rules_of("word")
    model = network_of(rules).double()
    decoder = Decoder(model, rules)
    heard = [{"the": -1.0, "a": -1.1}, {"cat": -2.0, "cats": -1.9, "dog": -2.2}, {"sees": -0.5, "see": -0.4}]

    def whole(words: tuple[str, ...]) -> float:
        acoustic = sum(each[word] for each, word in zip(heard, words, strict=True))
        return acoustic + rescored(model, rules, " ".join(words))

    beam = [(0.0, (), decoder.start())]
    for each in heard:
        grown = []
        for total, words, state in beam:
            for word, acoustic in each.items():
                after, log_p = decoder.score(state, word)
                grown.append((total + acoustic + log_p, (*words, word), after))
        beam = sorted(grown, key=lambda one: -one[0])[:6]
    total, words, _ = max((total + decoder.finish(state)[1], words, state) for total, words, state in beam)
    best = max(itertools.product(*heard), key=whole)
    assert words == best
    assert total == pytest.approx(whole(best), abs=1e-9)


def test_an_ngram_model_decodes_and_tuned_weights_are_a_settings_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("the dog ran away\nthe cat saw the dog\n" * 20)
    assert main(["ngram", "corpus.txt", "--out", "work", "--order", "3", "--quiet"]) == 0
    model: Any = rnnlm.load("work", model="ngram")
    decoder = model.decoder()
    state, total = decoder.start(), 0.0
    for word in ("the", "cat", "ran"):
        state, log_p = decoder.score(state, word)
        total += log_p
    total += decoder.finish(state)[1]
    assert total == pytest.approx(model.rescore(["the cat ran"])[0].log_p, abs=1e-5)
    assert torch.is_tensor(state.log_p)
    lists = ['{"id": "u1", "text": "the dock ran", "scores": {"a": -1}}',
             '{"id": "u1", "text": "the dog ran", "scores": {"a": -2.5}}']  # fmt: skip
    Path("lists.jsonl").write_text("\n".join(lists) + "\n")
    Path("references").write_text("u1 the dog ran\n")
    capsys.readouterr()
    command = "rescore work lists.jsonl --model ngram --references references --tune --tuned best.toml --quiet"
    assert main([*command.split(), "--score-weights", "a=9"]) == 0
    assert capsys.readouterr().out.endswith("continue with: --config best.toml\n")
    assert set(tomllib.loads(Path("best.toml").read_text())["rescore"]) == {
        "weight", "word_penalty", "ngram_weight", "score_weights"
    }  # fmt: skip
    assert (
        main(
            [
                "rescore",
                "work",
                "lists.jsonl",
                "--model",
                "ngram",
                "--config",
                "best.toml",
                "--write",
                "best",
                "--format",
                "jsonl",
                "--quiet",
            ]
        )
        == 0
    )
    assert "the dog ran" in capsys.readouterr().out.splitlines()[0]
    assert main(["rescore", "work", "lists.jsonl", "--tuned", "best.toml"]) == 2
