"""The dynamics of networks whose own are known in closed form, of all cells by small changes, and of whole texts.

Everything is in float64, so that what must be equal is equal to ten digits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.ids import Ids
from rnnlm.errors import InputError
from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.cell import Cell, CellOptions, Output
from rnnlm.model.cells.form import read_form
from rnnlm.model.cells.library import shipped
from rnnlm.model.dynamics.free_run import free_run, random_states
from rnnlm.model.dynamics.measures import (
    LayerTrace,
    gate_use,
    gradients_by_lag,
    growth,
    pushed,
    step_jacobian,
    step_spectrum,
    trace,
    weight_spectra,
)
from rnnlm.model.dynamics.positions import Windows, sequence_windows, spread_places, text_windows
from rnnlm.model.likelihood import spans_of, text_nats
from rnnlm.model.network import Network

Array = NDArray[Any]
HIDDEN, VOCABULARY = 6, 11
EIGENVALUES = (1.1, 0.9, -0.7, 0.6, 0.5, -0.4)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def network(cell: str = "lstm", layers: int = 1, seed: int = 1, **more: Any) -> Network:
    """A network with large random weights, in float64, one step after the other."""
    draws = torch.Generator().manual_seed(seed)
    model = Network(Architecture(cell, VOCABULARY, 4, HIDDEN, layers, False, **more), draws).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.6 * torch.randn(parameter.shape, generator=draws, dtype=torch.float64))
    return model.use_engine("readable").eval()


def orthogonal(size: int = HIDDEN) -> Array:
    return np.asarray(np.linalg.qr(generator(3).normal(size=(size, size)))[0])


def symmetric(eigenvalues: tuple[float, ...] = EIGENVALUES) -> tuple[Array, Array]:
    """W = Q Λ Qᵀ and Q."""
    Q = orthogonal(len(eigenvalues))
    return Q @ np.diag(eigenvalues) @ Q.T, Q


def linear_network(W: Array, V: Array | None = None) -> Network:
    """A linear recurrence with this W, and an output layer with this V."""
    model = network("elman")
    form = read_form("h(t) = U x(t) + W h(t-1) + b")
    cell = Cell(form, 4, HIDDEN, CellOptions(), torch.Generator(), Output(VOCABULARY - 2, lambda h: h)).double()
    cell.engine = "readable"
    with torch.no_grad():
        cell.W.copy_(torch.from_numpy(W))
        if V is not None and model.output is not None:
            model.output.copy_(torch.from_numpy(V))
    model.layers[0] = cell
    return model


def text(lines: int = 12, seed: int = 5) -> Ids:
    """Lines of up to 14 words, a document at every fourth."""
    random = generator(seed)
    lengths = random.integers(1, 15, lines)
    flat = np.concatenate([[*random.integers(3, VOCABULARY, length), 2] for length in lengths])
    offsets = np.cumsum([0, *(lengths + 1)])
    return Ids(flat.astype(np.uint16), offsets.astype(np.int64), np.arange(0, lines, 4, dtype=np.uint32))


def windows_of(model: Network, places: int = 8, steps: int = 20, context: str = "stream") -> Windows:
    return text_windows(model, text(), context, places, steps, 10_000).to(model)


def along(cell: Any, steps: int = 400, places: int = 3) -> LayerTrace:
    """A linear or gated layer over random inputs; the state is 0 throughout, which a linear one does not mind."""
    x = torch.from_numpy(generator(2).normal(size=(steps, places, cell.inputs)))
    before = tuple(torch.zeros(steps, places, part.shape[1]).double() for part in cell.initial_state(1))
    return LayerTrace(cell, x, before, np.ones((steps, places), np.bool_))


# Gradients against the lag


@pytest.mark.parametrize("which", range(HIDDEN))
def test_gradients_of_a_linear_recurrence_follow_the_power_of_its_eigenvalue(which: int) -> None:
    """W = Q Λ Qᵀ and every row of V along the eigenvector q: ‖∂L(t)/∂h(t−k)‖ = |λ|ᵏ ‖∂L(t)/∂h(t)‖."""
    W, Q = symmetric()
    model = linear_network(W, np.outer(np.linspace(-1, 1, VOCABULARY - 2), Q[:, which]))
    windows = windows_of(model)
    (found,) = gradients_by_lag(model, windows, trace(model, windows), 15)
    assert found.norms.shape == (16, 8)
    assert (found.layer, found.part) == (1, "h")
    expected = abs(EIGENVALUES[which]) ** np.arange(16)[:, None] * found.norms[0]
    np.testing.assert_allclose(found.norms, expected, rtol=1e-8)
    np.testing.assert_allclose(found.mean, expected.mean(1), rtol=1e-8)
    np.testing.assert_allclose(found.median, np.median(expected, 1), rtol=1e-8)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.2])
def test_a_scaled_rotation_shrinks_keeps_or_enlarges_every_gradient_alike(scale: float) -> None:
    model = linear_network(scale * orthogonal())
    windows = windows_of(model)
    (found,) = gradients_by_lag(model, windows, trace(model, windows), 15)
    np.testing.assert_allclose(found.norms, scale ** np.arange(16)[:, None] * found.norms[0], rtol=1e-9)


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 2), ("gru", 1), ("elman", 3), ("output-recurrent", 1)])
@pytest.mark.parametrize("context", ["stream", "document", "sentence"])
def test_gradients_are_those_of_the_whole_text_read_at_once(cell: str, layers: int, context: str) -> None:
    """Side by side in windows, or one long graph from the start of the sequence: the same numbers."""
    model, ids, lags = network(cell, layers), text(), 9
    windows = text_windows(model, ids, context, 6, lags + 4, 10_000).to(model)
    found = gradients_by_lag(model, windows, trace(model, windows), lags)
    depths = np.concatenate([np.arange(end - start) + 1 for start, end in spans_of(ids, context)])
    last = spread_places(depths, 6, lags + 4)
    for column, place in enumerate(last):
        start = int(place - depths[place] + 1)
        inputs = [1, *ids.ids[start:place].tolist()]
        states, kept = model.initial_state(1), []
        for each in inputs:
            segment = model.read(torch.tensor([[each]]), states)
            states = segment.states
            kept.append(states)
        loss = model.loss(segment.output[-1], torch.tensor([int(ids.ids[place]) - 2]))
        loss.backward(inputs=[part for states in kept for state in states for part in state if part.requires_grad])
        for each_found in found:
            part = 0 if each_found.part == "h" else 1
            for lag in range(len(each_found.norms)):
                norm = each_found.norms[lag, column]
                if lag >= len(kept):
                    assert math.isnan(norm)
                    continue
                grad = kept[-1 - lag][each_found.layer - 1][part].grad
                assert norm == pytest.approx(0.0 if grad is None else grad.norm().item(), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("context", ["stream", "document", "sentence"])
def test_windows_cost_what_evaluation_says(context: str) -> None:
    """The state before each window is the true one: nats of its last step are those of `text_nats`."""
    model, ids = network("lstm", 2), text()
    costs = np.empty(len(ids.ids))
    for piece in text_nats(model, ids, context, 3):
        costs[piece.start : piece.start + len(piece.nats)] = piece.nats
    windows = text_windows(model, ids, context, 5, 7, 10_000).to(model)
    traced = trace(model, windows)
    h = traced.after[-1][0]
    found = [model.loss(h[column : column + 1], windows.targets[column : column + 1]).item() for column in range(5)]
    depths = np.concatenate([np.arange(end - start) + 1 for start, end in spans_of(ids, context)])
    np.testing.assert_allclose(found, costs[spread_places(depths, 5, 7)], rtol=1e-9)


def test_the_limit_cuts_the_text_and_short_texts_have_short_windows() -> None:
    model, ids = network(), text()
    assert windows_of(model, places=1000, steps=5).places == len(ids.ids)
    windows = text_windows(model, ids, "stream", 3, 50, 9)
    assert (windows.places, windows.steps) == (3, 9)
    assert windows.targets.tolist() == (ids.ids[6:9].astype(int) - 2).tolist()
    assert windows.inside.sum(0).tolist() == [7, 8, 9]


def test_positions_are_spread_over_those_that_are_deep_enough() -> None:
    depths = np.arange(100) + 1
    assert spread_places(depths, 4, 10).tolist() == [9, 39, 69, 99]
    assert spread_places(depths, 1, 10).tolist() == [99]
    assert spread_places(depths, 3, 1000).tolist() == [97, 98, 99]
    assert spread_places(np.array([1, 5, 2, 5]), 2, 3).tolist() == [1, 3]
    assert spread_places(np.array([2, 1]), 9, 3).tolist() == [0, 1]


@dataclass(frozen=True)
class Rows:
    """Sequences of ids with a label at every step, or after the whole."""

    ids: list[list[int]]
    labels: list[Any]

    def __len__(self) -> int:
        return len(self.ids)

    def lengths(self) -> NDArray[np.int64]:
        return np.array([len(row) for row in self.ids])

    def batch(self, rows: NDArray[np.int64]) -> tuple[Array, Array, NDArray[np.int64]]:
        lengths = self.lengths()[rows]
        per_step = isinstance(self.labels[0], list)
        inputs = np.zeros((lengths.max(), len(rows)), np.int64)
        targets = np.full(inputs.shape if per_step else len(rows), -1, np.int64)
        for column, row in enumerate(rows):
            inputs[: lengths[column], column] = self.ids[row]
            if per_step:
                targets[: lengths[column], column] = self.labels[row]
            else:
                targets[column] = self.labels[row]
        return inputs, targets, lengths


@pytest.mark.parametrize(("task", "summary"), [("tag", "steps"), ("classify", "last")])
def test_sequences_of_unlike_length_end_together(task: str, summary: str) -> None:
    model = network("gru", 2, task=task, labels=3, summary=summary)
    data: list[list[int]] = [[5, 3, 4], [6], [7, 8, 9, 3, 4]]
    labels: list[Any] = [[0, 1, 2], [1], [2, 2, 0, 0, 1]] if task == "tag" else [2, 0, 1]
    together = sequence_windows(model, Rows(data, labels), 3, 5)
    found = gradients_by_lag(model, together, trace(model, together), 10)
    assert [each.norms.shape for each in found] == [(5, 3)] * 2
    assert found[0].places.tolist() == [3, 2, 2, 1, 1]
    for column in range(3):
        alone = sequence_windows(model, Rows([data[column]], [labels[column]]), 1, 5)
        for one, many in zip(gradients_by_lag(model, alone, trace(model, alone), 10), found, strict=True):
            np.testing.assert_allclose(many.norms[: len(data[column]), column], one.norms[:, 0], rtol=1e-9)


def test_sequences_without_a_known_label_are_left_out() -> None:
    model = network("gru", task="classify", labels=3, summary="last")
    windows = sequence_windows(model, Rows([[5, 3, 4], [6, 4]], [-2, 1]), 3, 5)
    assert (windows.places, windows.steps) == (1, 2)
    with pytest.raises(InputError, match="no sequence"):
        sequence_windows(model, Rows([[5, 3, 4]], [-2]), 3, 5)


def test_a_forecast_has_gradients_of_half_its_squared_error() -> None:
    """o = V h + c with one output: ∂L/∂h(t) = (o − y) V."""
    draws = torch.Generator().manual_seed(2)
    model = Network(Architecture("elman", 0, 0, HIDDEN, 1, False, task="forecast", features=2, labels=1), draws)
    model.double().use_engine("readable")

    class Series(Rows):
        def batch(self, rows: NDArray[np.int64]) -> tuple[Array, Array, NDArray[np.int64]]:
            shape = (5, len(rows))
            return generator().normal(size=(*shape, 2)), np.full((*shape, 1), 0.4), np.full(len(rows), 5)

    windows = sequence_windows(model, Series([[0] * 5] * 4, [0]), 4, 5)
    traced = trace(model, windows)
    (found,) = gradients_by_lag(model, windows, traced, 2)
    assert model.output is not None
    h, V = traced.after[0][0].numpy(), model.output.detach().numpy()
    expected = np.abs(h @ V[0] + model.bias.item() - 0.4) * np.linalg.norm(V)
    np.testing.assert_allclose(found.norms[0], expected, rtol=1e-9)


# Spectra


def test_eigenvalues_of_each_block_of_the_recurrent_weights() -> None:
    model = network("gru")
    blocks = [symmetric(tuple(scale * value for value in EIGENVALUES))[0] for scale in (1.0, 0.5, 2.0)]
    with torch.no_grad():
        model.cells[0].W.copy_(torch.from_numpy(np.concatenate(blocks)))
    found = weight_spectra(model)
    assert [each.block for each in found] == ["W r", "W z", "W n"]
    for each, scale in zip(found, (1.0, 0.5, 2.0), strict=True):
        assert each.eigenvalues is not None
        np.testing.assert_allclose(np.sort(each.eigenvalues.real), np.sort(scale * np.array(EIGENVALUES)), atol=1e-12)
        assert each.largest_singular_value == pytest.approx(1.1 * scale)


def test_recurrent_weights_that_are_not_square_have_singular_values_alone() -> None:
    (found,) = weight_spectra(network("output-recurrent"))
    assert found.eigenvalues is None
    assert found.largest_singular_value > 0


def test_the_jacobian_of_the_simple_recurrent_network_is_its_formula() -> None:
    """∂h(t)/∂h(t−1) = diag(1 − h(t)²) W."""
    model = network("elman")
    cell = model.cells[0]
    x, h = torch.randn(4).double(), torch.randn(HIDDEN).double()
    (after,) = cell.step(x.unsqueeze(0), (h.unsqueeze(0),))
    expected = (1 - after[0] ** 2).unsqueeze(1) * cell.W
    torch.testing.assert_close(step_jacobian(cell, x, (h,)), expected.detach())


FORMS = [(name, CellOptions()) for name in shipped()]
FORMS += [("output-recurrent", CellOptions(feedback="logits"))]


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_jacobians_are_those_of_small_changes(name: str, options: CellOptions) -> None:
    draws = torch.Generator().manual_seed(4)
    V = torch.randn(5, HIDDEN, generator=draws).double()
    cell = Cell(shipped()[name].form, 4, HIDDEN, options, draws, Output(5, lambda h: h @ V.T)).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
    x = torch.randn(1, 4, generator=draws).double()
    state = tuple(torch.randn(part.shape, generator=draws).double() for part in cell.initial_state(1))
    J = step_jacobian(cell, x[0], tuple(part[0] for part in state))
    flat, sizes = torch.cat(state, 1), [part.shape[1] for part in state]

    def after(moved: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat(cell.step(x, moved.split(sizes, 1)), 1)[0]

    change = 1e-6
    for number in range(flat.shape[1]):
        step = torch.zeros_like(flat)
        step[0, number] = change
        slope = (after(flat + step) - after(flat - step)) / (2 * change)
        torch.testing.assert_close(J[:, number], slope, atol=1e-7, rtol=0)
    v = torch.randn(1, flat.shape[1], generator=draws).double()
    torch.testing.assert_close(pushed(cell, x, state, v)[0], J @ v[0])


def test_the_spectrum_leaves_out_what_the_step_does_not_read() -> None:
    """Of an output-recurrent network's (h, ŷ) only ŷ is read: (diag(ŷ) − ŷ ŷᵀ) V diag(1 − h²) W is what matters."""
    model = network("output-recurrent")
    windows = windows_of(model)
    traced = trace(model, windows)
    found = step_spectrum(1, traced.layers[0], generator(), 2)
    assert (found.size, found.eigenvalues.shape) == (HIDDEN + 9, (2, 9))  # type: ignore[union-attr]
    h, y = (part[-1].numpy() for part in traced.after[0])
    assert model.output is not None
    W, V = model.cells[0].W.detach().numpy(), model.output.detach().numpy()
    J = (np.diag(y) - np.outer(y, y)) @ V @ np.diag(1 - h**2) @ W
    expected, got = np.linalg.eigvals(J), found.eigenvalues[-1]  # type: ignore[index]
    np.testing.assert_allclose(np.sort(np.abs(got)), np.sort(np.abs(expected)), atol=1e-8)


def test_the_spectrum_is_left_out_where_none_is_asked_for() -> None:
    model = network()
    windows = windows_of(model)
    found = step_spectrum(1, trace(model, windows).layers[0], generator(), 0)
    assert found.eigenvalues is None
    assert math.isfinite(found.exponent)


def test_a_small_change_grows_by_the_largest_eigenvalue_of_a_linear_recurrence() -> None:
    for values in (EIGENVALUES, (0.8, 0.4, 0.4, 0.2, 0.1, -0.3)):
        W, _ = symmetric(values)
        assert growth(along(linear_network(W).cells[0]), generator()) == pytest.approx(math.log(values[0]), abs=1e-9)
    assert growth(along(linear_network(1.2 * orthogonal()).cells[0]), generator()) == pytest.approx(math.log(1.2))


def test_growth_counts_a_sequence_from_its_own_beginning() -> None:
    """Columns of unlike length: W has the one direction that grows, and the rest are gone after one step."""
    q = orthogonal()[:, 0]
    layer = along(linear_network(1.5 * np.outer(q, q)).cells[0], steps=12)
    inside = np.arange(12)[:, None] >= np.array([0, 4, 8])
    late = LayerTrace(layer.cell, layer.x, layer.before, inside)
    assert growth(late, generator()) == pytest.approx(math.log(1.5), abs=1e-9)


def test_nothing_grows_where_the_state_is_not_read() -> None:
    assert growth(along(linear_network(np.zeros((HIDDEN, HIDDEN))).cells[0]), generator()) == -math.inf


# Gates


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(("keep", "steps"), [(0.5, 1.0), (0.5**0.25, 4.0), (0.25, 0.5)])
def test_the_half_life_of_a_constant_gate_is_known(cell: str, keep: float, steps: float) -> None:
    model = network(cell)
    layer = model.cells[0]
    assert layer.form.keeping_bias is not None
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.blocks("b")[layer.form.keeping_bias[0]].fill_(math.log(keep / (1 - keep)))
    windows = windows_of(model)
    found = {each.gate: each for each in gate_use(1, trace(model, windows).layers[0])}
    (kept,) = [name for name, each in found.items() if each.keeps]
    np.testing.assert_allclose(found[kept].half_life, np.full(HIDDEN, steps), rtol=1e-12)
    np.testing.assert_allclose(found[kept].mean, np.full(HIDDEN, keep), rtol=1e-12)
    others = [each for gate, each in found.items() if gate != kept]
    assert others and all(np.allclose(each.mean, 0.5) for each in others)
    assert all(not each.nearly_closed.any() and not each.nearly_open.any() for each in found.values())


def test_gates_are_counted_over_the_steps_that_there_are() -> None:
    """Two units open, one closed, at every step; the rows before a line begins do not count."""
    model = network("gru")
    layer = model.cells[0]
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.b[HIDDEN : HIDDEN + 3] = torch.tensor([30.0, 4.0, -4.0])
    windows = windows_of(model, context="sentence")
    assert not windows.inside.all()
    keep = {each.gate: each for each in gate_use(1, trace(model, windows).layers[0])}["z"]
    assert keep.nearly_open.tolist() == [1, 1, 0, 0, 0, 0]
    assert keep.nearly_closed.tolist() == [0, 0, 1, 0, 0, 0]
    assert keep.half_life[0] > 1e12
    assert np.argsort(-keep.half_life)[:2].tolist() == [0, 1]


def test_a_cell_without_gates_has_none() -> None:
    model = network("elman")
    assert gate_use(1, trace(model, windows_of(model)).layers[0]) == []


# Without an input


def run_free(W: Array, steps: int, b: Array | None = None) -> Any:
    model = linear_network(W)
    with torch.no_grad():
        model.cells[0].b.copy_(torch.zeros(HIDDEN) if b is None else torch.from_numpy(b))
    return free_run(model, random_states(model, generator(8)), steps)


def test_a_contraction_comes_to_rest_where_its_equation_says() -> None:
    """h = W h + b has the solution (1 − W)⁻¹ b."""
    W, _ = symmetric((0.6, 0.5, -0.5, 0.3, 0.2, 0.1))
    b = generator(6).normal(size=HIDDEN)
    run = run_free(W, 100, b)
    assert (run.kind, run.period) == ("fixed point", 1)
    assert run.norms.shape == (101, 1)
    assert run.norms[-1, 0] == pytest.approx(np.linalg.norm(np.linalg.solve(np.eye(HIDDEN) - W, b)))
    assert 15 < run.settled < 40
    assert run.moves[:, 0].tolist() == pytest.approx(sorted(run.moves[:, 0], reverse=True))


@pytest.mark.parametrize("period", [2, 3, 7, 64])
def test_a_rotation_turns_in_a_cycle(period: int) -> None:
    turn = 2 * math.pi / period
    W = np.zeros((HIDDEN, HIDDEN))
    W[:2, :2] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    run = run_free(W, 200)
    assert (run.kind, run.period, run.overflow) == ("cycle", period, False)
    assert run.settled <= 1
    np.testing.assert_allclose(run.norms[1:, 0], run.norms[1, 0])


def test_a_rotation_that_never_comes_back_is_neither() -> None:
    W = np.zeros((HIDDEN, HIDDEN))
    W[:2, :2] = [[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]]
    run = run_free(W, 120)
    assert (run.kind, run.period, run.settled) == ("neither", None, None)


def test_what_grows_without_bound_ends_the_run() -> None:
    run = run_free(1e10 * np.eye(HIDDEN), 100)
    assert run.kind == "overflow"
    assert len(run.moves) == 15  # the next has norm 1e159
    assert np.isfinite(run.norms).all()


@pytest.mark.parametrize("cell", ["lstm", "gru", "output-recurrent"])
def test_the_free_run_is_the_network_on_an_input_of_zeros(cell: str) -> None:
    """With an embedding of zeros every token is x = 0, so that segment any text is the free run."""
    model = network(cell, 1 if cell == "output-recurrent" else 2)
    assert model.embedding is not None
    with torch.no_grad():
        model.embedding.zero_()
    start = random_states(model, generator(1))
    run = free_run(model, start, 15)
    states = start
    for step in range(1, 16):
        with torch.no_grad():
            states = model.read(torch.full((1, 1), 5), states).states
        np.testing.assert_allclose(run.norms[step], [state[0].norm().item() for state in states], rtol=1e-12)


def test_a_draw_is_repeated_by_its_seed() -> None:
    model = network("lstm", 2)
    layer = trace(model, windows_of(model)).layers[1]
    same: Callable[[], float] = lambda: growth(layer, generator(7))  # noqa: E731
    assert same() == same()
