"""What a run reads, whatever its task: the text of a workspace as ids, the same with labels, or windows of a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.app.stages import Pipeline
from rnnlm.artifacts import sha256_bytes
from rnnlm.corpus.clean import UnitRule
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.padded import CutLines, Sentences, open_padded
from rnnlm.corpus.settings import CleanSettings, PadSettings
from rnnlm.corpus.sources import split_blocks
from rnnlm.corpus.text import TextRules, encode_text
from rnnlm.corpus.tokenizer import load_tokenizer
from rnnlm.errors import UsageError
from rnnlm.model.network import Network
from rnnlm.model.sealed import Sealed, text_description
from rnnlm.tables.series import open_series
from rnnlm.training.language import LanguageObjective, language_report, output_counts
from rnnlm.training.objective import Objective
from rnnlm.training.sequences import SequenceObjective, forecast_report, label_counts, labels_report
from rnnlm.training.settings import TrainSettings
from rnnlm.training.temperature import calibrate


@dataclass(frozen=True)
class Data:
    """The data of one task.

    `tokens` and `lines` are the steps and sequences of train, `longest` the steps of the longest that is read whole, 0
    for a stream; `vocabulary` counts ids and `features` real numbers a step. Of a text, `ids` is train and `counts`
    (outputs,) how often each token that can be predicted occurs there. `labels` names outputs that are not tokens:
    labels, or the columns that are forecast. `described` goes into `config.json`, `inputs` are digests. `objective`
    takes how many tokens a quick validation may read, `report` the time on the monotonic clock by which it should have
    what it tells. `calibrate` sets a language model's temperature by validation, of `valid_tokens`, and returns it.
    """

    task: str
    kind: str
    tokens: int
    lines: int
    longest: int
    described: Mapping[str, Any]
    inputs: Mapping[str, str]
    objective: Callable[[TrainSettings, int | None], Objective]
    start: Callable[[Network, TrainSettings], None]
    report: Callable[[Network, float | None], dict[str, Any]]
    tokenizer: bytes | None = None
    vocabulary: int = 0
    features: int = 0
    labels: tuple[str, ...] = ()
    ids: Ids | None = None
    counts: NDArray[np.int64] | None = None
    calibrate: Callable[[Network], float] | None = None
    valid_tokens: int = 0


def language_data(pipeline: Pipeline, given: TrainSettings, base: Sealed | None, text: Path) -> Data:
    """A text as ids: those of the `vocab` stage, or by the rules of a model to go on from.

    `text` is a directory for ids that this run alone needs.
    """
    workspace = pipeline.workspace
    stage = "raw" if base else "vocab"
    identity = workspace.verified(stage).identity
    train, valid, rules, tokenizer = _adapted(pipeline, base, text) if base else _vocab(pipeline)
    context = "sentence" if given.batching == "sentences" else "stream"
    inputs = {stage: identity, "tokenizer": sha256_bytes(tokenizer)}
    sentences: Sentences | None = None
    padding: dict[str, str] = {}
    if given.batching == "sentences":
        sentences, padding, read = _sentences(pipeline, train, base)
        inputs |= read
    if base is None:  # where documents begin decides where a stream may start anew
        inputs["documents"] = workspace.verified("clean").outputs["train.documents.npy"]
    size = rules.tokenizer.get_vocab_size()
    counts = output_counts(train, size)

    def start(network: Network, settings: TrainSettings) -> None:
        if settings.unigram_bias:
            network.start_bias(counts)

    return Data(
        "language",
        rules.kind,
        len(train.ids),
        train.lines,
        0 if sentences is None else int(sentences.sizes().max(initial=0)),
        {"text": text_description(rules), "context": context, "data": {stage: identity, **padding}},
        inputs,
        lambda settings, validated: LanguageObjective(train, valid, settings, sentences, counts, validated),
        start,
        lambda network, deadline: language_report(network, valid, context, deadline),
        tokenizer,
        size,
        ids=train,
        counts=counts,
        calibrate=lambda network: calibrate(network, valid, context),
        valid_tokens=len(valid.ids),
    )


def _sentences(pipeline: Pipeline, train: Ids, base: Sealed | None) -> tuple[Sentences, dict[str, str], dict[str, str]]:
    """The sentences of train, the identity of the `pad` stage where it has them, and what decides how lines are cut."""
    given = pipeline.settings(PadSettings).settings
    longest = {"max_length": str(given.max_length)} if given.max_length else {}
    if base is not None and given.max_length and given.long_lines == "split":
        raise UsageError("--long-lines split with --from", "its text is read by the model's own rules; use truncate")
    if base is not None or pipeline.workspace.manifest("pad") is None:
        return CutLines(train, given.max_length), {}, longest
    with pipeline.workspace.opening("pad") as directory:
        rows = open_padded(directory, "train", train, given.long_lines)
    pipeline.screen.notice(f"train: {len(rows.rows):,} rows of up to {rows.rows.shape[1]:,} ids from {directory}")
    cut = longest | ({"long_lines": "split"} if given.long_lines == "split" and given.max_length else {})
    return rows, {"pad": pipeline.workspace.verified("pad").identity}, cut


def labelled_data(pipeline: Pipeline, task: str) -> Data:
    """The ids of the `vocab` stage with a label for each word, or for each text."""
    labels = pipeline.label_set()
    train, valid = (pipeline.labelled(split, labels) for split in ("train", "valid"))
    _, _, rules, tokenizer = _vocab(pipeline)
    identities = {stage: pipeline.workspace.verified(stage).identity for stage in ("raw", "vocab")}

    counts = label_counts(train, len(labels))

    def start(network: Network, settings: TrainSettings) -> None:
        if settings.unigram_bias:
            network.start_bias(counts)

    return Data(
        task,
        rules.kind,
        int(train.lengths().sum()),
        len(train),
        int(train.lengths().max(initial=0)),
        {"text": text_description(rules), "labels": list(labels), "label_counts": counts.tolist(), "data": identities},
        {**identities, "tokenizer": sha256_bytes(tokenizer)},
        lambda settings, validated: SequenceObjective(train, valid, settings, task),
        start,
        lambda network, deadline: labels_report(network, valid),
        tokenizer,
        rules.tokenizer.get_vocab_size(),
        labels=labels,
    )


def series_data(pipeline: Pipeline) -> Data:
    """The windows of a table."""
    identity = pipeline.workspace.verified("window").identity
    with pipeline.workspace.opening("window") as directory:
        train, valid = (open_series(directory, split) for split in ("train", "valid"))
    rules = train.rules

    def start(network: Network, settings: TrainSettings) -> None:
        if settings.skip_connection:
            network.start_direct(rules.target_inputs)

    return Data(
        "forecast",
        "series",
        int(train.lengths().sum()),
        len(train),
        int(train.lengths().max(initial=0)),
        {"series": rules.to_json(), "data": {"window": identity}},
        {"window": identity},
        lambda settings, validated: SequenceObjective(train, valid, settings, "forecast"),
        start,
        lambda network, deadline: forecast_report(network, valid),
        features=rules.features,
        labels=rules.targets,
    )


def _vocab(pipeline: Pipeline) -> tuple[Ids, Ids, TextRules, bytes]:
    """The ids of the `vocab` stage."""
    with pipeline.workspace.opening("vocab") as directory:
        path = directory / "tokenizer.json"
        content = path.read_bytes()
    units = UnitRule.of(pipeline.settings(CleanSettings).settings, pipeline.kind)
    rules = TextRules(pipeline.kind, pipeline.rule, units, load_tokenizer(content.decode(), str(path)))
    return pipeline.ids("train"), pipeline.ids("valid"), rules, content


def _adapted(pipeline: Pipeline, base: Sealed | None, text: Path) -> tuple[Ids, Ids, TextRules, bytes]:
    """The raw splits as ids by the rules of the model to go on from."""
    assert base is not None
    found = {}
    for split in ("train", "valid"):
        path = pipeline.workspace.directory("raw") / f"{split}.txt"
        (text / split).mkdir(parents=True, exist_ok=True)
        if path.stat().st_size or split == "train":
            found[split] = encode_text(split_blocks(pipeline.workspace, split), base.rules, text / split).ids
        else:
            found[split] = Ids(np.empty(0, np.uint16), np.zeros(1, np.int64), np.empty(0, np.uint32))
    with base.opening():
        return found["train"], found["valid"], base.rules, (base.path / "tokenizer.json").read_bytes()
