"""The data to inspect: a text, labeled lines or the windows of a table, cut to the positions inspected."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlm.corpus.sequences import Sequences
from rnnlm.corpus.text import encode_text
from rnnlm.errors import UsageError
from rnnlm.model.dynamics.positions import Windows, sequence_windows, text_windows
from rnnlm.model.finding import FoundModel
from rnnlm.model.network import Network
from rnnlm.use.forecasts.evaluate import choose_windows
from rnnlm.use.generation.prompt import check_unicode
from rnnlm.use.inspect import columns
from rnnlm.use.labels.evaluate import choose_labelled
from rnnlm.use.settings import InspectSettings
from rnnlm.use.texts import choose_text

_BEFORE = 200  # steps before t over which gates and growth are measured


@dataclass(frozen=True)
class InspectedData:
    """The windows, the name of their source, and its part of the report."""

    windows: Windows
    name: str
    described: dict[str, Any]


def read_windows(found: FoundModel, network: Network, given: InspectSettings, directory: Path) -> InspectedData:
    """The data that the settings name, as windows; `directory` is for temporary ids.

    Raises UsageError for settings that do not apply to the model, InputError for missing data.
    """
    steps = max(given.lags + 1, _BEFORE)
    if found.model.task == "language":
        return _text(found, network, given, steps, directory)
    if given.prompt is not None or given.context is not None:
        raise UsageError("--prompt or --context with a model of whole sequences", "name a file with --text")
    if found.model.task == "forecast":
        chosen = choose_windows(found, given.split, given.text)
        data: Sequences = chosen.series
        name, split = chosen.name, chosen.split
    else:
        labelled = choose_labelled(found, given.split, given.text, directory)
        data, name, split = labelled.data, labelled.name, labelled.split
    longest = int(data.lengths().max(initial=1))
    windows = sequence_windows(network, data, columns(network, given.positions, longest), steps)
    return InspectedData(windows, name, {"split": split})


def _text(found: FoundModel, network: Network, given: InspectSettings, steps: int, directory: Path) -> InspectedData:
    context = given.context or found.model.context
    if given.prompt is not None:
        check_unicode(given.prompt)
        name, blocks, split = "the prompt", iter([given.prompt.encode() + b"\n"]), None
    else:
        chosen = choose_text(found, given.split, given.text)
        name, blocks, split = chosen.name, chosen.blocks, chosen.split
    text = encode_text(blocks, found.model.rules, directory)
    positions = columns(network, given.positions, steps)
    windows = text_windows(network, text.ids, context, positions, steps, given.limit)
    read = min(given.limit, len(text.ids.ids))
    described = {"split": split, "context": context, "tokens_read": read, "cleaned_sha256": text.cleaned_sha256}
    return InspectedData(windows, f"{name}, context {context}", described)
