"""The files that a command is to write beside its result, checked before it begins."""

import dataclasses
from pathlib import Path

from rnnlm.artifacts import check_target
from rnnlm.cli.options import Invocation

_WRITTEN = ("report", "plot", "map", "graph", "arpa")
_READ = ("text", "pairs", "prompt_file", "references", "from_", "tokenizer", "vocabulary", "vectors", "replay")


def check_targets(invocation: Invocation) -> None:
    """Raise UsageError for a file that is read too or belongs to an artifact, StorageError where none can be."""
    settings = [invocation.settings(section).settings for section in invocation.sections]
    values = {field.name: getattr(each, field.name) for each in settings for field in dataclasses.fields(each)}
    targets = [Path(values[name]) for name in _WRITTEN if isinstance(values.get(name), str) and values[name] != "-"]
    if not targets:
        return
    arguments = [value for value in invocation.arguments.values() if value is not None]
    names = [name for value in arguments for name in (value if isinstance(value, list) else [value])]
    names += [values[name] for name in _READ if values.get(name)]
    names += filter(None, (values.get("costs") or "").split(","))
    for target in targets:
        check_target(target, [Path(name) for name in names if isinstance(name, str | Path)])
