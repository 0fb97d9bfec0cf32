"""`rnnlm inspect`: a network's dynamics, measured, plotted and shown."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.app.models import find_models, network_of
from rnnlm.app.request import Request
from rnnlm.cli.terminal import terminal
from rnnlm.errors import UsageError
from rnnlm.model.dynamics.free_run import FreeRun
from rnnlm.screen import Grid, View
from rnnlm.use.inspect import LONGEST_LIVED, QUANTILES, Inspection, check_inspectable, in_float64, inspect
from rnnlm.use.inspect_data import read_windows
from rnnlm.use.settings import InspectSettings
from rnnlm.views.bars import course
from rnnlm.views.dynamics_plot import Dynamics, draw_dynamics
from rnnlm.views.graphs import draw_graph, network_graph, recurrence_name

_LAGS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SHOWN_STEPS = 12  # of a free run

Views = list[View]


def inspect_(request: Request) -> None:
    """Measure each model of --model, plot if requested, and show the results."""
    given, screen = request.settings(InspectSettings).settings, terminal(request)
    models = find_models(request)
    if len(models) > 1 and given.graph is not None:
        raise UsageError("--graph of several models", "draw each: --model NAME --graph FILE")
    reports, views, measured = {}, Views(), dict[str, Dynamics]()
    for found in models:
        network = network_of(request, found)
        report: dict[str, Any] = {"task": found.model.task, "model_sha256": found.model.model_sha256}
        reports[found.model.name] = report
        if not given.graph_alone:
            check_inspectable(network)
            with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
                read = read_windows(found, network, given, Path(directory))
                each = inspect(in_float64(network), read.windows, given)
            report |= {**read.described, **each.report()}
            windows = f"{each.positions} positions, up to {each.steps} steps before each"
            views += [*_views(each), f"{found.model.name} on {read.name}: {windows}"]
            measured[found.model.name] = Dynamics(each.gradients, each.weights, each.jacobians, each.free_run)
        if given.graph is not None:
            a = network.architecture
            name, layers = recurrence_name(a), "1 layer" if a.layers == 1 else f"{a.layers} layers"
            draw_graph(Path(given.graph), network_graph(a), f"{name}\n{a.cell}, {layers} of {a.hidden} units")
            report["graph"] = {"path": given.graph, "recurrence": name}
            views.append(f"{given.graph}: recurrence {name}")
    result: dict[str, Any] = reports[models[0].model.name] if len(models) == 1 else {"models": reports}
    if given.plot is not None and measured:
        draw_dynamics(Path(given.plot), measured, title=f"{', '.join(measured)} on {read.name}")
        result["plot"] = given.plot
        screen.notice(f"{given.plot}: gradients, spectra" + (" and the free run" if given.free_run else ""))
    screen.result(result, *views)


def _views(inspection: Inspection) -> Views:
    """One screen: gradients, spectra, gates, and the free run, if any."""
    parts = dict.fromkeys(each.part for each in inspection.gradients)
    views: Views = ["mean norm of " + " and ".join(f"∂L(t)/∂{part}(t−k)" for part in parts), _gradients(inspection)]
    views += ["", _weights(inspection), "", _jacobians(inspection)]
    skipped = [each.layer for each in inspection.jacobians if each.eigenvalues is None]
    if skipped:
        views.append(f"no eigenvalues for layers {', '.join(map(str, skipped))}: the state is large, or --jacobians 0")
    if inspection.gates:
        views += ["", _gates(inspection)]
    if any(each.keeps for each in inspection.gates):
        views += ["", _half_lives(inspection), *_longest(inspection)]
    if inspection.free_run is not None:
        views += ["", _free_run(inspection.free_run), inspection.free_run.verdict]
    return [*views, ""]


def _gradients(inspection: Inspection) -> Grid:
    last = len(inspection.gradients[0].norms) - 1
    lags = [*(lag for lag in _LAGS if lag < last), last]
    view = Grid("lag k", *map(str, lags), f"0 to {last}")
    for each in inspection.gradients:
        numbers = (f"{each.mean[lag]:.1e}" for lag in lags)
        view.add_row(f"layer {each.layer}, {each.part}", *numbers, course(each.mean))
    return view


def _weights(inspection: Inspection) -> Grid:
    view = Grid("recurrent weights", "spectral radius", "largest singular value", "outside |λ| = 1")
    for each in inspection.weights:
        radius, outside = "-", "-"
        if each.eigenvalues is not None:
            modulus = np.abs(each.eigenvalues)
            radius, outside = f"{modulus.max():.3f}", f"{(modulus > 1).mean():.1%}"
        view.add_row(f"layer {each.layer}, {each.block}", radius, f"{each.largest_singular_value:.3f}", outside)
    return view


def _jacobians(inspection: Inspection) -> Grid:
    names = ("numbers", "positions", "mean radius", "largest", "outside |λ| = 1", "nats/step")
    view = Grid("∂state(t)/∂state(t−1)", *names)
    for each in inspection.jacobians:
        cells = ["-"] * 4
        if each.eigenvalues is not None:
            modulus = np.abs(each.eigenvalues)
            radii = modulus.max(1)
            cells = [str(len(radii)), f"{radii.mean():.3f}", f"{radii.max():.3f}", f"{(modulus > 1).mean():.1%}"]
        view.add_row(f"layer {each.layer}", str(each.size), *cells, f"{each.exponent:+.4f}")
    return view


def _gates(inspection: Inspection) -> Grid:
    view = Grid("gate", "mean", "below 0.1", "above 0.9")
    for each in inspection.gates:
        closed, opened = each.nearly_closed.mean(), each.nearly_open.mean()
        view.add_row(f"layer {each.layer}, {each.gate}", f"{each.mean.mean():.3f}", f"{closed:.1%}", f"{opened:.1%}")
    return view


def _half_lives(inspection: Inspection) -> Grid:
    view = Grid("half-life of units, in steps", *(f"{quantile:.0%}" for quantile in QUANTILES))
    for each in inspection.gates:
        if each.keeps:
            quantiles = np.quantile(each.half_life, QUANTILES, method="nearest")
            view.add_row(f"layer {each.layer}", *(f"{value:.2f}" for value in quantiles))
    return view


def _longest(inspection: Inspection) -> list[str]:
    lines = []
    for each in inspection.gates:
        if each.keeps:
            lives = each.half_life
            units = np.argsort(-lives, kind="stable")[:LONGEST_LIVED]
            named = ", ".join(f"{unit} ({lives[unit]:.1f})" for unit in units)
            lines.append(f"longest-lived units of layer {each.layer}: {named}")
    return lines


def _free_run(run: FreeRun) -> Grid:
    layers = range(1, run.norms.shape[1] + 1)
    names = [f"{metric}, layer {layer}" for layer in layers for metric in ("‖h‖", "move")]
    view = Grid("step without input", *names)
    last = len(run.norms) - 1
    steps = {0, *np.geomspace(1, max(1, last), _SHOWN_STEPS).round().astype(int).tolist()}
    for step in sorted(each for each in steps if each <= last):
        moves = run.moves[step - 1] if step else [None] * len(layers)
        pairs = zip(run.norms[step], moves, strict=True)
        view.add_row(str(step), *(_cell(value) for pair in pairs for value in pair))
    return view


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
