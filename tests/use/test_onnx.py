"""ONNX graphs give the network's log probabilities, whatever the cell, the batch, the length and the state."""
# ruff: noqa: E402

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import needs

needs("onnx")
import onnx

from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.library import shipped
from rnnlm.model.likelihood import log_probabilities
from rnnlm.model.network import Network
from rnnlm.use.export.onnx_export import Graph, largest_difference
from rnnlm.use.export.onnx_graph import OnnxModel

BASE = Architecture("lstm", 40, 10, 14, 1, True)
OTHER = replace(BASE, cell="", equations="")
OTHERS = sorted(set(shipped()) - {"lstm", "lstm-plain-peephole", "gru", "elman", "elman-relu", "output-recurrent"})
FORMS = {
    "lstm, tied, projected": BASE,
    "lstm, two layers, untied": replace(BASE, layers=2, tied=False),
    "lstm, tied without projection": replace(BASE, embedding=14),
    "lstm, peepholes, no candidate activation": replace(OTHER, cell="lstm-plain-peephole", layers=2),
    "lstm, clusters": replace(BASE, cuts=(12, 25), widths=(10, 4), layers=2),
    "lstm, tanh of a projection": replace(BASE, read_out="tanh"),
    "lstm, tanh before clusters": replace(BASE, cuts=(12, 25), widths=(10, 4), read_out="tanh"),
    "gru, three layers": replace(OTHER, cell="gru", layers=3),
    "gru, untied": replace(OTHER, cell="gru", tied=False),
    "elman, two layers": replace(OTHER, cell="elman", layers=2),
    "elman-relu": replace(OTHER, cell="elman-relu"),
    "output-recurrent, free": replace(OTHER, cell="output-recurrent"),
    "output-recurrent, logits, untied": replace(OTHER, cell="output-recurrent", feedback="logits", tied=False),
    "output-recurrent, clusters": replace(OTHER, cell="output-recurrent", cuts=(12, 25), widths=(10, 4)),
    "output-recurrent, tanh of a projection": replace(OTHER, cell="output-recurrent", read_out="tanh"),
    **{f"{name}, two layers": replace(OTHER, cell=name, layers=2) for name in OTHERS},
    "mogrifier, bytes of another size": replace(OTHER, cell="mogrifier", layers=2, embedding=6),
    "output-recurrent, forced": replace(OTHER, cell="output-recurrent", forced=True),
}


def network_of(form: str) -> Network:
    """A network whose weights all matter."""
    network = Network(FORMS[form], torch.Generator().manual_seed(3))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4)))
        network.embedding[0] = 0  # type: ignore[index]
    return network.eval()


def test_the_forms_cover_every_cell() -> None:
    assert {each.cell for each in FORMS.values()} == set(shipped())


@pytest.fixture(params=FORMS)
def exported(request: pytest.FixtureRequest) -> tuple[Network, OnnxModel, Graph, Graph]:
    """A network, and its graphs in ONNX Runtime."""
    network = network_of(request.param)
    made = OnnxModel(network.architecture, network.tensors())
    files = [each({"made": "here"}) for each in (made.step, made.sequence)]
    for each in files:
        onnx.checker.check_model(each, full_check=True)
    step, sequence = (Graph(each.SerializeToString(), made.states) for each in files)
    return network, made, step, sequence


def test_both_graphs_say_what_the_network_says(exported: tuple[Network, OnnxModel, Graph, Graph]) -> None:
    network, _, step, sequence = exported
    near = 1e-4 if network.architecture.cell == "linear" else 2e-5  # which grows without bound
    assert largest_difference(network, step, sequence) < near
    draws = np.random.default_rng(5)
    for batch in (1, 3):
        for length in (1, 2, 17):
            ids = draws.integers(0, 40, (batch, length))
            hidden, after = network(torch.from_numpy(ids.T.copy()), network.initial_state(batch))
            expected = log_probabilities(network, hidden).detach().numpy().swapaxes(0, 1)
            whole, states = sequence.run(ids, sequence.start(batch))
            assert whole.shape == (batch, length, 38) and whole.dtype == np.float32
            np.testing.assert_allclose(whole, expected, rtol=0, atol=near)
            np.testing.assert_allclose(np.exp(whole.astype(np.float64)).sum(-1), 1, atol=1e-5)
            parts = [part.detach().numpy() for state in after for part in state]
            for (name, mine), own in zip(states.items(), parts, strict=False):  # a forced network has none
                np.testing.assert_allclose(mine, own, rtol=0, atol=1e-5, err_msg=name)
            states = step.start(batch)
            for t in range(length):
                one, states = step.run(ids[:, t], states)
                np.testing.assert_allclose(one, expected[:, t], rtol=0, atol=near)


def test_a_state_of_the_step_goes_on_in_the_sequence(exported: tuple[Network, OnnxModel, Graph, Graph]) -> None:
    network, made, step, sequence = exported
    assert bool(made.states) != network.architecture.forced
    ids = np.random.default_rng(6).integers(1, 40, (3, 5))
    whole, _ = sequence.run(ids, sequence.start(3))
    _, states = step.run(ids[:, 0], step.start(3))
    rest, _ = sequence.run(ids[:, 1:], states)
    np.testing.assert_allclose(rest, whole[:, 1:], rtol=0, atol=1e-5)


def test_a_difference_is_seen() -> None:
    network, other = network_of("gru, untied"), network_of("gru, untied")
    with torch.no_grad():
        other.layers[0].b[3] += 0.01
    made = OnnxModel(other.architecture, other.tensors())
    step, sequence = (Graph(each({}).SerializeToString(), made.states) for each in (made.step, made.sequence))
    assert largest_difference(network, step, sequence) > 1e-4
    with torch.no_grad():
        other.layers[0].b[3] = np.nan
    made = OnnxModel(other.architecture, other.tensors())
    step, sequence = (Graph(each({}).SerializeToString(), made.states) for each in (made.step, made.sequence))
    assert largest_difference(network, step, sequence) == np.inf


def test_the_same_weights_give_the_same_bytes() -> None:
    network = network_of("lstm, clusters")
    files = [OnnxModel(network.architecture, network.tensors()).sequence({"a": "b"}) for _ in range(2)]
    assert len({each.SerializeToString(deterministic=True) for each in files}) == 1


def test_what_one_file_cannot_hold_is_refused() -> None:
    weights = {"embedding": np.broadcast_to(np.float32(0), (2**20, 2**10))}
    with pytest.raises(UsageError, match="2 GB"):
        OnnxModel(BASE, weights)
