"""The state of a model in a workspace: unfinished, damaged, current, or trained on earlier data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlm.errors import RnnlmError
from rnnlm.graph import STAGES
from rnnlm.model.sealed import is_sealed, read_sealed
from rnnlm.training.run import has_successor


def model_state(path: Path, identities: Mapping[str, str]) -> dict[str, Any]:
    """The state of a model, by the identities of the current stages."""
    if not is_sealed(path):
        return {"state": "unfinished"}
    replacement = {"replacement": "unfinished"} if has_successor(path) else {}
    try:
        model = read_sealed(path)
    except RnnlmError as error:
        return {"state": "damaged", "error": str(error), **replacement}
    data = model.config.get("data", {})
    reads = {name: data[name] for name in STAGES if name in data}
    current = all(identities.get(name) == made_from for name, made_from in reads.items())
    metrics = {
        name: value for name, value in model.report.items() if name in ("order", "ngrams") or name.startswith("valid_")
    }
    state = "current" if current else "trained on earlier data"
    return {"state": state, "task": model.task, "reads": list(reads), **metrics, **replacement}
