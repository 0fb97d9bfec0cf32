"""Nats per token: held to a slow float64 sum in NumPy, to themselves in every arrangement, and to the command."""

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnnlm.arrays import read_tensors
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import load_tokenizer
from rnnlm.model.architecture import Architecture
from rnnlm.model.likelihood import log_probabilities, spans_of, text_nats
from rnnlm.model.network import Network

Array = NDArray[Any]
SHAPES = {
    "tied": Architecture("lstm", 30, 8, 8, 2, True),
    "projected": Architecture("lstm", 30, 6, 10, 1, True),
    "tanh": Architecture("lstm", 30, 6, 10, 1, True, read_out="tanh"),
    "apart": Architecture("lstm", 30, 5, 9, 3, False),
    "clusters": Architecture("lstm", 30, 8, 10, 1, True, cuts=(6, 20), widths=(8, 8)),
    "shrinking clusters": Architecture("lstm", 30, 16, 10, 1, True, cuts=(6, 20), widths=(8, 3)),
}


def network(architecture: Architecture, seed: int = 1) -> Network:
    """A network whose weights are large enough that every gate is at work."""
    generator = torch.Generator().manual_seed(seed)
    model = Network(architecture, generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.7)
        model.embedding[0] = 0
    return model.eval()


def text(seed: int = 0, lines: int = 70) -> Ids:
    """Lines of 0 to 40 words; a document begins at every fifth line."""
    random = np.random.Generator(np.random.PCG64(seed))
    lengths = random.integers(0, 40, lines)
    flat = np.concatenate([[*random.integers(3, 30, length), 2] for length in lengths])
    offsets = np.cumsum([0, *(lengths + 1)])
    return Ids(flat.astype(np.uint16), offsets.astype(np.int64), np.arange(0, lines, 5, dtype=np.uint32))


def sigmoid(a: Array) -> Array:
    """1 / (1 + exp(−a))."""
    return 1 / (1 + np.exp(-a))


def slow_nats(tensors: dict[str, Array], layers: int, sequence: Array, read_out: str = "linear") -> Array:
    """−log p of each id of one sequence, read from the zero state and `<s>`; the equations, one step after another."""
    w = {name: array.astype(np.float64) for name, array in tensors.items()}
    hidden = w["layers.0.W"].shape[1]
    h, s = np.zeros((layers, hidden)), np.zeros((layers, hidden))
    nats = []
    for before, target in zip([1, *sequence[:-1]], sequence, strict=True):
        x = slow_rows(w)[before]
        for layer in range(layers):
            U, W, b = (w[f"layers.{layer}.{name}"] for name in ("U", "W", "b"))
            a = U @ x + W @ h[layer] + b
            g, f, c, q = (a[part * hidden : (part + 1) * hidden] for part in range(4))
            s[layer] = sigmoid(f) * s[layer] + sigmoid(g) * np.tanh(c)
            h[layer] = np.tanh(s[layer]) * sigmoid(q)
            x = h[layer]
        if "projection" in w:
            x = w["projection"] @ x
        x = np.tanh(x) if read_out == "tanh" else x
        if "bands.G" in w:
            nats.append(slow_cluster_nats(w, x, target - 2))
        else:
            nats.append(slow_choice(w.get("output", w["embedding"][2:]) @ x + w["bias"], target - 2))
    return np.array(nats)


def slow_choice(o: Array, number: int) -> float:
    """−log softmax(o)[number]."""
    return float(np.log(np.sum(np.exp(o - o.max()))) + o.max() - o[number])


def slow_rows(w: dict[str, Array]) -> Array:
    """(V, D): the rows of all clusters, those of later ones at full length."""
    later = []
    for cluster in range(len(w.get("bands.a", ()))):
        R, U = w[f"bands.later.{cluster}.rows"], w.get(f"bands.later.{cluster}.up")
        later.append(R if U is None else R @ U.T)
    return np.concatenate([w["embedding"], *later])


def slow_cluster_nats(w: dict[str, Array], x: Array, number: int) -> float:
    """−log p of an output with clusters: that of its cluster among the first words, and of the output in it."""
    V, c, first = slow_rows(w)[2:], w["bias"], len(w["embedding"]) - 2
    ends = np.cumsum([first, *(len(w[f"bands.later.{k}.rows"]) for k in range(len(w["bands.a"])))])
    o = np.concatenate([V[:first] @ x + c[:first], w["bands.G"] @ x + w["bands.a"]])
    if number < first:
        return slow_choice(o, number)
    cluster = int(np.searchsorted(ends, number, side="right")) - 1
    begin, end = ends[cluster], ends[cluster + 1]
    return slow_choice(o, first + cluster) + slow_choice(V[begin:end] @ x + c[begin:end], number - begin)


def slow_text(tensors: dict[str, Array], layers: int, ids: Ids, context: str, read_out: str = "linear") -> Array:
    """−log p of every token of a text."""
    if context == "stream":
        cuts = [0, len(ids.ids)]
    else:
        lines = range(ids.lines) if context == "sentence" else [int(line) for line in ids.documents]
        cuts = [*(int(ids.offsets[line]) for line in lines), len(ids.ids)]
    return np.concatenate([slow_nats(tensors, layers, ids.ids[a:b], read_out) for a, b in itertools.pairwise(cuts)])


def quick_text(model: Network, ids: Ids, context: str, batch_size: int) -> Array:
    """The same by the library, every token once."""
    found = np.full(len(ids.ids), np.nan)
    for span in text_nats(model, ids, context, batch_size):
        here = slice(span.start, span.start + len(span.nats))
        assert np.isnan(found[here]).all()
        assert span.nats.dtype == np.float64
        found[here] = span.nats
    assert not np.isnan(found).any()
    return found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("context", ["stream", "sentence", "document"])
def test_nats_are_those_of_a_slow_sum_in_float64(shape: str, context: str) -> None:
    model, ids = network(SHAPES[shape]), text()
    slow = slow_text(model.tensors(), SHAPES[shape].layers, ids, context, SHAPES[shape].read_out)
    for batch_size in (1, 7, 64):
        quick = quick_text(model, ids, context, batch_size)
        assert np.abs(quick - slow).max() < 1e-5
        assert quick.sum() == pytest.approx(slow.sum(), rel=1e-7)


@pytest.mark.parametrize("context", ["sentence", "document"])
def test_the_order_of_lines_changes_no_cost(context: str) -> None:
    model, ids = network(SHAPES["tied"]), text()
    order = np.random.Generator(np.random.PCG64(5)).permutation(14)
    lines = [5 * group + n for group in order for n in range(5)]
    shuffled = Ids(
        np.concatenate([ids.line(line) for line in lines]),
        np.cumsum([0, *(len(ids.line(line)) for line in lines)]).astype(np.int64),
        ids.documents,
    )
    there, here = quick_text(model, shuffled, context, 7), quick_text(model, ids, context, 64)
    parts = [here[ids.offsets[line] : ids.offsets[line + 1]] for line in lines]
    assert np.abs(there - np.concatenate(parts)).max() < 1e-5


def test_a_long_stream_is_read_unbroken() -> None:
    """Across the segments in which it is read, the state is carried."""
    model, ids = network(SHAPES["projected"]), text(seed=3, lines=160)
    assert len(ids.ids) > 2500
    slow = slow_text(model.tensors(), 1, ids, "stream")
    assert np.abs(quick_text(model, ids, "stream", 64) - slow).max() < 1e-5


def test_probabilities_sum_to_one_over_the_outputs() -> None:
    for architecture in SHAPES.values():
        model = network(architecture)
        with torch.inference_mode():
            hidden, _ = model(torch.arange(30).unsqueeze(1), model.initial_state(1))
            log_p = log_probabilities(model, hidden[:, 0])
        assert log_p.shape == (30, 28)
        assert log_p.dtype == torch.float64
        assert torch.allclose(log_p.exp().sum(-1), torch.ones(30, dtype=torch.float64), atol=1e-7, rtol=0)


def test_large_logits_stay_exact() -> None:
    model, ids = network(SHAPES["apart"]), text(lines=5)
    with torch.no_grad():
        model.bias.copy_(torch.linspace(-400, 400, 28))
    slow = slow_text(model.tensors(), 3, ids, "stream")
    assert np.isfinite(slow).all()
    assert np.allclose(quick_text(model, ids, "stream", 1), slow, rtol=1e-6, atol=1e-5)


def test_a_new_forget_gate_is_open_and_a_new_bias_is_the_unigram() -> None:
    model = Network(SHAPES["tied"], torch.Generator().manual_seed(1))
    b = model.layers[0].b.detach()
    assert b[8:16].tolist() == [1.0] * 8
    assert not b[:8].any()
    counts = np.arange(30)
    model.start_bias(counts[2:])
    p = model.bias.detach().double().exp()
    assert float(p.sum()) == pytest.approx(1)
    assert float(p[20] / p[4]) == pytest.approx((22 + 1) / (6 + 1), rel=1e-5)


def test_tanh_is_for_a_projection_in_front_of_a_tied_output() -> None:
    assert SHAPES["tanh"].fits()
    for name in ("tied", "apart"):
        assert not replace(SHAPES[name], read_out="tanh").fits()
    assert not replace(SHAPES["tanh"], read_out="relu").fits()


def test_spans_cover_a_text_once() -> None:
    ids = text()
    for context in ("stream", "sentence", "document"):
        spans = spans_of(ids, context)
        assert spans[0, 0] == 0
        assert spans[-1, 1] == len(ids.ids)
        assert np.array_equal(spans[1:, 0], spans[:-1, 1])


@pytest.mark.parametrize("context", ["stream", "sentence", "document"])
def test_evaluate_reports_what_the_slow_sum_gives(trained: Path, run: Any, context: str) -> None:
    """The whole way by hand: raw split, tokenizer.json, weights, equations; then the metrics of the command."""
    model = trained / "models" / "lstm"
    config = json.loads((model / "config.json").read_text("utf-8"))
    tokenizer = load_tokenizer((model / "tokenizer.json").read_text("utf-8"), "")
    lines, documents, fresh = [], [], True
    for raw in (trained / "raw" / "test.txt").read_text("utf-8").split("\n")[:-1]:
        if raw.strip():
            documents += [len(lines)] if fresh else []
            lines.append([*tokenizer.encode(raw, add_special_tokens=False).ids, 2])
        fresh = not raw.strip()
    flat = np.concatenate(lines)
    offsets = np.cumsum([0, *map(len, lines)])
    ids = Ids(flat.astype(np.uint16), offsets.astype(np.int64), np.array(documents, np.uint32))
    slow = slow_text(
        read_tensors(model / "weights.safetensors", remedy=""), config["architecture"]["layers"], ids, context
    )
    report = run("evaluate", trained, "--context", context, "--json").ok().json
    cleaned = (trained / "clean" / "test.txt").read_text("utf-8")
    assert report["tokens"] == len(slow)
    assert report["nats_per_token"] == pytest.approx(slow.mean(), abs=1e-6)
    assert report["perplexity"] == pytest.approx(np.exp(slow.mean()), rel=1e-6)
    assert report["bits_per_token"] == pytest.approx(slow.mean() / np.log(2), rel=1e-6)
    assert report["bits_per_character"] == pytest.approx(slow.sum() / np.log(2) / len(cleaned), rel=1e-6)
    assert report["bits_per_byte"] == pytest.approx(slow.sum() / np.log(2) / len(cleaned.encode()), rel=1e-6)
    assert report["unknown_tokens"] == int((flat == 3).sum()) > 0
    assert report["perplexity_excluding_unknown"] == pytest.approx(np.exp(slow[flat != 3].mean()), rel=1e-6)
    assert (report["context"], report["split"]) == (context, "test")
    for batch_size in (1, 7):
        other = run("evaluate", trained, "--context", context, "--batch-size", batch_size, "--json").ok().json
        assert other["nats_per_token"] == pytest.approx(report["nats_per_token"], abs=1e-6)


def test_a_model_gives_its_metrics_on_a_rebuilt_workspace_and_alone(tmp_path: Path, trained: Path, run: Any) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    before = run("evaluate", work, "--json").ok().json
    run("vocab", work, "--case", "keep", "--kind", "char").ok()
    assert run("evaluate", work, "--json").ok().json == before
    alone = tmp_path / "mailed"
    shutil.copytree(trained / "models" / "lstm", alone)
    (alone / "timing.jsonl").unlink()
    report = run("evaluate", alone, "--text", trained / "raw" / "test.txt", "--json").ok().json
    assert report == {**before, "split": None}


def test_evaluation_of_a_cleaned_text_differs_only_in_its_digest(tmp_path: Path, trained: Path, run: Any) -> None:
    """Blank lines are not in the cleaned text, and in the context of a stream they change nothing."""
    one = run("evaluate", trained, "--json").ok().json
    two = run("evaluate", trained, "--text", trained / "clean" / "test.txt", "--json").ok().json
    # `<unk>` words of the raw text are spelt out in cleaned text, so ids are the same.
    assert {k: v for k, v in two.items() if k not in ("raw_sha256", "split")} == {
        k: v for k, v in one.items() if k not in ("raw_sha256", "split")
    }
