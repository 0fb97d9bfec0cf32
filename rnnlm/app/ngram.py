"""The n-gram model of a workspace: trained on the ids of train, or read from an ARPA file, unless it is up to date."""

from pathlib import Path

from rnnlm.app.pipeline import Pipeline
from rnnlm.artifacts import Manifest, sha256_file
from rnnlm.config import bytes_of
from rnnlm.directories import standing
from rnnlm.errors import UsageError
from rnnlm.model.ngram.making import NgramOrigin, is_current, read_ngram, train_ngram
from rnnlm.model.sealed import WEIGHTS
from rnnlm.use.settings import NgramSettings

_TRAINED, _READ = "ngram", "arpa"  # names of models without --name


def ngram_model(pipeline: Pipeline, given: NgramSettings) -> Path:
    """The directory of the sealed model. UsageError for a corpus with labels, or the name of a network."""
    if pipeline.task != "language":
        raise UsageError(f"an n-gram model of a corpus for {pipeline.task}", "it models plain text only")
    with pipeline.workspace.lock():
        vocab = pipeline.ensure("vocab", asked=False).manifest
        pipeline.record()
        directory = pipeline.workspace.path / "models" / (given.name or (_TRAINED if given.from_ is None else _READ))
        if any((standing(directory) / name).exists() for name in (WEIGHTS, "run.json")):
            raise UsageError(f"{directory} is a network", "choose another name with --name")
        origin = _origin(given, vocab)
        notices = [f"{directory} is up to date"]
        if pipeline.request.run.force or not is_current(directory, origin):
            notices = _make(pipeline, given, origin, directory)
    for notice in notices:
        pipeline.screen.notice(notice)
    return directory


def _make(pipeline: Pipeline, given: NgramSettings, origin: NgramOrigin, directory: Path) -> list[str]:
    rules, tokenizer = pipeline.text_rules()
    if given.from_ is not None:
        return read_ngram(given.from_, rules, tokenizer, origin, directory)
    memory = None if given.memory is None else bytes_of(given.memory)
    return train_ngram(pipeline.ids("train"), rules, tokenizer, origin, directory, memory, pipeline.request.processes)


def _origin(given: NgramSettings, vocab: Manifest) -> NgramOrigin:
    inputs = {"vocab": vocab.identity}
    if given.from_ is None:
        pruned = {} if given.prune is None else {"prune": given.prune}
        return NgramOrigin({"order": given.order, "context": given.context, **pruned}, inputs)
    return NgramOrigin({"from": given.from_}, {**inputs, "arpa": sha256_file(Path(given.from_))})
