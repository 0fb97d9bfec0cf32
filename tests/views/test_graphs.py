"""Graphs of cells and networks: what is in them, and that every picture is drawn and the same twice."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import needs

from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.library import shipped
from rnnlm.views.graphs import cell_graph, draw_graph, network_graph, recurrence_name

PLAIN = Architecture(cell="elman", vocabulary=9, embedding=4, hidden=4, layers=1, tied=True)
FED = replace(PLAIN, cell="output-recurrent", equations="", forced=True)
WHOLE = replace(PLAIN, task="classify", labels=3, summary="last", tied=False)


def test_hidden_states_are_read_a_step_later() -> None:
    graph = network_graph(PLAIN)
    assert list(graph.places) == ["x", "h", "o", "L", "y"]
    assert [(e.tail, e.head, e.label) for e in graph.edges if e.delay] == [("h", "h", "W")]
    assert graph.held == ["h"]
    assert graph.biases == {"h": "b", "o": "c"}
    two = network_graph(replace(PLAIN, layers=2))
    assert [(e.tail, e.head) for e in two.edges if e.delay] == [("h₁", "h₁"), ("h₂", "h₂")]


def test_what_is_fed_back_is_the_prediction_in_use_and_the_truth_in_training() -> None:
    graph = network_graph(FED)
    assert "yhat" in graph.places
    assert [(e.tail, e.head) for e in graph.training().edges if e.delay] == [("y", "h")]
    use = graph.use()
    assert [(e.tail, e.head) for e in use.edges if e.delay] == [("yhat", "h")]
    assert not {"L", "y"} & use.places.keys()
    assert recurrence_name(FED).startswith("②")


def test_one_output_after_the_whole_sequence() -> None:
    assert network_graph(WHOLE).last == ("o", "L", "y")
    assert network_graph(replace(WHOLE, summary="mean")).pooled == "h"
    assert recurrence_name(WHOLE).startswith("③")


@pytest.mark.parametrize("name", shipped())
def test_a_cell_has_its_gates_its_biases_and_its_loops(name: str) -> None:
    form = shipped()[name].form
    graph = cell_graph(form)
    assert form.parsed.equations.keys() <= graph.places.keys()
    assert graph.gates >= {gate.name for gate in form.gates}
    assert set(graph.biases.values()) <= set(form.parsed.leaves("vec"))
    assert {edge.tail for edge in graph.edges if edge.delay} <= {slot for slot, _ in form.slots}
    if name == "lstm":
        assert graph.biases == {"g": "b_g", "f": "b_f", "c": "b_c", "q": "b_q"}
        assert [(e.tail, e.head) for e in graph.edges if e.delay and e.tail == "s"] == [("s", "s")]


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
@pytest.mark.parametrize("architecture", [PLAIN, FED, WHOLE, replace(WHOLE, summary="max")])
def test_a_network_is_drawn_and_the_same_twice(tmp_path: Path, architecture: Architecture, ending: str) -> None:
    needs("plots")
    path = tmp_path / f"graph.{ending}"
    draw_graph(path, network_graph(architecture), recurrence_name(architecture))
    first = path.read_bytes()
    draw_graph(path, network_graph(architecture), recurrence_name(architecture))
    assert path.read_bytes() == first
