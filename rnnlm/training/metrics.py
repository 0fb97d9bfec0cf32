"""`metrics.jsonl`: what steps determine, a line now and then; cut back when a run goes on from a checkpoint."""

import json
from pathlib import Path


def cut_log(path: Path, step: int) -> None:
    """Drop what was logged after the checkpoint that the run goes on from."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text("utf-8").splitlines():
        try:
            if json.loads(line)["step"] > step:
                break
        except (ValueError, KeyError):
            break
        kept.append(line + "\n")
    path.write_text("".join(kept), "utf-8")
