"""The body of `rnnlm train`: settles what the run is, runs it, seals it and shows it."""

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from rnnlm.arrays import read_tensors
from rnnlm.artifacts import sha256_bytes
from rnnlm.cli.stages import Pipeline
from rnnlm.cli.terminal import table
from rnnlm.cli.watching import Watcher
from rnnlm.config import as_dict, to_toml
from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.text import TextRules, encode_text
from rnnlm.corpus.tokenizer import load_tokenizer
from rnnlm.errors import StoppedError
from rnnlm.model.architecture import Architecture
from rnnlm.model.device import choose_device, set_threads
from rnnlm.model.likelihood import text_nats
from rnnlm.model.loading import load_network
from rnnlm.model.network import LanguageModel
from rnnlm.model.sealed import Sealed, model_config, read_sealed
from rnnlm.training.defaults import fill_in
from rnnlm.training.loop import Outcome, Stopped, Trainer
from rnnlm.training.run import begin, find_place, finish, run_digest
from rnnlm.training.settings import Cell, TrainSettings
from rnnlm.training.timing import read_timing, write_timing
from rnnlm.workspace import locked


@dataclass(frozen=True)
class Data:
    """The text of a run as ids, and by what rules."""

    train: Ids
    valid: Ids
    rules: TextRules
    tokenizer: bytes
    identity: str


def train_model(pipeline: Pipeline) -> None:
    """Train the model that the pipeline's settings describe, or find it done."""
    invocation, screen, workspace = pipeline.invocation, pipeline.screen, pipeline.workspace
    device = choose_device(invocation.run.device)
    set_threads(invocation.run.threads)
    given: TrainSettings = pipeline.settings("train").settings
    base = read_sealed(_model_path(pipeline, given.from_)) if given.from_ else None
    with workspace.lock():
        data_stage = "raw" if base else "vocab"
        pipeline.ensure(data_stage, asked=False)
        if base is None and (pipeline.settings("embed").settings.vectors or workspace.manifest("embed")):
            pipeline.ensure("embed", asked=False)
        pipeline.record()
    manifest = workspace.verified(data_stage)
    wanted = pipeline.settings("embed").settings.embedding
    text = workspace.path / ".train.partial"
    try:
        data = _adapted_data(pipeline, base, text) if base else _data(pipeline)
        settings, architecture, layer = _settled(pipeline, given, data, base, wanted)
        config = model_config(
            architecture,
            data.rules.kind,
            data.rules.rule,
            data.rules.units,
            context="sentence" if settings.batching == "sentences" else "stream",
            more={"training": as_dict(settings), "data": {data_stage: manifest.identity}},
        )
        inputs = {data_stage: manifest.identity, "tokenizer": sha256_bytes(data.tokenizer)}
        if layer is not None:
            inputs["embed"] = str(workspace.manifest("embed").identity)  # type: ignore[union-attr]
        if base is not None:
            inputs["from"] = base.model_sha256
        digest = run_digest(as_dict(settings), config, inputs)
        place = find_place(
            workspace.path / "models",
            settings.cell,
            given.name,
            digest,
            resume=given.resume,
            force=invocation.run.force,
        )
        if place.state == "sealed":
            screen.notice(
                f"{place.directory}: up to date" if not given.resume else f"{place.directory}: finished already"
            )
            show_training(pipeline, place.directory)
            return
        network = _network(architecture, settings, data, layer, base, device)
        sections = {name: pipeline.settings(name).given() for name in ("raw", "clean", "tokenize", "vocab", "embed")}
        toml = to_toml({**{name: values for name, values in sections.items() if values}, "train": as_dict(settings)})
        (workspace.path / "models").mkdir(exist_ok=True)
        with locked(
            workspace.path / "models" / f".{place.directory.name}.lock", f"another rnnlm trains {place.directory}"
        ):
            if place.state == "new":
                begin(place.directory, digest, toml)
            outcome = _run(pipeline, network, data, settings, place.directory, resume=place.state == "unfinished")
            report = _report(network, outcome, data, str(config["context"]))
            write_timing(place.directory, outcome.seconds, outcome.tokens_seen, report["operations"], device)
            finish(
                place.directory,
                outcome,
                config=config,
                tokenizer=data.tokenizer,
                settings=as_dict(settings),
                inputs=inputs,
                report=report,
            )
    finally:
        shutil.rmtree(text, ignore_errors=True)
    show_training(pipeline, place.directory)


def _model_path(pipeline: Pipeline, name: str) -> Path:
    inside = pipeline.workspace.path / "models" / name
    return inside if inside.is_dir() else Path(name)


def _data(pipeline: Pipeline) -> Data:
    """The ids of the `vocab` stage."""
    workspace = pipeline.workspace
    content = (workspace.directory("vocab") / "tokenizer.json").read_bytes()
    tokenizer = load_tokenizer(content.decode(), str(workspace.directory("vocab") / "tokenizer.json"))
    units = UnitRule.of(pipeline.settings("clean").settings, pipeline.kind)
    rules = TextRules(pipeline.kind, pipeline.rule, units, tokenizer)
    return Data(pipeline.ids("train"), pipeline.ids("valid"), rules, content, workspace.verified("vocab").identity)


def _adapted_data(pipeline: Pipeline, base: Sealed, text: Path) -> Data:
    """The raw splits as ids by the rules of the model to go on from."""
    workspace = pipeline.workspace
    found = {}
    for split in ("train", "valid"):
        path = workspace.directory("raw") / f"{split}.txt"
        (text / split).mkdir(parents=True, exist_ok=True)
        if path.stat().st_size or split == "train":
            found[split] = encode_text(line_blocks(path), base.rules, text / split).ids
        else:
            found[split] = Ids(np.empty(0, np.uint16), np.zeros(1, np.int64), np.empty(0, np.uint32))
    content = (base.path / "tokenizer.json").read_bytes()
    return Data(found["train"], found["valid"], base.rules, content, workspace.verified("raw").identity)


def _settled(
    pipeline: Pipeline, given: TrainSettings, data: Data, base: Sealed | None, wanted: int | None
) -> tuple[TrainSettings, Architecture, np.ndarray[Any, Any] | None]:
    """Settings without gaps, the network's size, and the embedding layer to start from, if there is one that fits."""
    if base is not None:
        a = base.architecture
        given = replace(given, cell=cast(Cell, a.cell), hidden=a.hidden, layers=a.layers, tied=a.tied)
        wanted = a.embedding
    layer = None
    directory = pipeline.workspace.directory("embed")
    if base is None and pipeline.workspace.manifest("embed") is not None:
        layer = read_tensors(directory / "embedding.safetensors", remedy="run: rnnlm embed --force")["embedding"]
    size = data.rules.tokenizer.get_vocab_size()
    settings, dimensions = fill_in(
        given, kind=data.rules.kind, tokens=len(data.train.ids), lines=data.train.lines,
        embedding=wanted if wanted is not None or layer is None else layer.shape[1],
    )  # fmt: skip
    if layer is not None and layer.shape != (size, dimensions):
        pipeline.screen.notice(f"train: {directory} is {layer.shape}, not ({size}, {dimensions}); it is not used")
        layer = None
    elif layer is not None:
        pipeline.screen.notice(f"train: starting from the embedding layer in {directory}")
    assert settings.hidden is not None and settings.tied is not None
    return (
        settings,
        Architecture(settings.cell, size, dimensions, settings.hidden, settings.layers, settings.tied),
        layer,
    )


def _network(
    architecture: Architecture, settings: TrainSettings, data: Data, layer: Any, base: Sealed | None, device: str
) -> LanguageModel:
    if base is not None:
        return load_network(base, device).train()
    network = LanguageModel(architecture, torch.Generator().manual_seed(settings.seed))
    counts = np.zeros(architecture.vocabulary, np.int64)
    for start in range(0, len(data.train.ids), 2**22):
        counts += np.bincount(data.train.ids[start : start + 2**22], minlength=architecture.vocabulary)
    network.start_bias(counts)
    if layer is not None:
        with torch.no_grad():
            network.embedding.copy_(torch.from_numpy(np.array(layer)))
    return network.to(device)


def _run(
    pipeline: Pipeline, network: LanguageModel, data: Data, settings: TrainSettings, directory: Path, *, resume: bool
) -> Outcome:
    screen = pipeline.screen
    screen.notice(
        f"train: {directory.name}, {network.parameter_count:,} parameters on {len(data.train.ids):,} tokens, "
        f"batch {settings.batch_size} × {settings.bptt}, rate {settings.learning_rate:g}, dropout {settings.dropout:g}"
    )
    pad = pipeline.workspace.manifest("pad")
    max_length = int(pad.report["length"]) if pad is not None and settings.batching == "sentences" else None
    watcher = Watcher(screen, screen.errors)
    with watcher.watching():
        trainer = Trainer(network, data.train, data.valid, settings, directory, max_length, watcher)
        try:
            return trainer.run(resume=resume)
        except Stopped as stopped:
            raise StoppedError(
                f"stopped by signal {stopped.signal_number}, a checkpoint is saved",
                f"go on with: rnnlm train {pipeline.workspace.path} --name {directory.name} --resume",
                stopped.signal_number,
            ) from None


def _report(network: LanguageModel, outcome: Outcome, data: Data, context: str) -> dict[str, Any]:
    """What is shown of a finished run, but for times, which are never the same twice."""
    network.load(outcome.tensors, "the best weights")
    nats, tokens = 0.0, 0
    if data.valid.lines:
        for piece in text_nats(network, data.valid, context, 64):
            nats += float(piece.nats.sum())
            tokens += len(piece.nats)
    return {
        "valid_perplexity": math.exp(nats / tokens) if tokens else None,
        "parameters": network.parameter_count,
        "tokens_seen": outcome.tokens_seen,
        "epochs": round(outcome.epochs, 4),
        "steps": outcome.steps,
        "operations": 3 * network.architecture.operations() * outcome.tokens_seen,
    }


def show_training(pipeline: Pipeline, directory: Path) -> None:
    """A sealed run's figures: those of its manifest, and the times of its log."""
    model = read_sealed(directory)
    report = {**model.report, **read_timing(directory), "model": str(directory), "model_sha256": model.model_sha256}
    view = table("model", "parameters", "epochs", "tokens/s", "share of peak", "valid perplexity")
    perplexity, share = report["valid_perplexity"], report["peak_fraction"]
    view.add_row(
        str(directory),
        f"{report['parameters']:,}",
        f"{report['epochs']:g}",
        "-" if report["tokens_per_second"] is None else f"{report['tokens_per_second']:,.0f}",
        "-" if share is None else f"{share:.0%}",
        "-" if perplexity is None else f"{perplexity:.2f}",
    )
    pipeline.screen.result(report, view)
    pipeline.screen.notice(f"next: rnnlm evaluate {pipeline.workspace.path}")
