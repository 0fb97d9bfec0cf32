"""A finished run: its weights with a temperature folded in, and its report."""

from dataclasses import replace
from typing import Any

from rnnlm.model.network import Network
from rnnlm.training.data import Data
from rnnlm.training.progress import Outcome
from rnnlm.training.settings import SettledSettings


def finished(
    network: Network, outcome: Outcome, data: Data, settings: SettledSettings, deadline: float | None
) -> tuple[Outcome, dict[str, Any]]:
    """The outcome with calibrated weights, and its report without times, which always differ.

    The report is made by `deadline` on the monotonic clock, if there is one.
    """
    network.load(outcome.tensors, "the best weights")
    calibrated = {}
    if settings.temperature_scaling and (temperature := data.calibrate(network)) is not None:
        calibrated["temperature"] = round(temperature, 4)
        outcome = replace(outcome, tensors=network.tensors())
    return outcome, {
        **data.report(network, deadline),
        **calibrated,
        "parameters": network.parameter_count,
        "tokens_seen": outcome.tokens_seen,
        "epochs": round(outcome.epochs, 4),
        "steps": outcome.steps,
        "clipped_fraction": round(outcome.clipped_fraction, 4),
        "left_out_steps": outcome.dropped,
        "returns_to_good_weights": outcome.returned,
        "operations": outcome.operations,
    }
