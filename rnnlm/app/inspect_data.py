"""What `rnnlm inspect` reads: a text, labelled lines or the windows of a table, cut to the places that it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.app.models import FoundModel
from rnnlm.app.texts import choose_split, choose_text
from rnnlm.corpus.labels.labelled import encode_labelled, encode_split
from rnnlm.corpus.sequences import Sequences
from rnnlm.corpus.text import encode_text
from rnnlm.errors import InputError, UsageError
from rnnlm.model.dynamics.positions import Windows, sequence_windows, text_windows
from rnnlm.model.network import Network
from rnnlm.tables.apply import apply_rules
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import Series, open_series
from rnnlm.tables.source import read_table
from rnnlm.use.generation.prompt import check_unicode
from rnnlm.use.inspect import columns
from rnnlm.use.settings import EvaluateSettings, InspectSettings


@dataclass(frozen=True)
class Read:
    """The windows, the name of what they are from, and what the report says of that."""

    windows: Windows
    name: str
    described: dict[str, Any]


def read_windows(found: FoundModel, network: Network, given: InspectSettings, directory: Path) -> Read:
    """Whatever the flags name, as windows; `directory` is for ids that this run alone needs.

    Raises UsageError for flags that do not go with the model, InputError for data that is not there.
    """
    steps = max(given.lags + 1, given.stretch)
    if found.model.task == "language":
        return _text(found, network, given, steps, directory)
    if given.prompt is not None or given.context is not None:
        raise UsageError("--prompt or --context with a model of whole sequences", "name a file with --text")
    open_data: Callable[..., tuple[Sequences, str | None]] = _series if found.model.task == "forecast" else _labelled
    data, split = open_data(found, given, directory)
    longest = int(data.lengths().max(initial=1))
    windows = sequence_windows(network, data, columns(network, given.positions, longest), steps)
    return Read(windows, f"{split} split" if split else str(given.text), {"split": split})


def _text(found: FoundModel, network: Network, given: InspectSettings, steps: int, directory: Path) -> Read:
    context = given.context or found.model.context
    if given.prompt is not None:
        check_unicode(given.prompt)
        name, blocks, split = "the prompt", iter([given.prompt.encode() + b"\n"]), None
    else:
        chosen = choose_text(found, EvaluateSettings(split=given.split, text=given.text))
        name, blocks, split = chosen.name, chosen.blocks, chosen.split
    text = encode_text(blocks, found.model.rules, directory)
    places = columns(network, given.positions, steps)
    windows = text_windows(network, text.ids, context, places, steps, given.limit)
    read = min(given.limit, len(text.ids.ids))
    return Read(
        windows,
        f"{name}, context {context}",
        {"split": split, "context": context, "tokens_read": read, "cleaned_sha256": text.cleaned_sha256},
    )


def _labelled(found: FoundModel, given: InspectSettings, directory: Path) -> tuple[Sequences, str | None]:
    model, per_token = found.model, found.model.task == "tag"
    if given.text is not None:
        return encode_labelled(given.text, model.rules, model.labels, per_token, directory), None
    if found.workspace is None:
        raise UsageError(f"{model.path} is a model without a workspace", "name a labelled file with --text FILE")
    if found.workspace.verified("raw").settings.get("labels") != ("token" if per_token else "text"):
        raise UsageError(f"{found.workspace.path} has no such labels", "name a labelled file with --text FILE")
    split, _ = choose_split(found.workspace, given.split)
    with found.workspace.opening("raw") as raw:
        data = encode_split(raw, split, model.rules, model.labels, per_token=per_token, directory=directory)
    return data, split


def _series(found: FoundModel, given: InspectSettings, directory: Path) -> tuple[Series, str | None]:
    rules = SeriesRules.from_json(found.model.config["series"])
    if given.text is not None:
        return apply_rules(read_table(Path(given.text)), rules), None
    if found.workspace is None or found.workspace.manifest("window") is None:
        raise UsageError(f"{found.model.path} has no windows of a workspace", "name a table with --text TABLE")
    for split in [given.split] if given.split else ["test", "valid"]:
        with found.workspace.opening("window") as directory:
            series = open_series(directory, split)
        if series.rules != rules:
            raise UsageError(f"{found.model.path} was trained on other windows", "name a table with --text TABLE")
        if len(series):
            return series, split
    raise InputError(f"the split asked for of {found.workspace.path} has no window", "name another with --split")
