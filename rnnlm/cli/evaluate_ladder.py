"""`rnnlm evaluate --ladder`: which models stand on it, and how its rows look."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlm.app.models import FoundModel, language_model_of
from rnnlm.app.reading import decoding
from rnnlm.app.request import Request
from rnnlm.app.texts import choose_text
from rnnlm.cli.terminal import Terminal, table, terminal
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.sources import split_blocks
from rnnlm.corpus.text import EncodedText, TextRules, encode_text
from rnnlm.errors import InputError, UsageError
from rnnlm.model.finding import last_trained
from rnnlm.model.likelihood import LanguageModel, perplexity
from rnnlm.model.network import Network
from rnnlm.model.ngram.scratch import Scratch
from rnnlm.model.sealed import Sealed, is_sealed, read_sealed
from rnnlm.use.comparison.bootstrap import Units, mean_interval
from rnnlm.use.comparison.comparable import same_tokens
from rnnlm.use.ladder.components import MixtureModel
from rnnlm.use.ladder.ladder import Ladder, LadderRow
from rnnlm.use.settings import EvaluateSettings
from rnnlm.workspace import Workspace

_NGRAM = "ngram"
_ADAPTS = "*"


def evaluate_ladder(request: Request, found: FoundModel, network: LanguageModel) -> None:
    """Show a text's figures under the network and under what can be built on it."""
    given: EvaluateSettings = request.settings(EvaluateSettings).settings
    screen = terminal(request)
    if not isinstance(network, Network):
        raise UsageError(f"--ladder with {found.model.path}, an n-gram model", "name the network with --model")
    if found.workspace is None:
        raise UsageError(
            f"--ladder with {found.model.path}, a model without a workspace",
            "its weights are fitted on a workspace's valid split; name the workspace, and the network with --model",
        )
    chosen = choose_text(found, given, decoding(request, screen))
    if chosen.split == "valid":
        raise UsageError("--ladder where test is empty", "its weights are fitted on valid; name a text with --text")
    others = _others(found.workspace, found.model, given.ensemble)
    ngram = _ngram(found.workspace, found.model, screen)
    models = [found.model, *([ngram] if ngram else []), *others]

    def voice(model: Sealed) -> MixtureModel:
        loaded = language_model_of(request, FoundModel(model, None))
        return MixtureModel(model.name, loaded, given.context or model.context)

    with tempfile.TemporaryDirectory(prefix="rnnlm-") as name:
        directory = Path(name)
        fit = _fit_text(found.workspace, found.model.rules, given.fit_tokens, directory / "fit")
        (directory / "test").mkdir()
        text = encode_text(chosen.blocks, found.model.rules, directory / "test")
        own = MixtureModel(found.model.name, network, given.context or found.model.context)
        rows = []
        with screen.rate_progress("measuring", "predictions", rows=False) as advance:
            ladder = Ladder(fit, text.ids, Scratch(directory), given.batch_size, advance)
            for row in ladder.rows(own, voice(ngram) if ngram else None, [voice(model) for model in others]):
                rows.append(_figures(row, ladder.units, text, given))
                screen.notice(f"{row.name}: {rows[-1]['perplexity']:.2f}, {row.seconds + _fit_seconds(row):.0f} s")
        report = {
            "rows": rows,
            "tokens": len(text.ids.ids),
            "characters": text.characters,
            "unknown_tokens": text.unknown_tokens,
            "fit_tokens": len(fit.ids),
            "units": ladder.units.name,
            "units_drawn": len(ladder.units.offsets) - 1,
            "resamples": given.resamples,
            "seed": given.seed,
            "context": own.context,
            "split": chosen.split,
            "raw_sha256": text.raw_sha256,
            "cleaned_sha256": text.cleaned_sha256,
            "models": {model.name: model.model_sha256 for model in models},
        }
    _show(screen, report, f"{found.model.name} on {chosen.name}")


def _ngram(workspace: Workspace, network: Sealed, screen: Terminal) -> Sealed | None:
    """The workspace's n-gram model, or None, said; UsageError where it speaks of other tokens than the network."""
    directory = workspace.path / "models" / _NGRAM
    remedy = f"rnnlm ngram {workspace.path}"
    if not is_sealed(directory):
        screen.notice(f"{workspace.path} has no n-gram model, so its rows are left out; make one with: {remedy}")
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
            raise UsageError(f"--ensemble: {name} has other tokens than {network.path}", "leave it out")
        if model.model_sha256 in [network.model_sha256, *(each.model_sha256 for each in found)]:
            raise UsageError(f"--ensemble: {name} is in it already", "leave it out")
        found.append(model)
    if names is not None and not found:
        raise UsageError("--ensemble names no model", "give names with commas")
    return found


def _fit_text(workspace: Workspace, rules: TextRules, tokens: int, directory: Path) -> Ids:
    """The beginning of the valid split, in whole lines."""
    path = workspace.directory("raw") / "valid.txt"
    if not path.stat().st_size:
        raise InputError(
            f"the valid split of {workspace.path} is empty", "the ladder's weights are fitted there; split with one"
        )
    directory.mkdir()
    ids = encode_text(split_blocks(workspace, "valid"), rules, directory).ids
    lines = int((ids.offsets <= tokens).sum()) - 1
    return ids.part(0, max(1, lines))


def _figures(row: LadderRow, units: Units, text: EncodedText, given: EvaluateSettings) -> dict[str, Any]:
    """A row as JSON."""
    nats = float(row.sums.sum())
    interval = mean_interval(row.sums, units.tokens, given.resamples, given.seed)
    return {
        "name": row.name,
        "adapts": row.adapts,
        "apart": row.apart,
        "perplexity": perplexity(nats / len(text.ids.ids)),
        "perplexity_95_percent": None if interval is None else list(map(perplexity, interval)),
        "nats_per_token": nats / len(text.ids.ids),
        "bits_per_character": nats / math.log(2) / text.characters,
        "valid_perplexity": perplexity(row.fit_nats_per_token),
        "seconds": row.seconds,
        "fit_seconds": _fit_seconds(row),
        "parts": row.described(),
    }


def _fit_seconds(row: LadderRow) -> float:
    return sum(part.fit_seconds for part in row.parts)


def _show(screen: Terminal, report: dict[str, Any], what: str) -> None:
    view = table("", "perplexity", "95 %", "bits/character", "valid", "seconds", "fitting", "weights")
    for row in report["rows"]:
        interval = row["perplexity_95_percent"]
        view.add_row(
            row["name"] + (_ADAPTS if row["adapts"] else ""),
            f"{row['perplexity']:.2f}",
            "-" if interval is None else f"{interval[0]:.2f}-{interval[1]:.2f}",
            f"{row['bits_per_character']:.4f}",
            f"{row['valid_perplexity']:.2f}",
            f"{row['seconds']:.1f}",
            f"{row['fit_seconds']:.1f}",
            " ".join(f"{part['weight']:.2f}" for part in row["parts"]),
        )
    words = [
        f"{what}, context {report['context']}, {report['tokens']:,} predictions; "
        f"weights fitted on {report['fit_tokens']:,} tokens of valid, intervals from {report['units']}",
        f"{_ADAPTS} learns from the text that it is measured on, each token after it was predicted",
        *_legend(report["rows"]),
    ]
    screen.result(report, view, *words)


def _legend(rows: Sequence[dict[str, Any]]) -> list[str]:
    """In what order the weights of the longest row stand, and what was chosen."""
    steps = [row for row in rows if not row["apart"]]
    chosen = (
        part["name"] + "".join(f" {key} {value:g}" for key, value in part.items() if key not in ("name", "weight"))
        for part in steps[-1]["parts"]
    )
    return ["weights are of: " + ", ".join(chosen)]
