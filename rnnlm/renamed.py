"""Settings under the names that earlier versions gave them: one table, read wherever an old name may be recorded.

Old names are read in `workspace.json`, `settings.toml`, `replay.toml` and `run.json`. As flags and variables, which a
person types now, they are refused with the new name.
"""

from collections.abc import Mapping
from typing import Any

# The name before, and the present one.
RENAMED = {
    "embedding_start": "embedding_init",
    "embedding_spread": "embedding_std",
    "recurrent_start": "recurrent_init",
    "direct": "skip_connection",
    "calibrate": "temperature_scaling",
}


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name, with the present names."""
    return {RENAMED.get(name, name): value for name, value in values.items()}
