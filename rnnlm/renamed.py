"""Settings and flags that earlier versions had: one table of each kind, read wherever an old name may occur.

Old names are read in `workspace.json`, `settings.toml`, `replay.toml` and `run.json`. As flags and variables
they are refused, and the error names what to type instead.
"""

from collections.abc import Mapping
from typing import Any

# Old name: present name.
RENAMED = {
    "embedding_start": "embedding_init",
    "embedding_spread": "embedding_std",
    "recurrent_start": "recurrent_init",
    "direct": "skip_connection",
    "calibrate": "temperature_scaling",
    "head": "pooling",
}
# Settings that are constants now or were removed; dropped where they were recorded.
GONE = ("sample_megabytes", "stretch", "candidates", "samples", "sampled_share")
# Old flags, and the commands that replace them.
MOVED = {
    "ladder": "rnnlm ladder",
    "slices": "rnnlm slices",
    "pairs": "rnnlm pairs",
    "interactive": "rnnlm chat",
    "neighbours": "rnnlm neighbors",
    "analogy": "rnnlm neighbors --analogy",
    "map": "rnnlm neighbors --map",
}
MOVED_COMMANDS = {
    "recipes": "rnnlm config --recipes",
    "accept": "rnnlm status WORK --accept",
    "lags": "rnnlm corpus TASK --study",
}
_VALUES = {("schedule", "passes"): "epochs"}


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their present names, without those that were removed."""
    return {RENAMED.get(name, name): _value(name, value) for name, value in values.items() if name not in GONE}


def _value(name: str, value: Any) -> Any:
    return _VALUES.get((name, value), value) if isinstance(value, str) else value


def instead_of(name: str, *, negated: bool = False) -> str | None:
    """What to say of an old flag; None for a name that never was one."""
    if name in RENAMED:
        new = RENAMED[name].replace("_", "-")
        return f"has another name now: use --{'no-' * negated}{new}"
    return f"is a command now: use {MOVED[name]}" if name in MOVED else "was removed" if name in GONE else None
