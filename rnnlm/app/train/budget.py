"""`rnnlm train --budget`: the settings for the remaining time, by the rule or from an unfinished run."""

import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from rnnlm.app.pipeline import Pipeline
from rnnlm.app.request import SECTIONS, Request
from rnnlm.config import read_settings_file, seconds
from rnnlm.corpus.settings import EmbedSettings
from rnnlm.errors import UsageError
from rnnlm.model.peak import recurrent_speed
from rnnlm.training.budget import BudgetChoice, Situation, choose
from rnnlm.training.budget_clock import Budget, started_at
from rnnlm.training.data import Data, LanguageData
from rnnlm.training.following import speed_of_all
from rnnlm.training.reserve import Reserved
from rnnlm.training.sequence_budget import choose_for_sequences
from rnnlm.training.settings import TrainSettings

_MEASURING = 0.01  # of the budget for the machine's speed, from half a second to three
_LEAST = 1.0  # seconds to train in


def budget_of(
    request: Request, settings: TrainSettings, choice: BudgetChoice | None, data: Data, parameters: int
) -> Budget | None:
    """The budget as the trainer takes it."""
    if settings.budget is None or choice is None:
        return None
    whole = seconds(settings.budget)
    return Budget(whole, _start_of(request), Reserved.of_run(whole, parameters, choice, data).seconds)


def _start_of(request: Request) -> float:
    return started_at() if request.started_at is None else request.started_at


def chosen(pipeline: Pipeline, given: TrainSettings, data: Data, directory: Path | None, device: str) -> BudgetChoice:
    """The choice for a budget now, or that of the same run in `directory`."""
    given = given if device == "cpu" else replace(given, output_layer=given.output_layer or "full")  # clusters wait
    embedding, whole = pipeline.settings(EmbedSettings).settings.embedding, seconds(given.budget or "")
    if directory is not None:
        given, embedding = _begun(given, directory)

    def left() -> float:
        return whole - (time.monotonic() - _start_of(pipeline.request)) - Reserved.of(whole, 5_000_000).seconds

    if left() < _LEAST and directory is None and not given.plan:
        spent = time.monotonic() - _start_of(pipeline.request)
        raise UsageError(f"--budget {given.budget}: {spent:.0f} s of it went for reading, none is left", "give more")
    if isinstance(data, LanguageData):
        ranks, trial = pipeline.request.ranks, min(max(_MEASURING * whole, 0.5), 3.0)
        speed = recurrent_speed(device, trial) if ranks is None else speed_of_all(ranks, device, trial)
        size, counts = data.size, data.counts
        situation = Situation(max(0.0, left()), speed, size.tokens, size.kind, counts, data.new, size.lines)
        choice = choose(given, embedding, situation)
    else:
        choice = choose_for_sequences(given, embedding, data, device, left)
    begun = f"settings of the same run in {directory}"
    return choice if directory is None else replace(choice, reasons=(begun,))


def _begun(given: TrainSettings, directory: Path) -> tuple[TrainSettings, int | None]:
    """The settings of a run, where this command gives none, and the size of its embedding."""
    kept = read_settings_file(directory / "settings.toml", SECTIONS)
    values: dict[str, Any] = {
        each.name: kept["train"].get(each.name)
        for each in fields(given)
        if getattr(given, each.name) is None and each.metadata.get("record", True)
    }
    return replace(given, **values), kept.get("embed", {}).get("embedding")
