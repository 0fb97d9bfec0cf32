"""Several models compared on one text: finding the models, and the report."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import split_blocks
from rnnlm.corpus.text import encode_text
from rnnlm.errors import UsageError
from rnnlm.model.finding import FoundModel, last_trained
from rnnlm.model.likelihood import LanguageModel, perplexity
from rnnlm.model.sealed import Sealed, is_sealed, read_sealed
from rnnlm.use.comparison.comparable import Reader
from rnnlm.use.comparison.compare import Comparison, compare
from rnnlm.use.comparison.settings import CompareSettings
from rnnlm.use.texts import ChosenText, choose_text
from rnnlm.workspace import Workspace


def compare_models(
    paths: Sequence[str], given: CompareSettings, load: Callable[[Sealed], LanguageModel], reading: Decoding
) -> dict[str, Any]:
    """The metrics of all models on one text, and each pair's difference with its interval and p value.

    `load` opens a sealed model. UsageError for models or a text that cannot be compared.
    """
    found = _find(paths)
    names = _names(found)
    workspace = next((each.workspace for each in found if each.workspace is not None), None)
    if workspace is None and given.text is None:
        raise UsageError("these models have no workspace", "name a text with --text FILE")
    models = [load(each.model) for each in found]

    def text_again() -> ChosenText:
        return choose_text(FoundModel(found[0].model, workspace), given.split, given.text, reading)

    def train() -> Iterator[bytes]:
        assert workspace is not None
        return split_blocks(workspace, "train")

    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        readers = []
        for number, (each, name) in enumerate(zip(found, names, strict=True)):
            own = Path(directory) / str(number)
            own.mkdir()
            text = encode_text(text_again().blocks, each.model.rules, own)
            readers.append(Reader(name, each.model.rules, given.context or each.model.context, text))
        comparison = compare(
            models, readers, lambda: text_again().blocks, None if workspace is None else train, given.batch_size
        )
    return {
        "measure": comparison.measure,
        "models": [
            {"name": reader.name, "model_sha256": each.model.model_sha256, **_metrics(comparison, number, reader)}
            for number, (each, reader) in enumerate(zip(found, readers, strict=True))
        ],
        "pairs": _pairs(comparison, names, given), "unknown_spelled": comparison.spelled,
        "units": comparison.units.name, "units_drawn": len(comparison.units.lines) - 1, "resamples": given.resamples,
        "seed": given.seed, "context": readers[0].context, "split": text_again().split,
        "raw_sha256": readers[0].text.raw_sha256, "cleaned_sha256": readers[0].text.cleaned_sha256,
    }  # fmt: skip


def _find(paths: Sequence[str]) -> list[FoundModel]:
    """The models: each path a sealed directory or a workspace, or a name in the workspace that comes first.

    Raises UsageError for fewer than two, and for a model that is named twice.
    """
    first = Path(paths[0])
    names = {
        path
        for path in paths[1:]
        if not Path(path).exists() or ("/" not in path and is_sealed(first / "models" / path))
    }
    if Workspace.exists(first) and names:
        workspace = Workspace.open(first)
        found = [
            FoundModel(last_trained(workspace, path), workspace) if path in names else _at(Path(path))
            for path in paths[1:]
        ]
    else:
        found = [_at(Path(path)) for path in paths]
    if len(found) < 2:
        raise UsageError("one model alone", "name two or more: rnnlm compare WORKSPACE NAME NAME, or their directories")
    for one, other in combinations(found, 2):
        if one.model.model_sha256 == other.model.model_sha256:
            raise UsageError(f"{one.model.path} and {other.model.path} are the same model", "name each once")
    return found


def _at(path: Path) -> FoundModel:
    """A sealed model, with the workspace that contains it, if any; or the last of a workspace."""
    if not is_sealed(path):
        workspace = Workspace.open(path)
        return FoundModel(last_trained(workspace, None), workspace)
    home = path.resolve().parent.parent
    return FoundModel(read_sealed(path), Workspace.open(home) if Workspace.exists(home) else None)


def _names(found: Sequence[FoundModel]) -> list[str]:
    """The models' names, or their paths where names are the same."""
    names = [each.model.name for each in found]
    return names if len(set(names)) == len(names) else [str(each.model.path) for each in found]


def _metrics(comparison: Comparison, number: int, reader: Reader) -> dict[str, Any]:
    mean = comparison.mean(number)
    tokens = {"tokens": len(reader.text.ids.ids), "unknown_tokens": reader.text.unknown_tokens}
    by_token = {"perplexity": perplexity(mean)} if comparison.measure == "nats_per_token" else {}
    return {**tokens, comparison.measure: mean, **by_token}


def _pairs(comparison: Comparison, names: Sequence[str], given: CompareSettings) -> list[dict[str, Any]]:
    rows = []
    for one, other in combinations(range(len(names)), 2):
        found = comparison.difference(one, other, given.resamples, given.seed)
        rows.append({
            "first": names[one], "second": names[other], "difference": found.mean,
            "difference_95_percent": [found.low, found.high], "p_value": found.p_value,
        })  # fmt: skip
    return rows
