"""Slices add up to the whole; calibration and keystrokes are what slow loops say."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from speakers import CASES, network_of, rules_of

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.text import EncodedText, TextRules, encode_text
from rnnlm.corpus.tokenizer import START_ID, tokens_by_id
from rnnlm.model.likelihood import log_probabilities, spans_of
from rnnlm.model.network import Network
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.use.evaluation import sliced as module
from rnnlm.use.evaluation.evaluate import evaluate
from rnnlm.use.evaluation.reliability import BINS, Reliability
from rnnlm.use.evaluation.sliced import Sliced, evaluate_slices
from rnnlm.use.evaluation.slices import SlicedLines, make_slices

RAW = b"the cat sees a dog\nthe half hearted cats frobnicate a dog\n\na\nthe the dog zz\ncats\n" * 3
ID = {"</s>": 2, "<unk>": 3}


def sliced(case: str, directory: Path, context: str = "stream") -> tuple[Network, TextRules, EncodedText, Sliced]:
    """A text in slices under a network with random weights, in float64."""
    rules = rules_of(case)
    model = network_of(rules).double()
    text = encode_text([RAW], rules, directory)
    return model, rules, text, evaluate_slices(model, rules, text, context, Scratch(directory), [RAW])


@pytest.mark.parametrize("context", ["stream", "sentence", "document"])
@pytest.mark.parametrize("case", CASES)
def test_every_table_adds_up_to_the_whole(
    case: str, context: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LINES", 2)
    monkeypatch.setattr(module, "_STEPS", 5)
    model, rules, text, found = sliced(case, tmp_path, context)
    whole = evaluate(model, text, context, 3)
    assert found.evaluation.nats == pytest.approx(whole.nats, abs=1e-9)
    assert found.evaluation.unknown_nats == pytest.approx(whole.unknown_nats, abs=1e-9)
    for table in found.slices.values():
        assert table.tokens.sum() == whole.tokens
        assert table.nats.sum() == pytest.approx(whole.nats, abs=1e-9)
    assert ("frequency" in found.slices) == (rules.kind in ("word", "whitespace", "char", "bpe"))
    assert (found.keystrokes is not None) == (rules.kind in ("word", "whitespace"))
    assert found.calibration.counts.sum() == whole.tokens


def test_where_tokens_go() -> None:
    """Two lines: `4 3 5 13 2` and `103 2`, ranks 1, unknown, 2, 10, end; 100, end."""
    ids = Ids(np.array([4, 3, 5, 13, 2, 103, 2], np.uint16), np.array([0, 5, 7]), np.zeros(1, np.uint32))
    nats = np.arange(1.0, 8.0)
    tables = make_slices(ranked=True)
    found = {}
    for name, table in tables.items():
        table.add(SlicedLines(ids, 0, 2), nats)
        found[name] = {row["slice"]: (row["tokens"], row["nats"]) for row in table.rows()}
    assert found["frequency"] == {"</s>": (2, 12), "<unk>": (1, 2), "1-10": (3, 8), "11-100": (1, 6)}
    assert found["position"] == {"1": (2, 7), "2": (2, 9), "3": (1, 3), "4-5": (2, 9)}
    assert found["length"] == {"1-5": (7, 28)}
    assert found["after_unknown"] == {
        "1": (1, 3),
        "2": (1, 4),
        "3-5": (1, 5),
        "more than 5, or none in the line": (4, 16),
    }


def slow_log_p(model: Network, ids: Ids, context: str) -> torch.Tensor:
    """(tokens, outputs), one step after another."""
    begins = {int(first) for first, _ in spans_of(ids, context)}
    found, before = [], START_ID
    with torch.inference_mode():
        for position, target in enumerate(ids.ids.tolist()):
            if position in begins:
                states, before = model.initial_state(1), START_ID
            hidden, states = model(torch.tensor([[before]]), states)
            found.append(log_probabilities(model, hidden[0])[0])
            before = target
    return torch.stack(found)


@pytest.mark.parametrize("context", ["stream", "sentence"])
def test_calibration_and_keystrokes_are_those_of_a_slow_loop(context: str, tmp_path: Path) -> None:
    model, rules, text, found = sliced("word", tmp_path, context)
    log_p = slow_log_p(model, text.ids, context)
    names = tokens_by_id(rules.tokenizer)
    words = iter([word for line in RAW.decode().split("\n") for word in line.split()])
    bins: dict[int, list[tuple[float, bool]]] = {}
    plain = saved = 0
    for row, target in zip(log_p, text.ids.ids.tolist(), strict=True):
        confidence, first = float(row.exp().max()), int(row.argmax()) + 2
        bins.setdefault(min(int(confidence * BINS), BINS - 1), []).append((confidence, first == target))
        if target == ID["</s>"]:
            continue
        word = next(words)
        plain += len(word) + 1
        keys = len(word) + 1
        for typed in range(len(word)):
            fitting = [number for number in range(4, len(names)) if names[number].startswith(word[:typed])]
            best = sorted(fitting, key=lambda number: -float(row[number - 2]))[:3]
            if target != ID["<unk>"] and target in best:
                keys = typed + 1
                break
        saved += len(word) + 1 - keys
    assert found.keystrokes is not None
    assert (found.keystrokes.plain, found.keystrokes.saved) == (plain, saved)
    assert 0 < saved < plain and text.out_of_vocabulary_tokens > 0
    error = sum(abs(sum(right for _, right in each) - sum(sure for sure, _ in each)) for each in bins.values())
    assert found.calibration.error() == pytest.approx(error / len(text.ids.ids), abs=1e-9)


def test_a_model_that_is_right_as_often_as_it_is_sure_has_no_calibration_error() -> None:
    calibration = Reliability()
    for confidence, right in itertools.product((0.2, 0.5, 0.9), range(10)):
        calibration.add(np.array([confidence]), np.array([right < 10 * confidence]))
    assert calibration.error() == pytest.approx(0, abs=1e-12)
    calibration.add(np.array([1.0] * 30), np.zeros(30, bool))
    assert calibration.error() == pytest.approx(0.5)
    assert sum(row["predictions"] for row in calibration.rows()) == 60
