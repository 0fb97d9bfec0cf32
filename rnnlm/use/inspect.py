"""Inspects a network: all measures of its dynamics on the same windows of text, and the report."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlm.errors import UsageError
from rnnlm.model.dynamics.free_run import FreeRun, free_run, random_states
from rnnlm.model.dynamics.measures import (
    BlockSpectrum,
    GateUse,
    LagGradients,
    StepSpectrum,
    gate_use,
    gradients_by_lag,
    step_spectrum,
    trace,
    weight_spectra,
)
from rnnlm.model.dynamics.positions import Windows
from rnnlm.model.likelihood import numbers
from rnnlm.model.network import Network, States
from rnnlm.use.settings import InspectSettings

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LONGEST_LIVED = 10
_NUMBERS = 2**26  # state entries in memory at once: 512 MB


@dataclass(frozen=True)
class Inspection:
    """The results; `steps` and `positions` are those of the windows, fewer than requested if the text is short."""

    steps: int
    positions: int
    gradients: list[LagGradients]
    weights: list[BlockSpectrum]
    jacobians: list[StepSpectrum]
    gates: list[GateUse]
    free_run: FreeRun | None

    def report(self) -> dict[str, Any]:
        """All numbers as JSON."""
        return {
            "steps": self.steps,
            "places": self.positions,
            "gradients": [_gradient(each) for each in self.gradients],
            "recurrent_weights": [
                {
                    "layer": each.layer,
                    "block": each.block,
                    "largest_singular_value": each.largest_singular_value,
                    **_spectrum(each.eigenvalues),
                }
                for each in self.weights
            ],
            "jacobians": [
                {
                    "layer": each.layer,
                    "state_size": each.size,
                    "exponent_nats_per_step": _finite(each.exponent),
                    **_spectrum(each.eigenvalues),
                }
                for each in self.jacobians
            ],
            "gates": [
                {
                    "layer": each.layer,
                    "gate": each.gate,
                    "mean": float(each.mean.mean()),
                    "share_below_0.1": float(each.nearly_closed.mean()),
                    "share_above_0.9": float(each.nearly_open.mean()),
                }
                for each in self.gates
            ],
            "half_lives": [_half_lives(each) for each in self.gates if each.keeps],
            "free_run": None if self.free_run is None else _free_run(self.free_run),
        }


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None


def _gradient(each: LagGradients) -> dict[str, Any]:
    return {
        "layer": each.layer, "part": each.part, "lags": list(range(len(each.norms))), "mean_norm": each.mean.tolist(),
        "median_norm": each.median.tolist(), "places": each.places.tolist(),
    }  # fmt: skip


def _spectrum(eigenvalues: NDArray[np.complex128] | None) -> dict[str, Any]:
    """Eigenvalues (size,) or (positions, size) as pairs of real and imaginary parts, and their summary."""
    if eigenvalues is None:
        return {"spectral_radius": None, "share_outside_unit_circle": None, "eigenvalues": None}
    modulus = np.abs(eigenvalues)
    radii = modulus.max(-1)
    summary: dict[str, Any] = {"spectral_radius": float(radii.mean())}
    if eigenvalues.ndim == 2:
        summary |= {"largest_spectral_radius": float(radii.max()), "places": len(eigenvalues)}
    pairs = np.stack([eigenvalues.real, eigenvalues.imag], -1).tolist()
    return {**summary, "share_outside_unit_circle": float((modulus > 1).mean()), "eigenvalues": pairs}


def _half_lives(each: GateUse) -> dict[str, Any]:
    lives = each.half_life
    longest = np.argsort(-lives, kind="stable")[:LONGEST_LIVED]
    return {
        "layer": each.layer,
        "quantiles": {
            f"{quantile:g}": _finite(float(value))
            for quantile, value in zip(QUANTILES, np.quantile(lives, QUANTILES, method="nearest"), strict=True)
        },
        "longest": [{"unit": int(unit), "steps": _finite(float(lives[unit]))} for unit in longest],
    }


def _free_run(run: FreeRun) -> dict[str, Any]:
    return {
        "kind": run.kind, "period": run.period, "settled_at_step": run.settled, "norms": run.norms.tolist(),
        "moves": run.moves.tolist(),
    }  # fmt: skip


def in_float64(network: Network) -> Network:
    """The same network in double precision on the CPU, its cells taking one step after the other.

    Gradients over many steps leave the range of float32, which also limits the precision of eigenvalues.
    """
    exact = Network(network.architecture, torch.Generator())
    exact.load(network.tensors(), "the network")
    return exact.double().use_engine("readable").eval()


def columns(network: Network, positions: int, steps: int) -> int:
    """`positions`, or as many as fit into memory with `steps` steps each."""
    numbers = sum(part.shape[1] for state in network.initial_state(1) for part in state)
    return max(1, min(positions, _NUMBERS // (numbers * steps)))


def check_inspectable(network: Network) -> None:
    """Raise UsageError for a network without active recurrence, or whose loss belongs to no single step."""
    a = network.architecture
    if a.forced and a.task == "language":
        raise UsageError(
            "the network reads y(t−1) = x(t) at every step, so no gradient flows back through time",
            "train one with --forcing free, or look at its graph with --graph",
        )
    if a.summary in ("mean", "max"):
        raise UsageError(f"the network pools all steps by their {a.summary}, so its loss has no lag", "use --graph")


def inspect(exact: Network, windows: Windows, settings: InspectSettings) -> Inspection:
    """Measure a network `in_float64` on windows of a text; `settings.seed` seeds all random numbers."""
    windows = windows.to(exact)
    starts, directions = (np.random.Generator(np.random.PCG64([settings.seed, use])) for use in range(2))
    traced = trace(exact, windows)
    for part in (part for state in traced.after for part in state):
        numbers(part)
    layers = list(enumerate(traced.layers, 1))
    run = None
    if settings.free_run is not None:
        random = settings.start == "random"
        run = free_run(exact, random_states(exact, starts) if random else _last(traced.after), settings.free_run)
    return Inspection(
        windows.steps, windows.places, gradients_by_lag(exact, windows, traced, settings.lags), weight_spectra(exact),
        [step_spectrum(number, layer, directions, settings.jacobians) for number, layer in layers],
        [use for number, layer in layers for use in gate_use(number, layer)], run,
    )  # fmt: skip


def _last(states: States) -> States:
    """The states at the last position, the end of the text read."""
    return tuple(tuple(part[-1:] for part in state) for state in states)
