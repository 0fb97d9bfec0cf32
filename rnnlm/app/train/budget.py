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
from rnnlm.training.settings import TrainSettings
from rnnlm.training.temperature import CALIBRATION_TOKENS

_AS_TRAINING = 1.5  # times the seconds of a trained token for one that is only read: the weights are read each time
_MEASURING = 0.01  # of the budget for the machine's speed, from half a second to three
_LEAST = 1.0  # seconds to train in


def budget_of(
    request: Request, settings: TrainSettings, choice: BudgetChoice | None, data: Data, parameters: int
) -> Budget | None:
    """The budget as the trainer takes it."""
    if settings.budget is None or choice is None or not isinstance(data, LanguageData):
        return None
    whole, valid_tokens = seconds(settings.budget), len(data.valid.ids)
    read = valid_tokens + min(valid_tokens, CALIBRATION_TOKENS)
    evaluation = _AS_TRAINING * read / choice.tokens_per_second
    return Budget(whole, _start_of(request), Reserved.of(whole, parameters, evaluation).seconds)


def _start_of(request: Request) -> float:
    return started_at() if request.started_at is None else request.started_at


def chosen(pipeline: Pipeline, given: TrainSettings, data: Data, directory: Path | None, device: str) -> BudgetChoice:
    """The choice for a budget now, or that of the unfinished run in `directory`."""
    if not isinstance(data, LanguageData):
        raise UsageError(f"--budget with --task {data.task}", "it is for language models; use --epochs or --steps")
    if given.batching != "stream":
        raise UsageError("--budget with --batching sentences", "omit --batching")
    given = given if device == "cpu" else replace(given, output_layer=given.output_layer or "full")  # clusters wait
    embedding = pipeline.settings(EmbedSettings).settings.embedding
    whole = seconds(given.budget or "")
    ranks, trial = pipeline.request.ranks, min(max(_MEASURING * whole, 0.5), 3.0)
    speed = recurrent_speed(device, trial) if ranks is None else speed_of_all(ranks, device, trial)
    spent = time.monotonic() - _start_of(pipeline.request)
    left = whole - spent - Reserved.of(whole, 5_000_000).seconds
    if left < _LEAST and directory is None and not given.plan:
        raise UsageError(f"--budget {given.budget}: {spent:.0f} s of it went for reading, none is left", "give more")
    situation = Situation(max(0.0, left), speed, data.size.tokens, data.size.kind, data.counts, data.new)
    if directory is None:
        return choose(given, embedding, situation)
    begun, embedding = _begun(given, directory)
    return replace(choose(begun, embedding, situation), reasons=(f"settings of the unfinished run in {directory}",))


def _begun(given: TrainSettings, directory: Path) -> tuple[TrainSettings, int]:
    """The settings of an unfinished run, where this command gives none, and the size of its embedding."""
    kept = read_settings_file(directory / "settings.toml", SECTIONS)
    values: dict[str, Any] = {
        each.name: kept["train"].get(each.name)
        for each in fields(given)
        if getattr(given, each.name) is None and each.metadata.get("record", True)
    }
    return replace(given, **values), int(kept["embed"]["embedding"])
