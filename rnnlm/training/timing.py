"""The time of a run: `timing.jsonl`, which no manifest covers, since times are not reproducible."""

import json
from pathlib import Path
from typing import Any

from rnnlm.model.peak import matrix_peak

NAME = "timing.jsonl"


def write_timing(directory: Path, seconds: float, tokens: int, operations: int, device: str) -> None:
    """Add the run's totals, relative to the matrix-product peak measured now."""
    peak = matrix_peak(device)
    totals = {
        "seconds": round(seconds, 3),
        "tokens_per_second": round(tokens / seconds, 1),
        "peak_fraction": round(operations / seconds / peak, 4),
    }
    with (directory / NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(totals) + "\n")


def read_timing(directory: Path) -> dict[str, Any]:
    """The run's totals; None if the log is not with the model."""
    totals: dict[str, Any] = dict.fromkeys(("seconds", "tokens_per_second", "peak_fraction"))
    try:
        last = json.loads((directory / NAME).read_text("utf-8").splitlines()[-1])
        return totals | {key: value for key, value in last.items() if key in totals}
    except (OSError, ValueError, IndexError):
        return totals
