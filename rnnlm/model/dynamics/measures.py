"""A trained network as a dynamical system: how far gradients reach, the spectra of W and of the Jacobians, the gates.

Everything is measured with the readable step of each cell on `Windows`. Sources: Bengio, Simard & Frasconi 1994 and
Pascanu, Mikolov & Bengio 2013 on gradients; Benettin et al. 1980 on the exponent; Tallec & Ollivier 2018 on gates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.arrays import Floats
from rnnlm.model.cells.cell import Cell
from rnnlm.model.cells.engine import State
from rnnlm.model.cells.notation import FED_BACK
from rnnlm.model.device import using_threads
from rnnlm.model.dynamics.positions import Windows
from rnnlm.model.network import Network, States

Complexes = NDArray[np.complex128]

LARGEST = 2048  # no eigenvalues of square matrices above this size, where they take 9 s
_BUDGET = 2 * 10**9  # of size³ for the Jacobians of a layer: 2 to 3 s
_NEARLY_CLOSED, _NEARLY_OPEN = 0.1, 0.9


@dataclass(frozen=True)
class LayerTrace:
    """What one layer did in `Windows`: its input `x` (steps, positions, inputs) and the state before every step.

    Each part of `before` is (steps, positions, ·); `inside` is that of the windows.
    """

    cell: Cell
    x: Tensor
    before: State
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class Trace:
    """The layers, first to last, and the states after the last step."""

    layers: tuple[LayerTrace, ...]
    after: States


@dataclass(frozen=True)
class LagGradients:
    """`norms` (lags + 1, positions): ‖∂L(t)/∂h(t−k)‖ in row k, or of the state's other part; NaN before the start.

    `layer` counts from 1; `part` is 'h', 's' or 'ŷ'. L(t) = −log p(y(t) | …) in nats, or half the squared error.
    """

    layer: int
    part: str
    norms: Floats

    @property
    def places(self) -> NDArray[np.int64]:
        """(lags + 1,) number of positions that have a step that far back."""
        return np.asarray((~np.isnan(self.norms)).sum(1))

    @property
    def mean(self) -> Floats:
        """(lags + 1,) over the positions."""
        return np.asarray(np.nanmean(self.norms, 1))

    @property
    def median(self) -> Floats:
        """(lags + 1,) over the positions."""
        return np.asarray(np.nanmedian(self.norms, 1))


@dataclass(frozen=True)
class BlockSpectrum:
    """One block of a layer's W: its largest singular value, and its eigenvalues (hidden,), None if not square."""

    layer: int
    block: str
    largest_singular_value: float
    eigenvalues: Complexes | None


@dataclass(frozen=True)
class StepSpectrum:
    """Eigenvalues (positions, size) of ∂state(t)/∂state(t−1), None where the matrix is too large.

    `size` is the length of the state. `exponent`, in nats per step, is the rate at which a small change of the state
    grows or shrinks along the text: the largest Lyapunov exponent, −∞ where the change vanishes.
    """

    layer: int
    size: int
    eigenvalues: Complexes | None
    exponent: float


@dataclass(frozen=True)
class GateUse:
    """One gate of a layer by its letter, (hidden,) each: mean, fractions of steps nearly closed and open, mean ln.

    `keeps` where it is the gate that keeps the state: f, or z of the GRU.
    """

    layer: int
    gate: str
    keeps: bool
    mean: Floats
    nearly_closed: Floats
    nearly_open: Floats
    mean_log: Floats

    @property
    def half_life(self) -> Floats:
        """(hidden,) steps after which a unit has forgotten half its state: ln ½ / mean ln of the gate that keeps it."""
        with np.errstate(divide="ignore"):
            return np.asarray(math.log(2) / np.abs(self.mean_log))


def part_names(cell: Cell) -> tuple[str, ...]:
    """The names of the parts of the state, h first."""
    names = ((name if name != FED_BACK else "ŷ", k) for name, k in cell.form.slots)
    return tuple(name if k == 1 else f"{name}(t-{k})" for name, k in names)


def _restarted(states: States, begins: NDArray[np.bool_], network: Network) -> States:
    """The states, set to zero where a sequence begins."""
    if not begins.any():
        return states
    fresh = torch.from_numpy(begins).to(network.bias.device).unsqueeze(1)
    start = network.initial_state(len(begins))
    return tuple(
        tuple(torch.where(fresh, zero, part) for zero, part in zip(zeros, state, strict=True))
        for zeros, state in zip(start, states, strict=True)
    )


@torch.no_grad()
def trace(network: Network, windows: Windows) -> Trace:
    """Read the windows step by step and keep the inputs and states of each layer."""
    first = network.embed(windows.inputs)
    states, before, hidden = windows.states, [], []
    for step in range(windows.steps):
        states = _restarted(states, windows.begins(step), network)
        before.append(states)
        states = network.read(windows.inputs[step : step + 1], states).states
        hidden.append([state[0] for state in states])
    layers = []
    for number, cell in enumerate(network.cells):
        x = first if number == 0 else torch.stack([h[number - 1] for h in hidden])
        parts = tuple(torch.stack(each) for each in zip(*(states[number] for states in before), strict=True))
        layers.append(LayerTrace(cell, x, parts, windows.inside))
    return Trace(tuple(layers), states)


def gradients_by_lag(network: Network, windows: Windows, traced: Trace, lags: int) -> list[LagGradients]:
    """‖∂L(t)/∂h(t−k)‖ for k = 0…`lags`, fewer where the windows are shorter, for each layer and part of its state.

    One backward pass for all positions: each has its own column, so the gradient of Σ L holds all of them.
    """
    lags = min(lags, windows.steps - 1)
    first = windows.steps - 1 - lags
    states: States = tuple(tuple(part[first] for part in layer.before) for layer in traced.layers)
    kept: list[States] = []
    for step in range(first, windows.steps):
        if step > first:
            states = _restarted(states, windows.begins(step), network)
        segment = network.read(windows.inputs[step : step + 1], states)
        states = segment.states
        kept.append(states)
    loss = network.loss(segment.output[-1], windows.targets)
    flat = [part for states in kept for state in states for part in state]
    gradients = iter(torch.autograd.grad(loss, flat, allow_unused=True))
    # By step, layer and part, as they are in `flat`.
    norms = [[[_norm(next(gradients), windows.places) for _ in state] for state in states] for states in kept]
    inside = windows.inside[first:][::-1]
    return [
        LagGradients(number + 1, name, np.where(inside, np.stack([step[number][part] for step in norms[::-1]]), np.nan))
        for number, cell in enumerate(network.cells)
        for part, name in enumerate(part_names(cell))
    ]


def _norm(gradient: Tensor | None, places: int) -> Floats:
    """(positions, ·) → (positions,); 0 where the loss does not depend on the state."""
    return np.zeros(places) if gradient is None else gradient.norm(dim=1).double().cpu().numpy()


def weight_spectra(network: Network) -> list[BlockSpectrum]:
    """Each layer's recurrent matrices: W_g, W_f, W_c, W_q of an LSTM; no eigenvalues where one is not square."""
    found = []
    for number, cell in enumerate(network.cells):
        blocks = [item for letter in cell.recurrent for item in cell.blocks(letter).items()]
        for name, weights in blocks:
            block = weights.detach()
            square = block.shape[0] == block.shape[1] <= LARGEST
            with using_threads(1):  # two threads on busy cores took 2 to 25 s where one takes 0.4 s
                norm = float(torch.linalg.matrix_norm(block.double().cpu(), 2))
            found.append(
                BlockSpectrum(number + 1, name.replace("_", " "), norm, _eigenvalues(block) if square else None)
            )
    return found


def _eigenvalues(matrix: Tensor) -> Complexes:
    """The eigenvalues of a square matrix, complex128."""
    with using_threads(1):  # two threads on busy cores took 2 to 25 s where one takes 0.4 s
        return np.asarray(torch.linalg.eigvals(matrix.double().cpu()).numpy())


def step_jacobian(cell: Cell, x: Tensor, state: State) -> Tensor:
    """∂(state after)/∂(state before) of one step: x (inputs,), parts of the state (·,) → (size, size)."""
    size = sum(len(part) for part in state)
    with torch.enable_grad():  # one copy of the state per row i, whose backward pass starts from entry i
        copies = [part.detach().repeat(size, 1).requires_grad_() for part in state]
        after = torch.cat(cell.step(x.expand(size, -1), tuple(copies)), 1)
        rows = torch.autograd.grad(after, copies, torch.eye(size).to(after), allow_unused=True, materialize_grads=True)
    return torch.cat(rows, 1)


def pushed(cell: Cell, x: Tensor, state: State, v: Tensor) -> Tensor:
    """J v of one step: x (positions, inputs), state parts (positions, ·), one change v (positions, size) for each.

    Jᵀu is linear in u, so the gradient of vᵀ(Jᵀu) by u is J v; torch's forward mode takes seconds to load.
    """
    with torch.enable_grad():
        before = [part.detach().requires_grad_() for part in state]
        after = torch.cat(cell.step(x, tuple(before)), 1)
        u = torch.zeros_like(after).requires_grad_()
        back = torch.autograd.grad(after, before, u, create_graph=True, allow_unused=True, materialize_grads=True)
        (Jv,) = torch.autograd.grad(torch.cat(back, 1), u, v)
    return Jv


@torch.no_grad()
def step_spectrum(
    number: int, layer: LayerTrace, generator: np.random.Generator, jacobians: int | None = None
) -> StepSpectrum:
    """The spectrum of layer `number` at `jacobians` positions, by default up to 16, fewer for larger layers.

    A part of the state that the step does not read would add only zeros to the spectrum and is left out.
    """
    sizes = [part.shape[2] for part in layer.before]
    size = sum(sizes)
    places = layer.x.shape[1]
    count = min(places, jacobians if jacobians is not None else max(1, min(16, _BUDGET // size**3)))
    eigenvalues = None
    if size <= LARGEST and count:
        columns = np.linspace(places - 1, 0, count).round().astype(np.int64)[::-1]
        found = [
            step_jacobian(layer.cell, layer.x[-1, column], tuple(part[-1, column] for part in layer.before))
            for column in columns
        ]
        read = _read_parts(found, sizes)
        eigenvalues = np.stack([_eigenvalues(J[read][:, read]) for J in found])
    return StepSpectrum(number, size, eigenvalues, growth(layer, generator))


def _read_parts(jacobians: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """(size,) true for the parts of the state that any step reads, or for all where none is read."""
    columns = torch.cat(list(jacobians)).any(0)
    read = torch.cat([part.any().repeat(len(part)) for part in torch.split(columns, list(sizes))])
    return read if read.any() else ~read


@torch.no_grad()
def growth(layer: LayerTrace, generator: np.random.Generator) -> float:
    """The mean of ln ‖J(t) v‖ along the windows, v = J v / ‖J v‖ after every step: nats a step.

    v starts at random in every column and turns toward the direction of fastest growth, so only the second half of
    each column's steps counts.
    """
    sizes = [part.shape[2] for part in layer.before]
    like = layer.x
    v = torch.from_numpy(generator.standard_normal((like.shape[1], sum(sizes)))).to(like)
    v = v / v.norm(dim=1, keepdim=True)
    age = layer.inside.cumsum(0)
    counted = layer.inside & (2 * age > layer.inside.sum(0))
    total = 0.0
    for step, x in enumerate(like):
        state = tuple(part[step] for part in layer.before)
        Jv = pushed(layer.cell, x, state, v)
        length = Jv.norm(dim=1)
        total += float(length.log().double().cpu().numpy()[counted[step]].sum())
        moves = torch.from_numpy(layer.inside[step]).to(like.device) & (length > 0)
        v = torch.where(moves.unsqueeze(1), Jv / length.unsqueeze(1), v)
    return total / int(counted.sum())


@torch.no_grad()
def gate_use(number: int, layer: LayerTrace) -> list[GateUse]:
    """Every gate of layer `number` over all steps of the windows; empty for a cell without gates."""
    sums: dict[str, list[Any]] = {}
    for step, x in enumerate(layer.x):
        inside = torch.from_numpy(layer.inside[step]).to(x.device)
        gates = layer.cell.gates(x[inside], tuple(part[step][inside] for part in layer.before))
        for name, gate in gates.items():
            measures = (gate, gate < _NEARLY_CLOSED, gate > _NEARLY_OPEN, gate.log())
            found = [measure.sum(0, dtype=gate.dtype).double().cpu().numpy() for measure in measures]
            sums[name] = [so_far + more for so_far, more in zip(sums.get(name, [0.0] * 4), found, strict=True)]
    steps = int(layer.inside.sum())
    kept = {gate.name: gate.keeps for gate in layer.cell.form.gates}
    return [GateUse(number, name, kept[name], *(total / steps for total in totals)) for name, totals in sums.items()]
