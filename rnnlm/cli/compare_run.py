"""The body of `rnnlm compare`: which models, on which text, in which measure, and how it looks."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from rnnlm.cli.models import Found, language_model_of, last_trained
from rnnlm.cli.options import Invocation
from rnnlm.cli.stages import terminal
from rnnlm.cli.terminal import Terminal, count, table
from rnnlm.cli.texts import Chosen, choose_text
from rnnlm.corpus.clean import clean_blocks
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.text import encode_text
from rnnlm.errors import UsageError
from rnnlm.model.likelihood import perplexity, text_nats
from rnnlm.model.sealed import is_sealed, read_sealed
from rnnlm.use.bootstrap import Sums, Units, paired_difference, units_of
from rnnlm.use.comparable import Measure, Reader, common_measure, refuse_unknown
from rnnlm.use.settings import CompareSettings, EvaluateSettings
from rnnlm.use.spelling import Lines, Spelling, measured_lines
from rnnlm.workspace import Workspace

_BITS = 1 / np.log(2)


def compare_models(invocation: Invocation) -> None:
    """Measure all models on one text, and show each pair's difference with its interval and p value."""
    given: CompareSettings = invocation.settings("compare").settings
    found = _find(invocation.arguments["paths"])
    names = _names(found)
    workspace = next((each.workspace for each in found if each.workspace is not None), None)
    if workspace is None and given.text is None:
        raise UsageError("these models are without a workspace", "name a text with --text FILE")
    models = [language_model_of(invocation, each) for each in found]

    def text_again() -> Chosen:
        settings = EvaluateSettings(split=given.split, text=given.text)
        return choose_text(Found(found[0].model, workspace), settings)

    chosen = text_again()
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        readers = []
        for number, (each, name) in enumerate(zip(found, names, strict=True)):
            place = Path(directory) / str(number)
            place.mkdir()
            text = encode_text(text_again().blocks, each.model.rules, place)
            readers.append(Reader(name, each.model.rules, given.context or each.model.context, text))
        measure = common_measure(readers)
        units = units_of(readers[0].text.ids)
        sums, sizes = [], units.tokens
        charged = measure == "bits_per_byte" and any(reader.text.unknown_tokens for reader in readers)
        spelling = _spelling(readers, workspace) if charged else None
        for model, reader in zip(models, readers, strict=True):
            spans = text_nats(model, reader.text.ids, reader.context, given.batch_size)
            nats = units.of(reader.text.ids).sums(spans)
            if measure == "bits_per_byte":
                nats, sizes = _spelled(nats, units, measured_lines(text_again().blocks, reader.rules, spelling))
            sums.append(nats)
    report = {
        "measure": measure,
        "models": [
            _figures(each, reader, nats, sizes, measure)
            for each, reader, nats in zip(found, readers, sums, strict=True)
        ],
        "pairs": _pairs(names, sums, sizes, measure, given),
        "unknown_spelled": charged,
        "units": units.name,
        "units_drawn": len(units.lines) - 1,
        "resamples": given.resamples,
        "seed": given.seed,
        "context": readers[0].context,
        "split": chosen.split,
        "raw_sha256": readers[0].text.raw_sha256,
        "cleaned_sha256": readers[0].text.cleaned_sha256,
    }
    _show(terminal(invocation), report)


def _find(paths: Sequence[str]) -> list[Found]:
    """The models: each path a sealed directory or a workspace; or names in the workspace that comes first.

    Raises UsageError for fewer than two, for one that is there twice and for one that is no language model.
    """
    first = Path(paths[0])
    names = [path for path in paths[1:] if not Path(path).exists()]
    if Workspace.exists(first) and names:
        workspace = Workspace.open(first)
        found = [_at(Path(path)) if Path(path).exists() else _named(workspace, path) for path in paths[1:]]
    else:
        found = [_at(Path(path)) for path in paths]
    if len(found) < 2:
        raise UsageError("one model alone", "name two or more: rnnlm compare WORKSPACE NAME NAME, or their directories")
    for one, other in combinations(found, 2):
        if one.model.model_sha256 == other.model.model_sha256:
            raise UsageError(f"{one.model.path} and {other.model.path} are the same model", "name each once")
    return found


def _at(path: Path) -> Found:
    """A sealed model, with the workspace that it lies in, if any; or the last of a workspace."""
    if not is_sealed(path):
        workspace = Workspace.open(path)
        return Found(last_trained(workspace, None), workspace)
    home = path.resolve().parent.parent
    return Found(read_sealed(path), Workspace.open(home) if Workspace.exists(home) else None)


def _named(workspace: Workspace, name: str) -> Found:
    return Found(last_trained(workspace, name), workspace)


def _names(found: Sequence[Found]) -> list[str]:
    """The models' names, or their paths where names are the same."""
    names = [each.model.name for each in found]
    return names if len(set(names)) == len(names) else [str(each.model.path) for each in found]


def _spelling(readers: Sequence[Reader], workspace: Workspace | None) -> Spelling:
    """The characters of the training text; UsageError where there is none, or unknown tokens cannot be spelled."""
    for reader in readers:
        refuse_unknown(reader)
    if workspace is None:
        unknown = next(reader for reader in readers if reader.text.unknown_tokens)
        raise UsageError(
            f"{unknown.name} predicts {unknown.text.unknown_tokens:,} unknown words, which have to be spelled to be "
            "compared across tokens, by the training text, which these models are without",
            "name a workspace in place of one of them, or models of the same tokens",
        )
    workspace.verified("raw")
    rules = readers[0].rules
    train = clean_blocks(line_blocks(workspace.directory("raw") / "train.txt"), rules.rule, rules.units)
    return Spelling(block.text for block in train)


def _spelled(nats: Sums, units: Units, lines: Iterator[Lines]) -> tuple[Sums, Sums]:
    """Nats of each unit with what spelling adds, and the bytes of each unit."""
    nats, sizes, line = nats.copy(), np.zeros(len(nats)), 0
    for block in lines:
        unit = np.searchsorted(units.lines, line + np.arange(len(block.bytes)), "right") - 1
        np.add.at(sizes, unit, block.bytes)
        np.add.at(nats, unit, block.spelling)
        line += len(block.bytes)
    return nats, sizes


def _figures(found: Found, reader: Reader, nats: Sums, sizes: Sums, measure: Measure) -> dict[str, Any]:
    mean = float(nats.sum() / sizes.sum())
    by_token = measure == "nats_per_token"
    return {
        "name": reader.name,
        "model_sha256": found.model.model_sha256,
        "tokens": len(reader.text.ids.ids),
        "unknown_tokens": reader.text.unknown_tokens,
        **({"nats_per_token": mean, "perplexity": perplexity(mean)} if by_token else {"bits_per_byte": mean * _BITS}),
    }


def _pairs(
    names: Sequence[str], sums: Sequence[Sums], sizes: Sums, measure: Measure, given: CompareSettings
) -> list[dict[str, Any]]:
    unit = 1.0 if measure == "nats_per_token" else _BITS
    rows = []
    for one, other in combinations(range(len(names)), 2):
        found = paired_difference(sums[one] * unit, sums[other] * unit, sizes, given.resamples, given.seed)
        rows.append(
            {
                "first": names[one],
                "second": names[other],
                "difference": found.mean,
                "difference_95_percent": [found.low, found.high],
                "p_value": found.p_value,
            }
        )
    return rows


def _show(screen: Terminal, report: dict[str, Any]) -> None:
    by_token = report["measure"] == "nats_per_token"
    unit = "nats/token" if by_token else "bits/byte"
    models = table("model", *(["perplexity"] if by_token else []), unit, "predictions", "unknown")
    for row in report["models"]:
        cells = [f"{row['perplexity']:.2f}"] if by_token else []
        figure = f"{row[report['measure']]:.4f}"
        models.add_row(row["name"], *cells, figure, count(row["tokens"]), count(row["unknown_tokens"]))
    pairs = table("pair", "difference", "95 %", "p", "better")
    for row in report["pairs"]:
        low, high = row["difference_95_percent"]
        better = row["first"] if high < 0 else row["second"] if low > 0 else "-"
        pairs.add_row(
            f"{row['first']} - {row['second']}",
            f"{row['difference']:+.4f}",
            f"{low:+.4f} to {high:+.4f}",
            f"{row['p_value']:.4f}",
            better,
        )
    words = [
        f"differences in {unit}, context {report['context']}; paired bootstrap over {report['units_drawn']:,} {report['units']}"
    ]
    if not by_token:
        words.append("the models have different tokens: compared in bits per byte of the same cleaned text")
    if report["unknown_spelled"]:
        words.append("each unknown word costs p(<unk>) and its spelling under a character unigram of the training text")
    screen.result(report, models, "", pairs, *words)
