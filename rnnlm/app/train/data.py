"""The data of a run, opened from a pipeline's stages."""

from pathlib import Path

import numpy as np

from rnnlm.app.pipeline import Pipeline
from rnnlm.artifacts import sha256_bytes
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.padded import CutLines, Sentences, open_padded
from rnnlm.corpus.settings import PadSettings
from rnnlm.corpus.sources import split_blocks
from rnnlm.corpus.text import TextRules, encode_text
from rnnlm.errors import UsageError
from rnnlm.model.sealed import Sealed
from rnnlm.tables.series import open_series
from rnnlm.training.data import Data, FrameData, LabelledData, LanguageData, SeriesData
from rnnlm.training.settings import TrainSettings


def open_data(pipeline: Pipeline, given: TrainSettings, base: Sealed | None, text: Path) -> Data:
    """The data of the task; `text` is a directory for temporary ids.

    UsageError for a model to start from (`base`) with any task other than language.
    """
    task = pipeline.task
    if base is not None and (task != "language" or base.task != "language"):
        raise UsageError("--from with a task other than language", "omit --from")
    if task == "language":
        return _language(pipeline, given, base, text)
    return _series(pipeline) if pipeline.of_table else _labelled(pipeline, task)


def _language(pipeline: Pipeline, given: TrainSettings, base: Sealed | None, text: Path) -> LanguageData:
    """The ids of the `vocab` stage, or of the raw text by the rules of the model to start from."""
    workspace = pipeline.workspace
    stage = "raw" if base else "vocab"
    stages = {stage: workspace.verified(stage).identity}
    if base is None:
        train, valid, (rules, tokenizer) = pipeline.ids("train"), pipeline.ids("valid"), pipeline.text_rules()
    else:
        train, valid, rules, tokenizer = _adapted(pipeline, base, text)
    inputs = {**stages, "tokenizer": sha256_bytes(tokenizer)}
    sentences: Sentences | None = None
    if given.batching == "sentences":
        sentences, padding, read = _sentences(pipeline, train, base)
        stages |= padding
        inputs |= read
    if base is None:  # streams are reset at documents
        inputs["documents"] = workspace.verified("clean").outputs["train.documents.npy"]
    return LanguageData(train, valid, rules, tokenizer, inputs, stages, sentences)


def _sentences(pipeline: Pipeline, train: Ids, base: Sealed | None) -> tuple[Sentences, dict[str, str], dict[str, str]]:
    """The sentences of train, the identity of the `pad` stage if it has them, and the settings for long lines."""
    given = pipeline.settings(PadSettings).settings
    longest = {"max_length": str(given.max_length)} if given.max_length else {}
    if base is not None and given.max_length and given.long_lines == "split":
        raise UsageError("--long-lines split with --from", "its text is read by the model's rules; use truncate")
    if base is not None or pipeline.workspace.manifest("pad") is None:
        return CutLines(train, given.max_length), {}, longest
    with pipeline.workspace.opening("pad") as directory:
        rows = open_padded(directory, "train", train, given.long_lines)
    pipeline.screen.notice(f"train: {len(rows.rows):,} rows of up to {rows.rows.shape[1]:,} ids from {directory}")
    cut = longest | ({"long_lines": "split"} if given.long_lines == "split" and given.max_length else {})
    return rows, {"pad": pipeline.workspace.verified("pad").identity}, cut


def _adapted(pipeline: Pipeline, base: Sealed, text: Path) -> tuple[Ids, Ids, TextRules, bytes]:
    """The raw splits as ids by the rules of the model to start from."""
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


def _labelled(pipeline: Pipeline, task: str) -> LabelledData:
    """The ids of the `vocab` stage with a label for each word, or for each text."""
    labels = pipeline.label_set()
    train, valid = (pipeline.labelled(split, labels) for split in ("train", "valid"))
    rules, tokenizer = pipeline.text_rules()
    stages = {stage: pipeline.workspace.verified(stage).identity for stage in ("raw", "vocab")}
    inputs = {**stages, "tokenizer": sha256_bytes(tokenizer)}
    return LabelledData(train, valid, task, labels, rules, tokenizer, inputs, stages)


def _series(pipeline: Pipeline) -> SeriesData:
    """The windows of a table."""
    stages = {"window": pipeline.workspace.verified("window").identity}
    with pipeline.workspace.opening("window") as directory:
        train, valid = (open_series(directory, split) for split in ("train", "valid"))
    task = train.rules.task
    return (SeriesData if task == "forecast" else FrameData)(train, valid, stages, stages, task)
