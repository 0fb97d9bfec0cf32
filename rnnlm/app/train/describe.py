"""The description of a training run: its data, complete settings, network and initialization."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlm.app.pipeline import Pipeline
from rnnlm.app.train.budget import chosen
from rnnlm.app.train.data import open_data
from rnnlm.config import FILE, FLAG, Resolved, as_dict
from rnnlm.corpus.settings import EmbedSettings
from rnnlm.errors import UsageError
from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.library import cell_setting
from rnnlm.model.cooccurrence import cooccurrence_layer
from rnnlm.model.embedding import INIT_STD, read_layer
from rnnlm.model.loading import load_network
from rnnlm.model.network import Network, WeightInit
from rnnlm.model.sealed import Sealed, is_sealed, model_config, read_sealed
from rnnlm.training.budget import INIT_STD as BUDGET_INIT_STD
from rnnlm.training.budget import BeginAgain, BudgetChoice
from rnnlm.training.data import Data, LanguageData, architecture_of
from rnnlm.training.defaults import fill_in
from rnnlm.training.identity import Identity
from rnnlm.training.journal import Record, journal_of
from rnnlm.training.memory import Demand
from rnnlm.training.run import begun_run
from rnnlm.training.settings import SettledSettings, TrainSettings, is_forced

# Settings that a model to start from determines.
_OF_THE_NETWORK = (
    "cell", "equation", "hidden", "layers", "tied", "read_out", "feedback", "pooling",
    "skip_connection",
)  # fmt: skip
_IN_CONFIG = {"pooling": "summary", "skip_connection": "direct"}  # names that differ in `Architecture`
_WORDS = 1_000  # fewest outputs for an init from co-occurrence


@dataclass(frozen=True)
class Run:
    """Everything that determines a run.

    The embedding is initialized from `layer`, from co-occurrence, or at random with the standard deviation
    `embedding_std`. Two runs with one `identity` are the same run. `choice` is that of a budget, `record` the journal
    to replay. `before` is what the journal says of a run that was begun again.
    """

    data: Data
    settings: SettledSettings
    architecture: Architecture
    layer: np.ndarray[Any, Any] | None
    from_cooccurrence: bool
    embedding_std: float
    base: Sealed | None
    identity: Identity
    choice: BudgetChoice | None = None
    record: Record | None = None
    before: Mapping[str, float] | None = None

    @property
    def demand(self) -> Demand:
        """The memory it takes."""
        return Demand(self.architecture, self.settings, self.data)


def base_of(pipeline: Pipeline, given: Resolved[TrainSettings]) -> Sealed | None:
    """The sealed model to start from; UsageError for flags that would change its network."""
    name = given.settings.from_
    if name is None:
        return None
    for flag in (*_OF_THE_NETWORK, "recurrent_init", "forget_bias", "unigram_bias"):
        if given.origins[flag] == FLAG:
            raise UsageError(f"--{flag.replace('_', '-')} with --from", "the model determines its network; omit it")
    inside = pipeline.workspace.path / "models" / name
    return read_sealed(inside if is_sealed(inside) else Path(name))


def describe(pipeline: Pipeline, given: TrainSettings, base: Sealed | None, text: Path, device: str) -> Run:
    """Read the data and complete the settings; `text` is a directory for temporary ids."""
    data = open_data(pipeline, given, base, text)
    choice, wanted, identity = None, given, None
    if given.budget is not None:  # the identity is of the given settings: the choice depends on the machine
        embed, embed_stage = pipeline.settings(EmbedSettings).settings, pipeline.workspace.manifest("embed")
        read = {**data.inputs, "embed": "" if embed_stage is None else embed_stage.identity}
        identity = Identity.of(as_dict(given), as_dict(embed), {}, read)
        again = pipeline.request.run.force
        begun = None if again else begun_run(pipeline.workspace.path / "models", identity)
        choice = chosen(pipeline, given, data, begun, device)
        wanted = choice.settings
    return _completed(pipeline, wanted, data, base, choice, identity)


def begun_again(pipeline: Pipeline, run: Run, again: BeginAgain) -> Run:
    """The same run with another choice."""
    changed = _completed(pipeline, again.choice.settings, run.data, run.base, again.choice, run.identity)
    return replace(changed, before=again.before)


def _completed(
    pipeline: Pipeline, wanted: TrainSettings, data: Data, base: Sealed | None, choice: BudgetChoice | None,
    identity: Identity | None,
) -> Run:  # fmt: skip
    """The run of the settings; its `identity` follows from them where there is none."""
    settings, architecture, layer = _settled(pipeline, wanted, data, base, choice)
    embed = pipeline.settings(EmbedSettings).settings
    embedding_std = embed.embedding_std or (INIT_STD if choice is None else BUDGET_INIT_STD)
    cooccurring = base is None and layer is None and _from_cooccurrence(embed.embedding_init, settings, data)
    inputs = dict(data.inputs)
    if layer is not None:
        inputs["embed"] = pipeline.workspace.verified("embed").identity
    elif data.size.vocabulary and base is None:
        inputs["embed"] = f"{'cooccurrence' if cooccurring else 'random'} {embedding_std:g}"
    if base is not None:
        inputs["from"] = base.model_sha256
    journal = _journal(pipeline)
    record = None if journal is None else journal_of(journal, inputs)
    if record is not None:
        inputs["journal"] = record.sha256
    read = {**data.described["data"], **({} if layer is None else {"embed": inputs["embed"]})}
    config = model_config(architecture, {**data.described, "data": read, "training": as_dict(settings)})
    if identity is None:
        identity = Identity.of(as_dict(settings), {}, config, inputs)
    return Run(
        data, settings, architecture, layer, cooccurring, embedding_std, base,
        replace(identity, model=config, tokenizer=data.tokenizer, read=inputs), choice, record,
    )  # fmt: skip


def _journal(pipeline: Pipeline) -> Path | None:
    """The journal to replay, if any; a relative path in a settings file is relative to that file."""
    given, config = pipeline.settings(TrainSettings), pipeline.request.config
    path = None if given.settings.replay is None else Path(given.settings.replay)
    return config.parent / path if path and config is not None and given.origins["replay"] == FILE else path


def _from_cooccurrence(given: str | None, settings: SettledSettings, data: Data) -> bool:
    """Whether the embedding is initialized from co-occurrence: for a budget with many words, or on request."""
    if given is not None or not isinstance(data, LanguageData):
        return given == "cooccurrence" and isinstance(data, LanguageData)
    return settings.budget is not None and settings.tied and len(data.counts) >= _WORDS


def _settled(
    pipeline: Pipeline, given: TrainSettings, data: Data, base: Sealed | None, choice: BudgetChoice | None
) -> tuple[SettledSettings, Architecture, np.ndarray[Any, Any] | None]:
    """Complete settings, the network's size, and the embedding layer to start from, if one fits."""
    wanted = choice.embedding if choice is not None else pipeline.settings(EmbedSettings).settings.embedding
    if base is not None:
        a = base.architecture
        own = {name: getattr(a, _IN_CONFIG.get(name, name)) for name in _OF_THE_NETWORK if name != "equation"}
        given = replace(given, **{**own, "cell": cell_setting(a.cell, a.equations), "equation": None})
        if not a.form.feeds_back and given.forcing != "teacher":
            raise UsageError(
                f"--forcing with --from a model of {a.cell}", "it applies to cells that feed the output back"
            )
        wanted = a.embedding
    layer = None
    directory = pipeline.workspace.directory("embed")
    if base is None and data.size.vocabulary and pipeline.workspace.manifest("embed") is not None:
        layer = read_layer(directory)
    settings, dimensions = fill_in(
        given, task=data.task, kind=data.size.kind, tokens=data.size.tokens, lines=data.size.lines,
        embedding=wanted if wanted is not None or layer is None else layer.shape[1],
    )  # fmt: skip
    size = data.size.vocabulary
    if layer is not None and layer.shape != (size, dimensions):
        pipeline.screen.notice(f"train: {directory} is {layer.shape}, not ({size}, {dimensions}); it is not used")
        layer = None
    elif layer is not None:
        pipeline.screen.notice(f"train: starting from the embedding layer in {directory}")
    if base is None:
        return settings, architecture_of(settings, data, dimensions), layer
    return settings, replace(base.architecture, forced=is_forced(settings)), layer


def network_of(run: Run, device: str, *, fresh: bool) -> Network:
    """The network before its first step: that of the base, or a new one, initialized for the task.

    A resumed run (not `fresh`) loads its weights from a checkpoint.
    """
    settings = run.settings
    if run.base is not None:
        return load_network(run.base, device).use_engine(settings.engine).train()
    start = WeightInit(settings.recurrent_init, settings.forget_bias, run.embedding_std)
    network = Network(run.architecture, torch.Generator().manual_seed(settings.seed), start)
    run.data.start(network, settings)
    if run.layer is not None and network.embedding is not None:
        network.start_embedding(run.layer)
    elif fresh and run.from_cooccurrence and isinstance(run.data, LanguageData):
        size, dimensions = run.data.size.vocabulary, run.architecture.embedding
        network.start_embedding(cooccurrence_layer(run.data.train, size, dimensions, settings.seed, run.embedding_std))
    return network.to(device).use_engine(settings.engine)
