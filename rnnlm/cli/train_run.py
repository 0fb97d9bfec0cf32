"""The body of `rnnlm train`: settles what the run is, runs it, seals it and shows it."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlm.arrays import read_tensors
from rnnlm.cli.budget_run import Reserved, budget_of, chosen, show_plan
from rnnlm.cli.sections import section_order
from rnnlm.cli.stages import Pipeline
from rnnlm.cli.terminal import table, valid_figure
from rnnlm.cli.train_data import Data, labelled_data, language_data, series_data
from rnnlm.cli.watching import Watcher
from rnnlm.config import FLAG, Resolved, as_dict, seconds, to_toml
from rnnlm.errors import StoppedError, UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.cooccurrence import cooccurrence_layer
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.embedding import SPREAD
from rnnlm.model.loading import load_network
from rnnlm.model.network import Network, Start
from rnnlm.model.outputs.cuts import Cut
from rnnlm.model.sealed import Sealed, model_config, read_sealed
from rnnlm.training.budget import SPREAD as BUDGET_SPREAD
from rnnlm.training.budget import Choice
from rnnlm.training.defaults import cut_of, fill_in
from rnnlm.training.loop import Outcome, Stopped, Trainer
from rnnlm.training.memory import peak_bytes
from rnnlm.training.run import LATEST, Place, begin, begun_run, find_place, finish, run_digest
from rnnlm.training.settings import FEEDS_BACK, TrainSettings, check_forms, is_forced
from rnnlm.training.timing import read_timing, write_timing
from rnnlm.training.trial import trial_speed
from rnnlm.workspace import locked

# Settings that are those of the model to go on from.
_OF_THE_NETWORK = ("cell", "hidden", "layers", "tied", "activation", "peepholes", "feedback", "head", "direct")

_WORDS = 1_000  # ids from which on a start from co-occurrence says something


@dataclass(frozen=True)
class Run:
    """All that decides a run. `inputs` are digests of what it reads, `layer` the embedding to start from.

    Two runs of one `digest` are the same run. `choice` is what a budget decided.
    """

    data: Data
    settings: TrainSettings
    architecture: Architecture
    layer: np.ndarray[Any, Any] | None
    base: Sealed | None
    config: dict[str, Any]
    inputs: dict[str, str]
    digest: str
    choice: Choice | None = None


def train_model(pipeline: Pipeline) -> None:
    """Train the model that the pipeline's settings describe, or find it done."""
    invocation, workspace = pipeline.invocation, pipeline.workspace
    device = choose_device(invocation.run.device)
    set_threads(invocation.run.threads)
    given = pipeline.settings("train")
    check_forms(given.settings)
    base = _base(pipeline, given)
    with workspace.lock():
        if pipeline.task == "forecast":
            pipeline.ensure("window", asked=False)
        else:
            pipeline.ensure("raw" if base else "vocab", asked=False)
            if base is None and (_asks_for_layer(pipeline) or workspace.manifest("embed")):
                pipeline.ensure("embed", asked=False)
    text = Path(tempfile.mkdtemp(prefix=".train.", dir=workspace.path))
    try:
        run = _describe(pipeline, given.settings, base, text, device)
        if given.settings.plan:
            _show_plan(pipeline, run, device)
            return
        with workspace.lock():
            pipeline.record()  # only now is it known that the settings go with the data
        place = _train_or_find(pipeline, run, given.settings, device)
    finally:
        shutil.rmtree(text, ignore_errors=True)
    show_training(pipeline, place.directory)


def _asks_for_layer(pipeline: Pipeline) -> bool:
    """Whether the flags say where the embedding starts."""
    embed = pipeline.settings("embed").settings
    return embed.vectors is not None or embed.embedding_start is not None


def _base(pipeline: Pipeline, given: Resolved[TrainSettings]) -> Sealed | None:
    """The sealed model to go on from; UsageError for flags that would give it another network."""
    name = given.settings.from_
    if name is None:
        return None
    for flag in (*_OF_THE_NETWORK, "recurrent_start", "forget_bias", "unigram_bias"):
        if given.origins[flag] == FLAG:
            raise UsageError(
                f"--{flag.replace('_', '-')} with --from", "the network is that of the model to go on from"
            )
    inside = pipeline.workspace.path / "models" / name
    return read_sealed(inside if inside.is_dir() else Path(name))


def _describe(pipeline: Pipeline, given: TrainSettings, base: Sealed | None, text: Path, device: str) -> Run:
    """Read the data and settle what was left open; `text` is a directory for ids that a run alone needs."""
    data = _data(pipeline, given, base, text)
    inputs = dict(data.inputs)
    choice, asked = None, given
    if given.budget is not None:
        digest = run_digest(as_dict(given), {}, inputs)
        begun = begun_run(pipeline.workspace.path / "models", digest)
        choice = chosen(pipeline, given, data, begun, device)
        asked = choice.settings
    settings, architecture, layer = _settled(pipeline, asked, data, base, choice)
    described = {**data.described, "training": as_dict(settings)}
    if layer is not None:
        inputs["embed"] = pipeline.workspace.verified("embed").identity
    elif _start(pipeline, settings, data, base) == "cooccurrence":
        inputs["embed"] = "cooccurrence"
    if base is not None:
        inputs["from"] = base.model_sha256
    spread = pipeline.settings("embed").settings.embedding_spread
    if spread is not None and layer is None:
        inputs["spread"] = str(spread)
    config = model_config(architecture, described)
    if choice is None:
        digest = run_digest(as_dict(settings), config, inputs)
    return Run(data, settings, architecture, layer, base, config, inputs, digest, choice)


def _start(pipeline: Pipeline, settings: TrainSettings, data: Data, base: Sealed | None) -> str:
    """Where the embedding starts that no `embed` stage has made: a budget is worth its seconds for words."""
    given = pipeline.settings("embed").settings.embedding_start
    if base is not None or data.ids is None:
        return "random"
    words = settings.tied and len(data.counts if data.counts is not None else ()) >= _WORDS
    return given or ("cooccurrence" if settings.budget is not None and words else "random")


def _data(pipeline: Pipeline, given: TrainSettings, base: Sealed | None, text: Path) -> Data:
    """What the task reads; UsageError for what only a language model can do."""
    task = pipeline.task
    if base is not None and (task != "language" or base.task != "language"):
        raise UsageError("--from with a task other than language", "train from the beginning")
    if task == "language":
        return language_data(pipeline, given, base, text)
    return series_data(pipeline) if task == "forecast" else labelled_data(pipeline, task)


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
    network = _network(pipeline, run, device, fresh=place.state == "new")
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


def _settled(
    pipeline: Pipeline, given: TrainSettings, data: Data, base: Sealed | None, choice: Choice | None
) -> tuple[TrainSettings, Architecture, np.ndarray[Any, Any] | None]:
    """Settings without gaps, the network's size, and the embedding layer to start from, if there is one that fits."""
    wanted = choice.embedding if choice is not None else pipeline.settings("embed").settings.embedding
    if base is not None:
        a = base.architecture
        own = {name: getattr(a, "summary" if name == "head" else name) for name in _OF_THE_NETWORK}
        given = replace(given, **own)
        if a.cell not in FEEDS_BACK and given.forcing != "teacher":
            raise UsageError(f"--forcing with --from a model of {a.cell}", "only an output-recurrent one is forced")
        wanted = a.embedding
    layer = None
    directory = pipeline.workspace.directory("embed")
    if base is None and data.vocabulary and pipeline.workspace.manifest("embed") is not None:
        layer = read_tensors(directory / "embedding.safetensors", remedy="run: rnnlm embed --force")["embedding"]
    settings, dimensions = fill_in(
        given, task=data.task, kind=data.kind, tokens=data.tokens, lines=data.lines,
        embedding=wanted if wanted is not None or layer is None else layer.shape[1],
    )  # fmt: skip
    size = data.vocabulary
    if layer is not None and layer.shape != (size, dimensions):
        pipeline.screen.notice(f"train: {directory} is {layer.shape}, not ({size}, {dimensions}); it is not used")
        layer = None
    elif layer is not None:
        pipeline.screen.notice(f"train: starting from the embedding layer in {directory}")
    if base is None:
        return settings, _architecture(settings, data, dimensions), layer
    return settings, replace(base.architecture, forced=is_forced(settings)), layer


def _architecture(settings: TrainSettings, data: Data, dimensions: int) -> Architecture:
    """The network that settled settings describe, for this data."""
    assert settings.hidden is not None and settings.tied is not None and settings.head is not None
    cut = Cut((), ()) if data.counts is None else cut_of(settings, data.counts, dimensions)
    return Architecture(
        settings.cell,
        data.vocabulary,
        dimensions if data.vocabulary else 0,
        settings.hidden,
        settings.layers,
        settings.tied,
        task=data.task,
        features=data.features,
        labels=len(data.labels),
        summary=settings.head,
        activation=settings.activation,
        peepholes=settings.peepholes,
        feedback=settings.feedback,
        forced=is_forced(settings),
        direct=bool(settings.direct),
        cuts=cut.cuts,
        widths=cut.widths,
    )


def _network(pipeline: Pipeline, run: Run, device: str, *, fresh: bool) -> Network:
    """The network before its first step: that of the base, or a new one started as the task has it.

    A run that goes on (not `fresh`) has its weights from a checkpoint.
    """
    settings = run.settings
    if run.base is not None:
        return load_network(run.base, device).use_engine(settings.engine).train()
    spread = pipeline.settings("embed").settings.embedding_spread or (SPREAD if run.choice is None else BUDGET_SPREAD)
    start = Start(settings.recurrent_start, settings.forget_bias, spread)
    network = Network(run.architecture, torch.Generator().manual_seed(settings.seed), start)
    run.data.start(network, settings)
    if run.layer is not None and network.embedding is not None:
        network.start_embedding(run.layer)
    elif fresh and run.inputs.get("embed") == "cooccurrence":
        assert run.data.ids is not None
        network.start_embedding(
            cooccurrence_layer(run.data.ids, run.data.vocabulary, run.architecture.embedding, settings.seed, spread)
        )
    return network.to(device).use_engine(settings.engine)


def _loop(pipeline: Pipeline, network: Network, run: Run, directory: Path, *, resume: bool) -> Outcome:
    """Train while a person watches; StoppedError, with the command that goes on, after a signal."""
    screen, settings, data = pipeline.screen, run.settings, run.data
    screen.notice(
        f"train: {directory.name}, {network.parameter_count:,} parameters on {data.tokens:,} tokens, "
        f"batch {settings.batch_size} × {settings.bptt}, rate {settings.learning_rate:g}, dropout {settings.dropout:g}"
    )
    if run.architecture.forced and data.task == "language":
        screen.notice(
            "train: y(t−1) is x(t) in a text, so this network learns which token follows which: a bigram model"
        )
    watcher = Watcher(screen, screen.errors)
    with watcher.watching():
        validated = None
        if (
            run.choice is not None
        ):  # four quick validations, which read three times as fast, in one per cent of the time
            validated = int(
                np.clip(0.0075 * seconds(settings.budget or "") * run.choice.tokens_per_second, 2_000, 50_000)
            )
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


def _show_plan(pipeline: Pipeline, run: Run, device: str) -> None:
    """What the run would be: sizes, memory, speed as measured by its first steps, and the time to its end."""
    network, settings = _network(pipeline, run, device, fresh=False), run.settings
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        speed = trial_speed(network, run.data.objective(settings, None), settings, Path(directory))
    steps = (
        int(settings.bptt) if settings.bptt and settings.bptt != "full" else run.data.tokens // max(1, run.data.lines)
    )
    if settings.budget is not None:
        left: float | None = seconds(settings.budget)
        epochs = run.choice.seconds * speed / run.data.tokens if run.choice else None
    else:
        tokens = settings.tokens or (settings.steps or 0) * (settings.batch_size or 1) * steps
        tokens = tokens or int((settings.epochs or 0) * run.data.tokens)
        left, epochs = tokens / speed, tokens / run.data.tokens
    report = {
        "cell": settings.cell, "layers": settings.layers, "hidden": settings.hidden,
        "embedding": run.architecture.embedding, "tied": settings.tied, "output_layer": settings.output_layer,
        "cuts": ",".join(map(str, run.architecture.cuts)) or None, "batch_size": settings.batch_size,
        "bptt": settings.bptt, "dropout": settings.dropout, "learning_rate": settings.learning_rate,
        "parameters": network.parameter_count, "peak_bytes": peak_bytes(network, settings, steps),
        "tokens_per_second": round(speed, 1), "epochs": epochs, "seconds": left,
    }  # fmt: skip
    show_plan(pipeline, report, run.choice.reasons if run.choice else ())


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
