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
_FORMS = {("tanh", False): "lstm", ("tanh", True): "lstm-peephole", ("none", False): "lstm-plain",
          ("none", True): "lstm-plain-peephole"}  # fmt: skip
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
    "recipes": "rnnlm status --recipes",
    "config": "rnnlm status WORK --settings",
    "accept": "rnnlm status WORK --accept",
    "lags": "rnnlm corpus recall --out DIR, and train each cell on it",
}
_VALUES = {("schedule", "passes"): "epochs"}


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their present names, without those that were removed."""
    values = without_forms(values)
    return {RENAMED.get(name, name): _value(name, value) for name, value in values.items() if name not in GONE}


def without_forms(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with forms of the LSTM, once settings of their own, as cells; TypeError for forms that never were."""
    kept = {name: value for name, value in values.items() if name not in ("activation", "peepholes")}
    form = values.get("activation", "tanh"), values.get("peepholes", False)
    if form not in _FORMS:
        raise TypeError
    return kept if _FORMS[form] == "lstm" else {**kept, "cell": _FORMS[form]}


def _value(name: str, value: Any) -> Any:
    return _VALUES.get((name, value), value) if isinstance(value, str) else value


def instead_of(name: str, *, negated: bool = False) -> str | None:
    """What to say of an old flag; None for a name that never was one."""
    if name in RENAMED:
        new = RENAMED[name].replace("_", "-")
        return f"has another name now: use --{'no-' * negated}{new}"
    if name in ("activation", "peepholes"):
        return "is a cell now: use --cell lstm-plain, lstm-peephole or lstm-plain-peephole"
    return f"is a command now: use {MOVED[name]}" if name in MOVED else "was removed" if name in GONE else None
