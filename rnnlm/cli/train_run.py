"""The body of `rnnlm train`: runs what was described, seals it and shows it."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnlm.artifacts import write_bytes
from rnnlm.cli.budget_run import Reserved
from rnnlm.cli.replay_run import REPLAY
from rnnlm.cli.stages import Pipeline
from rnnlm.cli.terminal import table, valid_figure
from rnnlm.cli.train_describe import Run, base_of, describe, network_of
from rnnlm.cli.train_files import first_files, replay_file
from rnnlm.cli.train_loop import resumable, train_network
from rnnlm.cli.train_memory import refuse_too_large
from rnnlm.cli.train_plan import show_plan
from rnnlm.config import as_dict, seconds
from rnnlm.directories import check_space, recover, replacing
from rnnlm.errors import UsageError
from rnnlm.locks import is_running, tidy
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.network import Network
from rnnlm.model.sealed import read_sealed
from rnnlm.training.identity import CHECKPOINTS
from rnnlm.training.memory import disk_bytes
from rnnlm.training.progress import Outcome
from rnnlm.training.run import LATEST, Place, begin, find_place, finish, settle, successor
from rnnlm.training.settings import TrainSettings, check_forms
from rnnlm.training.timing import read_timing, write_timing


def train_model(pipeline: Pipeline) -> None:
    """Train the model that the pipeline's settings describe, or find it done."""
    invocation, workspace = pipeline.invocation, pipeline.workspace
    device = choose_device(invocation.run.device)
    set_threads(invocation.run.threads)
    given = pipeline.settings("train")
    check_forms(given.settings)
    base = base_of(pipeline, given)
    with workspace.lock():
        if pipeline.task == "forecast":
            pipeline.ensure("window", asked=False)
        else:
            pipeline.ensure("raw" if base else "vocab", asked=False)
            embed = pipeline.settings("embed").settings
            in_time = given.settings.budget is not None or given.settings.replay is not None
            asked = embed.vectors is not None or (embed.embedding_init is not None and not in_time)
            if base is None and (asked or workspace.manifest("embed")):
                pipeline.ensure("embed", asked=False)
            pad = pipeline.settings("pad").settings
            cut = pad.long_lines == "split" and pad.max_length is not None
            sentences = pipeline.task == "language" and given.settings.batching == "sentences"
            if base is None and sentences and (cut or workspace.manifest("pad")):
                pipeline.ensure("pad", asked=False)
    text = _own_directory(workspace.path)
    try:
        run = describe(pipeline, given.settings, base, text, device)
        if given.settings.plan:
            show_plan(pipeline, run, device)
            return
        place = _train_or_find(pipeline, run, given.settings, device)
    finally:
        shutil.rmtree(text, ignore_errors=True)
    show_training(pipeline, place.target)


def _own_directory(workspace: Path) -> Path:
    """Where this process may keep ids that its run alone needs; those of processes that were killed are removed."""
    for other in workspace.glob(".train.*"):
        number = other.suffix[1:]
        if not (number.isdecimal() and is_running(int(number))):
            shutil.rmtree(other, ignore_errors=True)
    own = workspace / f".train.{os.getpid()}"
    own.mkdir(exist_ok=True)
    return own


def _train_or_find(pipeline: Pipeline, run: Run, given: TrainSettings, device: str) -> Place:
    """The sealed run, found or made now."""
    models = pipeline.workspace.path / "models"
    models.mkdir(exist_ok=True)

    def find() -> Place:
        force = pipeline.invocation.run.force
        return find_place(models, run.settings.cell, given.name, run.identity, resume=given.resume, force=force)

    place = find()
    if place.state != "sealed":
        refuse_too_large(run, device, force=pipeline.invocation.run.force)
    if place.state == "new":
        check_space(models, disk_bytes(run.architecture, run.settings), f"training {place.target}")
        config = pipeline.invocation.config
        if config is not None and place.target.resolve() in config.resolve().parents:
            raise UsageError(f"--config {config} is part of the model to be replaced", "copy it elsewhere first")
    if place.state == "sealed" and place.settled:
        _record(pipeline, run)
    else:
        with _alone(find) as place:
            _record(pipeline, run)
            if place.state != "sealed":
                with resumable(run, pipeline.workspace.path, place):
                    _train(pipeline, run, place, device)
                return place
            settle(place)
    words = "finished already" if given.resume else "up to date"
    pipeline.screen.notice(f"{place.target}: {words}")
    return place


def _record(pipeline: Pipeline, run: Run) -> None:
    """Record the settings, now that it is known that they go with the data and with what is there.

    Those of a replay are not recorded: they are of another day.
    """
    if run.record is None:
        with pipeline.workspace.lock():
            pipeline.record()


@contextlib.contextmanager
def _alone(find: Callable[[], Place]) -> Iterator[Place]:
    """The place that `find` gives while no other process writes there; one that did may have finished meanwhile."""
    held, place = None, find()
    with contextlib.ExitStack() as stack:
        while place.target != held:
            stack.close()
            held = place.target
            stack.enter_context(replacing(held, f"another rnnlm trains {held}"))
            recover(successor(held))
            place = find()
        yield place


def _train(pipeline: Pipeline, run: Run, place: Place, device: str) -> None:
    """Run it and seal it."""
    checkpoints = place.directory / CHECKPOINTS
    network = network_of(run, device, fresh=place.state == "new" or not any(checkpoints.glob("step-*")))
    if place.state == "new":
        begin(place, run.identity, first_files(pipeline, run))
    tidy(place.directory)
    outcome = train_network(pipeline, network, run, place)
    deadline = None
    if outcome.ends_at is not None:
        whole = seconds(run.settings.budget or "")
        deadline = outcome.ends_at - Reserved.of(whole, network.parameter_count).sealing
    outcome, report = _measured(network, outcome, run, deadline)
    place.directory.mkdir(parents=True, exist_ok=True)  # the workspace may have been removed meanwhile
    write_timing(place.directory, outcome.seconds, outcome.tokens_seen, report["operations"], device)
    if run.choice is not None:
        write_bytes(place.directory / REPLAY, replay_file(pipeline, run))
    finish(
        place,
        outcome,
        config=run.config,
        tokenizer=run.data.tokenizer,
        settings=as_dict(run.settings),
        inputs=run.inputs,
        report=report,
    )


def _measured(network: Network, outcome: Outcome, run: Run, deadline: float | None) -> tuple[Outcome, dict[str, Any]]:
    """A finished run with its weights calibrated, and what is shown of it, but for times: they are never the same."""
    network.load(outcome.tensors, "the best weights")
    calibrated = {}
    if run.settings.temperature_scaling and run.data.calibrate is not None:
        calibrated["temperature"] = round(run.data.calibrate(network), 4)
        outcome = replace(outcome, tensors=network.tensors())
    return outcome, {
        **run.data.report(network, deadline),
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


def show_training(pipeline: Pipeline, directory: Path) -> None:
    """A sealed run's figures: those of its manifest, and the times of its log."""
    model = read_sealed(directory)
    report = {**model.report, **read_timing(directory), "model": str(directory), "model_sha256": model.model_sha256}
    name, figure = valid_figure(report)
    calibrated = ["temperature"] if "temperature" in report else []
    view = table("model", "parameters", "epochs", "tokens/s", "share of peak", *calibrated, name)
    share = report["peak_fraction"]
    view.add_row(
        str(directory),
        f"{report['parameters']:,}",
        f"{report['epochs']:g}",
        "-" if report["tokens_per_second"] is None else f"{report['tokens_per_second']:,.0f}",
        "-" if share is None else f"{share:.0%}",
        *(f"{report[each]:.3g}" for each in calibrated),
        figure,
    )
    pipeline.screen.result(report, view)
    latest = pipeline.workspace.path / "models" / LATEST
    choice = "" if latest.read_text("utf-8", "replace").strip() == directory.name else f" --model {directory.name}"
    pipeline.screen.notice(f"next: rnnlm evaluate {pipeline.workspace.path}{choice}")
