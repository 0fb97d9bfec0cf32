"""Pictures of a network's dynamics: gradients against lag, eigenvalues in the complex plane, a run without input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.model.dynamics.free_run import FreeRun
from rnnlm.model.dynamics.measures import BlockSpectrum, LagGradients, StepSpectrum
from rnnlm.views.charts import picture


@dataclass(frozen=True)
class Dynamics:
    """What is drawn of a model."""

    gradients: Sequence[LagGradients]
    weights: Sequence[BlockSpectrum]
    jacobians: Sequence[StepSpectrum]
    run: FreeRun | None = None


def draw_dynamics(path: Path, models: Mapping[str, Dynamics], *, title: str, panel: float = 5.0) -> None:
    """Write one picture of models by name, a panel for each measure, `panel` inches wide, with all models on its axes.

    PNG, SVG or PDF, by the ending. Raises InputError where the `plots` extra is not installed.
    """
    runs = any(each.run is not None for each in models.values())
    with picture(path, (3 + runs) * panel, panel + 0.3) as figure:
        figure.suptitle(title, fontsize=11, parse_math=False)
        axes = figure.subplots(1, 3 + runs)
        named = [(f"{name}, " if len(models) > 1 else "", each) for name, each in models.items()]
        _draw_gradients(axes[0], [(f"{n}layer {g.layer}, {g.part}", g) for n, each in named for g in each.gradients])
        blocks = [(f"{n}layer {w.layer}, {w.block}", w.eigenvalues) for n, each in named for w in each.weights]
        _draw_spectra(axes[1], blocks, "eigenvalues of W")
        steps = [(f"{n}layer {j.layer}", j.eigenvalues) for n, each in named for j in each.jacobians]
        _draw_spectra(axes[2], steps, "eigenvalues of ∂state(t)/∂state(t−1)")
        for name, each in named:
            if each.run is not None:
                _draw_run(axes[3], each.run, name)


def _draw_gradients(axes: Any, gradients: Sequence[tuple[str, LagGradients]]) -> None:
    """Means as lines, the middle half of the positions as shaded areas; on a logarithmic axis a 0 is a gap."""
    axes.set_yscale("log")
    for name, each in gradients:
        norms = np.where(each.norms > 0, each.norms, np.nan)
        there = np.flatnonzero((each.norms > 0).any(1))
        if not len(there):
            continue
        mean = np.where(each.mean > 0, each.mean, np.nan)
        (line,) = axes.plot(mean, label=name, linewidth=1.5)
        low, high = np.nanquantile(norms[there], (0.25, 0.75), axis=1)
        axes.fill_between(there, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("norm; band: middle half of the positions")
    axes.set_xlabel("lag k, steps")
    axes.set_title("‖∂L(t)/∂ · (t−k)‖")
    _legend(axes)


def _draw_spectra(axes: Any, spectra: Sequence[tuple[str, Any]], title: str) -> None:
    """Eigenvalues against the unit circle, which separates what shrinks from what grows."""
    axes.set_title(title)
    turn = np.linspace(0, 2 * np.pi, 361)
    axes.plot(np.cos(turn), np.sin(turn), color="0.6", linewidth=1)
    for name, eigenvalues in spectra:
        if eigenvalues is not None:
            values = eigenvalues.ravel()
            axes.plot(values.real, values.imag, ".", markersize=3, alpha=0.6, label=name)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    _legend(axes)


def _draw_run(axes: Any, run: FreeRun, name: str) -> None:
    """‖h(t)‖ as lines, ‖h(t) − h(t−1)‖ dashed."""
    axes.set_yscale("log")
    for layer in range(run.norms.shape[1]):
        norms, moves = (np.where(each > 0, each, np.nan) for each in (run.norms[:, layer], run.moves[:, layer]))
        (line,) = axes.plot(norms, linewidth=1.5, label=f"{name}‖h(t)‖, layer {layer + 1}")
        steps = np.arange(1, len(moves) + 1)
        moved = f"{name}‖h(t) − h(t−1)‖, layer {layer + 1}"
        axes.plot(steps, moves, "--", color=line.get_color(), linewidth=1, label=moved)
    axes.set_xlabel("steps without input")
    axes.set_title(f"free run: {run.kind}" + (f" of {run.period} steps" if run.kind == "cycle" else ""))
    _legend(axes)


def _legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)
