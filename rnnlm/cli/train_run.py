"""The body of `rnnlm train`: runs what was described, seals it and shows it."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from rnnlm.cli.budget_run import Reserved, budget_of, validated_tokens
from rnnlm.cli.sections import section_order
from rnnlm.cli.stages import Pipeline
from rnnlm.cli.terminal import table, valid_figure
from rnnlm.cli.train_data import Data
from rnnlm.cli.train_describe import Run, base_of, describe, network_of
from rnnlm.cli.train_plan import show_plan
from rnnlm.cli.watching import Watcher
from rnnlm.config import as_dict, seconds, to_toml
from rnnlm.errors import StoppedError
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.network import Network
from rnnlm.model.sealed import read_sealed
from rnnlm.training.loop import Outcome, Stopped, Trainer
from rnnlm.training.run import LATEST, Place, begin, find_place, finish
from rnnlm.training.settings import TrainSettings, check_forms
from rnnlm.training.timing import read_timing, write_timing
from rnnlm.workspace import locked


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
            asked = embed.vectors is not None or (embed.embedding_start is not None and given.settings.budget is None)
            if base is None and (asked or workspace.manifest("embed")):
                pipeline.ensure("embed", asked=False)
    text = Path(tempfile.mkdtemp(prefix=".train.", dir=workspace.path))
    try:
        run = describe(pipeline, given.settings, base, text, device)
        if given.settings.plan:
            show_plan(pipeline, run, device)
            return
        with workspace.lock():
            pipeline.record()  # only now is it known that the settings go with the data
        place = _train_or_find(pipeline, run, given.settings, device)
    finally:
        shutil.rmtree(text, ignore_errors=True)
    show_training(pipeline, place.directory)


def _train_or_find(pipeline: Pipeline, run: Run, given: TrainSettings, device: str) -> Place:
    """The sealed run, found or made now."""
    models = pipeline.workspace.path / "models"
    models.mkdir(exist_ok=True)

    def find() -> Place:
        force = pipeline.invocation.run.force
        return find_place(models, run.settings.cell, given.name, run.digest, resume=given.resume, force=force)

    place = find()
    if place.state != "sealed":
        with locked(models / f".{place.directory.name}.lock", f"another rnnlm trains {place.directory}"):
            place = find()  # the other one may have finished meanwhile
            if place.state != "sealed":
                _train(pipeline, run, place, device)
                return place
    words = "finished already" if given.resume else "up to date"
    pipeline.screen.notice(f"{place.directory}: {words}")
    return place


def _train(pipeline: Pipeline, run: Run, place: Place, device: str) -> None:
    """Run it and seal it."""
    network = network_of(run, device, fresh=place.state == "new")
    if place.state == "new":
        sections = {name: as_dict(pipeline.settings(name).settings) for name in section_order(pipeline.workspace)}
        if run.choice is not None:
            sections["embed"]["embedding"] = run.architecture.embedding
        begin(place.directory, run.digest, to_toml({**sections, "train": as_dict(run.settings)}))
    outcome = _loop(pipeline, network, run, place.directory, resume=place.state == "unfinished")
    deadline = None
    if outcome.ends_at is not None:
        whole = seconds(run.settings.budget or "")
        deadline = outcome.ends_at - Reserved.of(whole, network.parameter_count).sealing
    report = _report(network, outcome, run.data, deadline)
    write_timing(place.directory, outcome.seconds, outcome.tokens_seen, report["operations"], device)
    finish(
        place.directory,
        outcome,
        config=run.config,
        tokenizer=run.data.tokenizer,
        settings=as_dict(run.settings),
        inputs=run.inputs,
        report=report,
    )


def _loop(pipeline: Pipeline, network: Network, run: Run, directory: Path, *, resume: bool) -> Outcome:
    """Train while a person watches; StoppedError, with the command that goes on, after a signal."""
    screen, settings, data = pipeline.screen, run.settings, run.data
    screen.notice(
        f"train: {directory.name}, {network.parameter_count:,} parameters on {data.tokens:,} tokens, "
        f"batch {settings.batch_size} × {settings.bptt}, rate {settings.learning_rate:g}, dropout {settings.dropout:g}"
    )
    for reason in run.choice.reasons if run.choice is not None else ():
        screen.notice(f"train: {reason}")
    if run.architecture.forced and data.task == "language":
        screen.notice(
            "train: y(t−1) is x(t) in a text, so this network learns which token follows which: a bigram model"
        )
    watcher = Watcher(screen, screen.errors)
    with watcher.watching():
        validated = None if run.choice is None else validated_tokens(run.choice)
        budget = budget_of(settings, network.parameter_count)
        trainer = Trainer(network, data.objective(settings, validated), settings, directory, watcher, budget)
        try:
            return trainer.run(resume=resume)
        except Stopped as stopped:
            raise StoppedError(
                f"stopped by signal {stopped.signal_number}, a checkpoint is saved",
                f"go on with: rnnlm train {pipeline.workspace.path} --name {directory.name} --resume",
                stopped.signal_number,
            ) from None


def _report(network: Network, outcome: Outcome, data: Data, deadline: float | None) -> dict[str, Any]:
    """What is shown of a finished run, but for times, which are never the same twice."""
    network.load(outcome.tensors, "the best weights")
    return {
        **data.report(network, deadline),
        "parameters": network.parameter_count,
        "tokens_seen": outcome.tokens_seen,
        "epochs": round(outcome.epochs, 4),
        "steps": outcome.steps,
        "clipped_fraction": round(outcome.clipped_fraction, 4),
        "operations": outcome.operations,
    }


def show_training(pipeline: Pipeline, directory: Path) -> None:
    """A sealed run's figures: those of its manifest, and the times of its log."""
    model = read_sealed(directory)
    report = {**model.report, **read_timing(directory), "model": str(directory), "model_sha256": model.model_sha256}
    name, figure = valid_figure(report)
    view = table("model", "parameters", "epochs", "tokens/s", "share of peak", name)
    share = report["peak_fraction"]
    view.add_row(
        str(directory),
        f"{report['parameters']:,}",
        f"{report['epochs']:g}",
        "-" if report["tokens_per_second"] is None else f"{report['tokens_per_second']:,.0f}",
        "-" if share is None else f"{share:.0%}",
        figure,
    )
    pipeline.screen.result(report, view)
    latest = pipeline.workspace.path / "models" / LATEST
    choice = "" if latest.read_text("utf-8").strip() == directory.name else f" --model {directory.name}"
    pipeline.screen.notice(f"next: rnnlm evaluate {pipeline.workspace.path}{choice}")
