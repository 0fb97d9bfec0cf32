"""A sealed model in 8 bits: the same text costs the same by every command, and damage is found."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlm.arrays import read_tensors, write_tensors
from rnnlm.artifacts import write_json
from rnnlm.errors import ArtifactError, UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.library import shipped
from rnnlm.model.likelihood import log_probabilities, segment_nats
from rnnlm.model.loading import load_network
from rnnlm.model.network import Network
from rnnlm.model.quantized import dequantize, quantize, seal_quantized
from rnnlm.model.sealed import WEIGHTS, Sealed, read_sealed, seal_model

BASE = Architecture("lstm", 60, 12, 20, 2, True)
FORMS = {
    "lstm, tied, projected": BASE,
    "lstm, untied": replace(BASE, tied=False),
    "lstm, peepholes": replace(BASE, equations="", cell="lstm-plain-peephole"),
    "lstm, clusters": replace(BASE, cuts=(20, 40), widths=(6, 3)),
    "gru": replace(BASE, equations="", cell="gru", embedding=20),
    "elman": replace(BASE, equations="", cell="elman"),
    "elman-relu": replace(BASE, equations="", cell="elman-relu"),
    "output-recurrent": replace(BASE, equations="", cell="output-recurrent", layers=1),
}


@pytest.fixture(scope="module")
def quantized(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """The small trained model in 8 bits."""
    directory = tmp_path_factory.mktemp("int8")
    return seal_quantized(read_sealed(trained / "models" / "lstm"), directory, {"note": 1})


def made(architecture: Architecture) -> tuple[Network, Network]:
    """A network with the weights of 8 bits written out, and one that reads the 8 bits themselves."""
    original = Network(architecture, torch.Generator().manual_seed(3))
    with torch.no_grad():
        for parameter in original.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4)))
    weights, rows = dequantize(quantize(original.tensors()), "here")
    plain, quick = (Network(architecture, torch.Generator()).eval() for _ in range(2))
    plain.load(weights, "here")
    quick.load(weights, "here")
    return plain, quick.use_int8(rows)


@pytest.mark.parametrize("form", FORMS)
def test_a_step_with_8_bits_is_the_step_with_the_weights_written_out(form: str) -> None:
    plain, quick = made(FORMS[form])
    ids = torch.randint(2, 60, (12, 1), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        mine, theirs = quick.initial_state(1), plain.initial_state(1)
        for token in ids:
            hidden, mine = quick(token.unsqueeze(0), mine)
            expected, theirs = plain(token.unsqueeze(0), theirs)
            log_p, log_q = log_probabilities(quick, hidden[-1]), log_probabilities(plain, expected[-1])
            torch.testing.assert_close(log_p, log_q, rtol=0, atol=1e-5)
            assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-7)
        # One token after the other is what a whole segment is.
        start = torch.ones(1, 1, dtype=torch.int64)
        inputs = torch.cat([start, ids[:-1]])
        whole, _ = segment_nats(plain, inputs, ids, plain.initial_state(1))
        states, nats = quick.initial_state(1), []
        for x, y in zip(inputs, ids, strict=True):
            cost, states = segment_nats(quick, x.unsqueeze(0), y.unsqueeze(0), states)
            nats.append(cost)
        torch.testing.assert_close(torch.cat(nats), whole, rtol=0, atol=1e-5)


def test_all_recurrent_and_output_products_of_one_token_read_8_bits() -> None:
    """Tested with other numbers in the 8 bits than in the weights."""
    plain, _ = made(BASE)
    other = Network(BASE, torch.Generator().manual_seed(8))
    _, rows = dequantize(quantize(other.tensors()), "here")
    for name in ("layers.0.U", "layers.1.U", "layers.0.W", "layers.1.W", "projection", "embedding"):
        changed = Network(BASE, torch.Generator()).eval()
        changed.load(plain.tensors(), "here")
        changed.use_int8({name: rows[name]})
        with torch.inference_mode():
            _hidden, states = plain(torch.tensor([[5]]), plain.initial_state(1))
            first = log_probabilities(plain, plain(torch.tensor([[7]]), states)[0][-1])
            _, states = changed(torch.tensor([[5]]), changed.initial_state(1))
            second = log_probabilities(changed, changed(torch.tensor([[7]]), states)[0][-1])
        assert float((first - second).abs().max()) > 1e-3, name


def test_training_on_leaves_the_8_bits_behind() -> None:
    _, quick = made(BASE)
    token, target = torch.tensor([[5]]), torch.tensor([[9]])
    loss = quick.loss(quick(token, quick.initial_state(1))[0].flatten(0, 1), target.flatten() - 2)
    loss.backward()
    with torch.no_grad():
        for parameter in quick.parameters():
            if parameter.grad is not None:
                parameter -= 0.5 * parameter.grad
    fresh = Network(BASE, torch.Generator()).eval()
    fresh.load(quick.tensors(), "here")
    with torch.inference_mode():
        mine, _ = quick(token, quick.initial_state(1))
        theirs, _ = fresh(token, fresh.initial_state(1))
        assert torch.equal(log_probabilities(quick, mine[-1]), log_probabilities(fresh, theirs[-1]))


def test_a_sealed_model_in_8_bits_works_alone_and_says_what_it_is(
    quantized: Sealed, trained: Path, run: Any, tmp_path: Path
) -> None:
    original = read_sealed(trained / "models" / "lstm")
    assert (original.weights, quantized.weights) == ("float32", "int8")
    assert quantized.model_sha256 != original.model_sha256
    assert quantized.report == {"note": 1}
    assert (quantized.path / WEIGHTS).stat().st_size < 0.5 * (original.path / WEIGHTS).stat().st_size
    text = tmp_path / "text.txt"
    text.write_text("the old cat sees milk\nthe dogs like bread\n" * 20, "utf-8")
    before, after = (run("evaluate", each.path, "--text", text, "--json").ok().json for each in (original, quantized))
    assert after["perplexity"] == pytest.approx(before["perplexity"], rel=0.005)
    assert after["perplexity"] != before["perplexity"]
    # One line at a time is read token by token or in segments; the metrics are the same.
    sentences = [
        run("evaluate", quantized.path, "--text", text, "--context", "sentence", "--batch-size", size, "--json").ok()
        for size in (1, 7)
    ]
    assert sentences[0].json["nats_per_token"] == pytest.approx(sentences[1].json["nats_per_token"], abs=1e-6)
    generated = run("generate", quantized.path, "--prompt", "the", "--json").ok().json
    assert generated["tokens"] > 0
    layer = run("neighbors", quantized.path, "cat", "-k", 2, "--json").ok().json
    assert layer["neighbors"]


def test_the_same_model_gives_the_same_bytes(quantized: Sealed, trained: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    seal_quantized(read_sealed(trained / "models" / "lstm"), again, {"note": 1})
    names = sorted(path.name for path in again.iterdir())
    assert names == ["config.json", "manifest.json", "tokenizer.json", "weights.safetensors"]
    for name in names:
        assert (again / name).read_bytes() == (quantized.path / name).read_bytes()


def test_a_model_in_8_bits_in_a_workspace_is_shown_by_status(
    quantized: Sealed, trained: Path, run: Any, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    shutil.copytree(quantized.path, work / "models" / "small")
    models = run("status", work, "--json").ok().json["models"]
    assert models["small"]["state"] == "current"
    assert "small" in run("status", work).ok().out
    assert run("next", work, "--model", "small", "--prompt", "the ", "--json").ok().json["next"]


def test_only_a_language_model_of_float32_is_made_smaller(quantized: Sealed, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already"):
        seal_quantized(quantized, tmp_path, {})
    labels = replace(quantized, built=replace(quantized.architecture, task="tag"), config={})
    with pytest.raises(UsageError, match="no language model"):
        seal_quantized(labels, tmp_path, {})
    assert not list(tmp_path.iterdir())


def resealed(quantized: Sealed, directory: Path, **changed: Any) -> Sealed:
    """A copy with other tensors or another way to hold weights, sealed again."""
    shutil.copytree(quantized.path, directory, dirs_exist_ok=True)
    if "tensors" in changed:
        write_tensors(directory / WEIGHTS, changed["tensors"])
    if "weights" in changed:
        write_json(directory / "config.json", {**quantized.config, "weights": changed["weights"]})
    seal_model(directory, settings={}, inputs={}, report={})
    return read_sealed(directory)


def test_tensors_that_cannot_be_are_refused(quantized: Sealed, tmp_path: Path) -> None:
    tensors = read_tensors(quantized.path / WEIGHTS, remedy="")
    scale = tensors["layers.0.U.scale"]
    broken: dict[str, dict[str, Any]] = {
        "no scale": {name: array for name, array in tensors.items() if name != "layers.0.U.scale"},
        "short scale": {**tensors, "layers.0.U.scale": scale[:-1]},
        "other type": {**tensors, "layers.0.U.scale": scale.astype(np.float64)},
        "stray scale": {**tensors, "layers.9.U.scale": scale},
        "not finite": {**tensors, "layers.0.U.scale": np.full_like(scale, np.nan)},
        "other shape": {**tensors, "layers.0.U": tensors["layers.0.U"][:, 1:]},
    }
    for name, each in broken.items():
        sealed = resealed(quantized, tmp_path / name, tensors=each)
        with pytest.raises(ArtifactError):
            load_network(sealed)
    with pytest.raises(ArtifactError, match="configuration"):
        resealed(quantized, tmp_path / "unknown", weights="int4")
    with pytest.raises(ArtifactError):
        load_network(resealed(quantized, tmp_path / "other", weights="float32"))


@pytest.mark.parametrize("cell", shipped())
def test_every_cell_reads_its_rows_in_8_bits_token_by_token(cell: str) -> None:
    """Also those of a part of a stored matrix, as the Mogrifier's."""
    network = Network(Architecture(cell, 40, 24, 24, 1, True), torch.Generator().manual_seed(1)).eval()
    weights, rows = dequantize(quantize(network.tensors()), "")
    network.load(weights, "")
    results = []
    for known in ({}, rows):
        states, read = network.use_int8(known).initial_state(1), []
        with torch.no_grad():
            for number in (5, 9, 31, 4, 17):
                h, states = network(torch.tensor([[number]]), states)
                read.append(h)
        results.append(torch.cat(read))
    assert not torch.equal(results[0], results[1])  # other arithmetic
    torch.testing.assert_close(results[0], results[1], atol=2e-6, rtol=0)
