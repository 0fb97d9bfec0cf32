"""The ladder over a workspace's models: its components, the text its weights are fitted on, and its report."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.sources import split_blocks
from rnnlm.corpus.text import EncodedText, TextRules, encode_text
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import FoundModel, last_trained
from rnnlm.model.likelihood import LanguageModel, perplexity
from rnnlm.model.network import Network
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.model.sealed import Sealed, is_sealed, read_sealed
from rnnlm.screen import Screen
from rnnlm.use.comparison.bootstrap import Units, mean_interval
from rnnlm.use.comparison.comparable import same_tokens
from rnnlm.use.generation.sources import training_ids
from rnnlm.use.ladder.components import MixtureModel
from rnnlm.use.ladder.ladder import Ladder, LadderRow
from rnnlm.use.ladder.settings import LadderSettings
from rnnlm.use.texts import choose_text
from rnnlm.workspace import Workspace

_NGRAM = "ngram"


def measure_ladder(
    found: FoundModel,
    network: LanguageModel,
    given: LadderSettings,
    reading: Decoding,
    load: Callable[[Sealed], LanguageModel],
    screen: Screen,
) -> dict[str, Any]:
    """The metrics of a text under the network and under mixtures with it; each row is announced when it is known.

    `load` opens a sealed model. Raises UsageError for an n-gram model, a model without a workspace, and the text that
    weights are fitted on.
    """
    if not isinstance(network, Network):
        raise UsageError(f"a ladder of {found.model.path}, an n-gram model", "name the network with --model")
    if found.workspace is None:
        raise UsageError(
            f"a ladder of {found.model.path}, a model without a workspace",
            "its weights are fitted on a workspace's valid split; name the workspace, and the network with --model",
        )
    chosen = choose_text(found, given.split, given.text, reading)
    if chosen.split == "valid":
        raise UsageError("a ladder with an empty test split", "weights are fitted on valid; name a text with --text")
    others = _others(found.workspace, found.model, given.ensemble)
    ngram = _ngram(found.workspace, found.model, screen)
    models = [found.model, *([ngram] if ngram else []), *others]

    def part(model: Sealed) -> MixtureModel:
        return MixtureModel(model.name, load(model), given.context or model.context)

    with tempfile.TemporaryDirectory(prefix="rnnlm-") as name:
        directory = Path(name)
        fit = _fit_text(found.workspace, found.model.rules, given.fit_tokens, directory / "fit")
        (directory / "test").mkdir()
        text = encode_text(chosen.blocks, found.model.rules, directory / "test")
        own = MixtureModel(found.model.name, network, given.context or found.model.context)
        rows = []
        with screen.rate_progress("measuring", "predictions", rows=False) as advance:
            ladder = Ladder(fit, text.ids, Scratch(directory), given.batch_size, advance)
            train = training_ids(found, directory, lambda notice: None)
            for row in ladder.rows(own, part(ngram) if ngram else None, [part(model) for model in others], train):
                rows.append(_row(row, ladder.units, text, given))
                screen.notice(f"{row.name}: {rows[-1]['perplexity']:.2f}, {row.seconds + _fit_seconds(row):.0f} s")
        return {
            "rows": rows, "tokens": len(text.ids.ids), "characters": text.characters,
            "unknown_tokens": text.unknown_tokens, "fit_tokens": len(fit.ids), "units": ladder.units.name,
            "units_drawn": len(ladder.units.offsets) - 1, "resamples": given.resamples, "seed": given.seed,
            "context": own.context, "measured_on": chosen.name, "split": chosen.split, "raw_sha256": text.raw_sha256,
            "cleaned_sha256": text.cleaned_sha256, "models": {model.name: model.model_sha256 for model in models},
        }  # fmt: skip


def _ngram(workspace: Workspace, network: Sealed, screen: Screen) -> Sealed | None:
    """The workspace's n-gram model, or None with a notice; UsageError if its tokens differ from the network's."""
    directory = workspace.path / "models" / _NGRAM
    remedy = f"rnnlm ngram {workspace.path}"
    if not is_sealed(directory):
        screen.notice(f"{workspace.path} has no n-gram model, so its rows are skipped; train one with: {remedy}")
        return None
    model = read_sealed(directory)
    if not same_tokens(model.rules, network.rules):
        raise UsageError(f"{directory} has other tokens than {network.path}", f"rebuild it with: {remedy}")
    return model


def _others(workspace: Workspace, network: Sealed, names: str | None) -> list[Sealed]:
    """The models of --ensemble; UsageError for one that is no language model of the same tokens, or named twice."""
    found: list[Sealed] = []
    for name in filter(None, (each.strip() for each in (names or "").split(","))):
        path = Path(name)
        model = read_sealed(path) if is_sealed(path) else last_trained(workspace, name)
        if model.task != "language" or not same_tokens(model.rules, network.rules):
            raise UsageError(f"--ensemble: {name} has other tokens than {network.path}", "omit it")
        if model.model_sha256 in [network.model_sha256, *(each.model_sha256 for each in found)]:
            raise UsageError(f"--ensemble: {name} is already in the ensemble", "omit it")
        found.append(model)
    if names is not None and not found:
        raise UsageError("--ensemble names no model", "write names separated by commas")
    return found


def _fit_text(workspace: Workspace, rules: TextRules, tokens: int, directory: Path) -> Ids:
    """The beginning of the valid split, in whole lines."""
    path = workspace.directory("raw") / "valid.txt"
    if not path.stat().st_size:
        raise InputError(
            f"the valid split of {workspace.path} is empty", "weights are fitted on it; split with a valid one"
        )
    directory.mkdir()
    ids = encode_text(split_blocks(workspace, "valid"), rules, directory).ids
    lines = int((ids.offsets <= tokens).sum()) - 1
    return ids.part(0, max(1, lines))


def _row(row: LadderRow, units: Units, text: EncodedText, given: LadderSettings) -> dict[str, Any]:
    nats = float(row.sums.sum())
    interval = mean_interval(row.sums, units.tokens, given.resamples, given.seed)
    return {
        "name": row.name, "adapts": row.adapts, "apart": row.apart, "perplexity": perplexity(nats / len(text.ids.ids)),
        "perplexity_95_percent": None if interval is None else list(map(perplexity, interval)),
        "nats_per_token": nats / len(text.ids.ids), "bits_per_character": nats / math.log(2) / text.characters,
        "valid_perplexity": perplexity(row.fit_nats_per_token), "seconds": row.seconds,
        "fit_seconds": _fit_seconds(row), "parts": row.described(),
    }  # fmt: skip


def _fit_seconds(row: LadderRow) -> float:
    return sum(part.fit_seconds for part in row.parts)
