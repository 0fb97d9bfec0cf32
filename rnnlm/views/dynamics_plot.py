"""Pictures of a network's dynamics: gradients against lag, eigenvalues in the complex plane, a run without input."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.model.dynamics.free_run import FreeRun
from rnnlm.model.dynamics.measures import BlockSpectrum, LagGradients, StepSpectrum
from rnnlm.views.charts import picture


def draw_dynamics(
    path: Path,
    gradients: Sequence[LagGradients],
    weights: Sequence[BlockSpectrum],
    jacobians: Sequence[StepSpectrum],
    run: FreeRun | None = None,
    *,
    title: str,
    panel: float = 5.0,
) -> None:
    """Write one picture with a panel for each, `panel` inches wide, side by side: PNG, SVG or PDF, by the ending.

    Raises InputError where the `plots` extra is not installed.
    """
    panels = 3 if run is None else 4
    with picture(path, panels * panel, panel + 0.3) as figure:
        figure.suptitle(title, fontsize=11, parse_math=False)
        axes = figure.subplots(1, panels)
        _draw_gradients(axes[0], gradients)
        _draw_spectra(axes[1], [(f"layer {each.layer}, {each.block}", each.eigenvalues) for each in weights])
        axes[1].set_title("eigenvalues of W")
        _draw_spectra(axes[2], [(f"layer {each.layer}", each.eigenvalues) for each in jacobians])
        axes[2].set_title("eigenvalues of ∂state(t)/∂state(t−1)")
        if run is not None:
            _draw_run(axes[3], run)


def _draw_gradients(axes: Any, gradients: Sequence[LagGradients]) -> None:
    """Means as lines, the middle half of the positions as shaded areas; on a logarithmic axis a 0 is a gap."""
    axes.set_yscale("log")
    for each in gradients:
        norms = np.where(each.norms > 0, each.norms, np.nan)
        there = np.flatnonzero((each.norms > 0).any(1))
        if not len(there):
            continue
        mean = np.where(each.mean > 0, each.mean, np.nan)
        (line,) = axes.plot(mean, label=f"layer {each.layer}, {each.part}", linewidth=1.5)
        low, high = np.nanquantile(norms[there], (0.25, 0.75), axis=1)
        axes.fill_between(there, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.set_xlabel("lag k, steps")
    axes.set_title("‖∂L(t)/∂ · (t−k)‖")
    _legend(axes)


def _draw_spectra(axes: Any, spectra: Sequence[tuple[str, Any]]) -> None:
    """Eigenvalues against the unit circle, which separates what shrinks from what grows."""
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


def _draw_run(axes: Any, run: FreeRun) -> None:
    """‖h(t)‖ as lines, ‖h(t) − h(t−1)‖ dashed."""
    axes.set_yscale("log")
    for layer in range(run.norms.shape[1]):
        norms, moves = (np.where(each > 0, each, np.nan) for each in (run.norms[:, layer], run.moves[:, layer]))
        (line,) = axes.plot(norms, linewidth=1.5, label=f"‖h(t)‖, layer {layer + 1}")
        steps = np.arange(1, len(moves) + 1)
        axes.plot(steps, moves, "--", color=line.get_color(), linewidth=1, label=f"‖h(t) − h(t−1)‖, layer {layer + 1}")
    axes.set_xlabel("steps without input")
    axes.set_title(f"free run: {run.kind}" + (f" of {run.period} steps" if run.kind == "cycle" else ""))
    _legend(axes)


def _legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)
