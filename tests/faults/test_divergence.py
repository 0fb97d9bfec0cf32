"""Losses and gradients that are not finite: never in the weights, recorded; after too many a lower rate, or the end."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlm.corpus.batches import TokenBatch
from rnnlm.corpus.ids import Ids
from rnnlm.errors import DivergenceError
from rnnlm.model.architecture import Architecture
from rnnlm.model.dropout import Dropout
from rnnlm.model.network import Network, States
from rnnlm.model.sealed import is_sealed
from rnnlm.training.language import LanguageObjective
from rnnlm.training.loop import Trainer
from rnnlm.training.objective import Cost
from rnnlm.training.progress import Outcome, Progress, Stopped
from rnnlm.training.settings import SettledSettings, TrainSettings, settled

ARCHITECTURE = Architecture("lstm", 24, 8, 10, 1, True)
SETTINGS = settled(
    TrainSettings(steps=80, batch_size=4, bptt="9", learning_rate=0.01, dropout=0.2, average=0.9), hidden=8
)
LINES = np.tile(np.array([4, 5, 6, 7, 2], np.uint16), 400)
TEXT = Ids(LINES, np.arange(0, len(LINES) + 1, 5), np.zeros(1, np.uint32))
NOTHING = Ids(np.empty(0, np.uint16), np.zeros(1, np.int64), np.empty(0, np.uint32))


class Spoiled(LanguageObjective):
    """A text in which some batches, by their number from 1, give a loss or a gradient that is not finite."""

    def __init__(self, spoiled: Callable[[int], str | None], settings: SettledSettings, valid: Ids) -> None:
        super().__init__(TEXT, valid, settings, None)
        self._spoiled = spoiled
        self.number = 0

    def cost(self, model: Network, batch: TokenBatch, states: States, dropout: Dropout, fraction: float) -> Cost:
        cost = super().cost(model, batch, states, dropout, fraction)
        self.number += 1
        how = self._spoiled(self.number)
        if how is None:
            return cost
        cost = replace(cost, states=tuple(tuple(part * float("nan") for part in state) for state in cost.states))
        if how == "loss":
            return replace(cost, total=cost.total * float("inf"))
        # √ of nothing: the loss is what it was, its gradient 0 · ∞.
        return replace(cost, total=cost.total + 0 * (cost.total - cost.total.detach()).sqrt())


class Watcher:
    """Hears all, and looks at the weights after each step; asks to stop after one step if told to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.notices: list[str] = []
        self.heard: list[Progress] = []
        self.trainer: Trainer | None = None
        self._stop_at = stop_at

    def progress(self, progress: Progress) -> None:
        self.heard.append(progress)
        assert self.trainer is not None and self.trainer._learner.finite()

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def stop_signal(self) -> int | None:
        return 15 if self.heard and self.heard[-1].step == self._stop_at else None


def trained(
    directory: Path, spoiled: Callable[[int], str | None], watcher: Watcher, settings: SettledSettings = SETTINGS,
    valid: Ids = TEXT, *, resume_after: int = 0, **more: Any,
) -> Outcome:  # fmt: skip
    """A run on a spoiled text, or the rest of one after so many steps."""
    directory.mkdir(exist_ok=True)
    network = Network(ARCHITECTURE, torch.Generator().manual_seed(1))
    objective = Spoiled(spoiled, settings, valid)
    objective.number = resume_after
    watcher.trainer = Trainer(network, objective, settings, directory, watcher, **more)
    return watcher.trainer.run(resume=bool(resume_after))


def lines(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text("utf-8").splitlines()]


def on(*numbers: int, how: str = "loss") -> Callable[[int], str | None]:
    """Those batches are spoiled."""
    return lambda number: how if number in numbers else None


@pytest.mark.parametrize("how", ["loss", "gradient"])
@pytest.mark.parametrize("valid", [TEXT, NOTHING], ids=["validated", "not validated"])
def test_a_step_that_is_not_finite_is_left_out_and_recorded(tmp_path: Path, how: str, valid: Ids) -> None:
    watcher = Watcher()
    outcome = trained(tmp_path / "run", on(30, 50, how=how), watcher, valid=valid)
    assert (outcome.steps, outcome.dropped, outcome.returned) == (80, 2, 0)
    assert all(np.isfinite(array).all() for array in outcome.tensors.values())
    assert [line["step"] for line in lines(tmp_path / "run") if line.get("left_out_for") == how] == [30, 50]
    assert [f"step {step} is left out: its {how} is not finite" for step in (30, 50)] == watcher.notices
    assert np.isfinite([progress.loss for progress in watcher.heard]).sum() == (78 if how == "loss" else 80)


def test_a_step_that_is_left_out_changes_nothing(tmp_path: Path) -> None:
    """Neither weights, nor their averages, nor the optimizer's moments, nor the state that is carried on."""
    kept: list[dict[str, bytes]] = []

    class Keeper(Watcher):
        def progress(self, progress: Progress) -> None:
            super().progress(progress)
            assert self.trainer is not None
            tensors = self.trainer._learner.gathered(self.trainer._objective.states)
            kept.append({name: array.tobytes() for name, array in tensors.items() if name != "noise"})

    trained(tmp_path / "run", on(30, 50, how="loss"), Keeper())
    trained(tmp_path / "other", on(30, 50, how="gradient"), Keeper())
    for start in (0, 80):
        assert [n for n in range(1, 80) if kept[start + n] == kept[start + n - 1]] == [29, 49]
    assert {name.split(".")[0] for name in kept[0]} == {"model", "optimizer", "average", "average_updates", "state"}


def test_many_of_them_bring_the_good_weights_back_at_half_the_rate(tmp_path: Path) -> None:
    watcher = Watcher()
    outcome = trained(tmp_path / "run", on(40, 41, 42), watcher)
    assert (outcome.dropped, outcome.returned) == (3, 1)
    found = lines(tmp_path / "run")
    back = next(line for line in found if "back_to_step" in line)
    assert back["step"] == 42 and back["rate_factor"] == 0.5
    validated = [line for line in found if "valid_perplexity_striped" in line and line["step"] < 42]
    best = min(validated, key=lambda line: line["valid_perplexity_striped"])
    assert back["back_to_step"] == best["step"] > 0
    assert "back to the weights of step" in watcher.notices[-1] and "0.5 of the rate" in watcher.notices[-1]
    undisturbed = trained(tmp_path / "other", on(), Watcher())
    rates = [{line["step"]: line["learning_rate"] for line in lines(tmp_path / name)} for name in ("run", "other")]
    for step in rates[0].keys() & rates[1].keys():
        assert rates[0][step] == pytest.approx(rates[1][step] * (0.5 if step > 42 else 1))
    assert undisturbed.returned == 0
    assert all(json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())


def test_before_any_validation_it_is_the_weights_of_the_beginning(tmp_path: Path) -> None:
    trained(tmp_path / "run", on(2, 3, 4), Watcher())
    assert [line["back_to_step"] for line in lines(tmp_path / "run") if "back_to_step" in line] == [0]


def test_now_and_then_is_forgiven(tmp_path: Path) -> None:
    assert trained(tmp_path / "run", lambda n: "loss" if n % 25 == 3 else None, Watcher()).returned == 0
    assert trained(tmp_path / "more", lambda n: "loss" if n % 3 == 0 else None, Watcher()).returned > 1


def test_a_run_that_never_works_gives_up_with_its_best_weights_kept(tmp_path: Path) -> None:
    watcher = Watcher()
    directory = tmp_path / "run"
    with pytest.raises(DivergenceError, match="though the rate was lowered 6 times") as caught:
        trained(directory, lambda n: "loss" if n > 30 else None, watcher)
    assert caught.value.exit_code == 6
    assert "--learning-rate" in caught.value.hint
    returns = [line for line in lines(directory) if "back_to_step" in line]
    assert [line["rate_factor"] for line in returns] == [0.5**n for n in range(1, 7)]
    assert len(watcher.heard) == 30 + 3 * 7 - 1
    best = directory / "checkpoints" / f"best-{returns[0]['back_to_step']:012}"
    assert str(best) in caught.value.hint
    found = [line for line in lines(directory) if "valid_perplexity_striped" in line]
    manifest = json.loads((best / "manifest.json").read_text())
    assert manifest["report"]["valid_perplexity_striped"] == min(line["valid_perplexity_striped"] for line in found)
    with pytest.raises(DivergenceError, match="after 33 steps"):
        trained(tmp_path / "none", lambda n: "loss" if n > 30 else None, Watcher(), tries=0)


def test_a_loss_beyond_all_numbers_at_validation_goes_back_too(tmp_path: Path) -> None:
    """Weights whose loss is finite and no number to speak of; each validation after the third finds that."""

    class Lost(Spoiled):
        validations = 0

        def validate(self, model: Network) -> float | None:
            self.validations += 1
            return 5e4 if self.validations > 3 else super().validate(model)

    watcher = Watcher()
    (tmp_path / "run").mkdir()
    network = Network(ARCHITECTURE, torch.Generator().manual_seed(1))
    watcher.trainer = Trainer(network, Lost(on(), SETTINGS, TEXT), SETTINGS, tmp_path / "run", watcher)
    with pytest.raises(DivergenceError, match="lowered 6 times"):
        watcher.trainer.run(resume=False)


@pytest.mark.parametrize("stop", [20, 41, 42, 43, 60])
def test_a_stop_in_the_middle_of_it_changes_nothing(tmp_path: Path, stop: int) -> None:
    spoiled = on(10, 40, 41, 42, 55, 56)
    whole = trained(tmp_path / "whole", spoiled, Watcher())
    with pytest.raises(Stopped):
        trained(tmp_path / "parts", spoiled, Watcher(stop))
    parts = trained(tmp_path / "parts", spoiled, Watcher(), resume_after=stop)
    assert all(np.array_equal(whole.tensors[name], parts.tensors[name]) for name in whole.tensors)
    assert (whole.dropped, whole.returned, whole.metric) == (parts.dropped, parts.returned, parts.metric)
    assert lines(tmp_path / "whole") == lines(tmp_path / "parts")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("diverged") / "work"
    shutil.copytree(trained, directory)
    yield directory


def test_the_command_ends_with_6_and_the_best_model_can_be_used(run: Any, work: Path) -> None:
    """A rate at which nothing can be learned; the best weights are those that it began with, and whole."""
    flags = ("--learning-rate", "1e30", "--clip", "0", "--optimizer", "sgd", "--set", "warmup=0", "--steps", "200")
    result = run("train", work, *flags, "--name", "wild", "--quiet").refused(6, "diverged", "--learning-rate")
    best = Path(result.err.split("are the model ")[1].strip())
    assert is_sealed(best)
    assert run("evaluate", best, "--text", work / "raw" / "test.txt", "--json").ok().json["perplexity"] > 1
    assert run("evaluate", work, "--model", "lstm", "--json").ok()
    assert run("status", work, "--json").ok().json["models"]["wild"] == {"state": "unfinished"}
