"""What a network remembers: gradients against the lag, spectra, gates and half-lives, and its embedding layer."""

import numpy as np

from rnnlm.model.embedding import whole_layer
from rnnlm.model.network import Network
from rnnlm.model.quantized import sealed_weights
from rnnlm.report.parts import Part, Picture, Section, Table
from rnnlm.report.pictures import svg
from rnnlm.report.subject import Subject
from rnnlm.use.inspect import QUANTILES, Inspection, check_inspectable, in_float64, inspect
from rnnlm.use.inspect_data import read_windows
from rnnlm.use.settings import InspectSettings
from rnnlm.use.words import WordVectors
from rnnlm.views.charts import draw_map
from rnnlm.views.dynamics_plot import Dynamics, draw_dynamics

_LIMIT, _POSITIONS, _JACOBIANS = 3_000, 16, 4


def memory(subject: Subject, network: Network) -> Section:
    """The measures of `rnnlm inspect` on the same text, and a map of the most frequent tokens."""
    given = InspectSettings(
        split=subject.given.split,
        text=subject.given.text,
        context=subject.given.context,
        limit=_LIMIT,
        positions=_POSITIONS,
        jacobians=_JACOBIANS,
    )
    check_inspectable(network)
    read = read_windows(subject.found, network, given, subject.scratch("inspect"))
    found = inspect(in_float64(network), read.windows, given)
    measured = {subject.name: Dynamics(found.gradients, found.weights, found.jacobians)}
    title = f"{subject.name} on {read.name}"
    dynamics = Picture(
        svg(lambda path: draw_dynamics(path, measured, title=title, panel=3.7), "dynamics"),
        "Left: how much the loss at a step depends on the state k steps before, mean and middle half of the "
        "positions; what falls fast is forgotten. Middle and right: eigenvalues of the recurrent matrices and of one "
        "step; outside the circle a direction grows, inside it fades",
    )
    parts: list[Part] = [dynamics, *_gates(found)]
    if network.architecture.vocabulary:
        words = WordVectors(whole_layer(sealed_weights(subject.found.model)[0]), subject.found.model.rules)
        points, names = words.map()
        parts.append(Picture(
            svg(lambda path: draw_map(path, points, names, f"embedding layer of {subject.name}"), "map"),
            f"The {len(names)} most frequent tokens by the two directions in which the embedding layer varies most",
            search=True,
        ))  # fmt: skip
    sentence = (
        f"Measured on {read.name}: {found.positions} positions, up to {found.steps} steps before each. A gate's value "
        "is from 0, closed, to 1, open; the half-life of a unit is the number of steps after which half of what it "
        "holds is left."
    )
    return Section("memory", "What it remembers", sentence, parts)


def _gates(found: Inspection) -> list[Part]:
    parts: list[Part] = []
    if found.gates:
        rows = [
            (f"layer {each.layer}, {each.gate}", f"{each.mean.mean():.3f}", f"{each.nearly_closed.mean():.1%}",
             f"{each.nearly_open.mean():.1%}") for each in found.gates
        ]  # fmt: skip
        parts.append(Table("Gates, over all units and steps", ("gate", "mean", "below 0.1", "above 0.9"), rows))
    keeping = [each for each in found.gates if each.keeps]
    if keeping:
        columns = ("layer", *(f"{quantile:.0%} of units" for quantile in QUANTILES))
        lives = [np.quantile(each.half_life, QUANTILES, method="nearest") for each in keeping]
        halves = [
            (str(each.layer), *(f"{value:.1f}" for value in life)) for each, life in zip(keeping, lives, strict=True)
        ]
        parts.append(Table("Half-lives of units, in steps: so many units have one up to", columns, halves))
    return parts
