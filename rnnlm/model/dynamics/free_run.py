"""The network without input, h(t) = f(h(t−1), 0): whether it reaches a fixed point, a cycle, or neither."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.model.network import Network, States

_LONGEST_PERIOD = 64
_REST = 1e-6  # of the state's norm, or of 1 where that is smaller
_BEYOND = 1e150  # squares of larger numbers overflow
_SMALL = 0.1  # standard deviation of a random initial state


@dataclass(frozen=True)
class FreeRun:
    """`norms` (steps + 1, layers): ‖h(t)‖ from the initial state on; `moves` (steps, layers): ‖h(t) − h(t−1)‖.

    `period` is 1 for a fixed point, 2 to 64 for a cycle, None for neither; `settled` is the first step from which on
    the whole state repeats. A state that overflows ends the run: `overflow`.
    """

    norms: NDArray[np.float64]
    moves: NDArray[np.float64]
    period: int | None
    settled: int | None
    overflow: bool

    @property
    def kind(self) -> str:
        """'fixed point', 'cycle', 'neither' or 'overflow'."""
        if self.overflow:
            return "overflow"
        return {None: "neither", 1: "fixed point"}.get(self.period, "cycle")

    @property
    def verdict(self) -> str:
        """The result in words."""
        if self.kind == "overflow":
            return f"the state overflows after {len(self.moves)} steps"
        if self.kind == "fixed point":
            return f"the state reaches a fixed point at step {self.settled}"
        if self.kind == "cycle":
            return f"the state reaches a cycle of {self.period} steps at step {self.settled}"
        return "the state reaches neither a fixed point nor a cycle of up to 64 steps; try a longer --free-run"


def random_states(network: Network, generator: np.random.Generator) -> States:
    """A small random state for one sequence."""
    return tuple(
        tuple(torch.from_numpy(generator.normal(0, _SMALL, part.shape)).to(part) for part in state)
        for state in network.initial_state(1)
    )


@torch.no_grad()
def free_run(network: Network, states: States, steps: int) -> FreeRun:
    """`steps` steps from the `states` of one sequence; the first layer reads x = 0, the others h of the layer below."""
    nothing = network.bias.new_zeros(1, network.cells[0].inputs)
    hidden, whole = [_hidden(states)], [_flat(states)]
    for _ in range(steps):
        x, after = nothing, []
        for cell, state in zip(network.cells, states, strict=True):
            after.append(cell.step(x, state))
            x = after[-1][0]
        states = tuple(after)
        flat = _flat(states)
        if not np.abs(flat).max() < _BEYOND:
            break
        hidden.append(_hidden(states))
        whole.append(flat)
    h = np.array(hidden)
    overflow = len(h) <= steps
    period, settled = (None, None) if overflow else _period(np.array(whole))
    return FreeRun(np.linalg.norm(h, axis=2), np.linalg.norm(np.diff(h, axis=0), axis=2), period, settled, overflow)


def _hidden(states: States) -> NDArray[np.float64]:
    """h of every layer, (layers, hidden)."""
    return np.stack([state[0][0].double().cpu().numpy() for state in states])


def _flat(states: States) -> NDArray[np.float64]:
    """The states of one sequence as one vector."""
    return np.concatenate([part[0].double().cpu().numpy() for state in states for part in state])


def _period(states: NDArray[np.float64]) -> tuple[int | None, int | None]:
    """The smallest full period at the end of states (steps + 1, size), and the step from which on it holds."""
    last = len(states) - 1
    near = _REST * max(1.0, float(np.linalg.norm(states[-1])))
    for period in range(1, min(_LONGEST_PERIOD, last // 2) + 1):
        if np.linalg.norm(states[-1] - states[-1 - period]) > near:
            continue
        repeats = np.linalg.norm(states[period:] - states[:-period], axis=1) <= near
        if repeats[-period:].all():
            broken = np.flatnonzero(~repeats)
            return period, int(broken[-1]) + 1 if len(broken) else 0
    return None, None
