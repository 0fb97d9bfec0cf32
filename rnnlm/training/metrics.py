"""The logs of a run: `metrics.jsonl`, what steps determine, and `timing.jsonl`, when they were done.

A line now and then; cut back when a run goes on from a checkpoint. Knows nothing of what is logged.
"""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from rnnlm.artifacts import storage_error
from rnnlm.training.timing import NAME as TIMING

METRICS = "metrics.jsonl"


class Log:
    """Both files, open for more lines. Raises StorageError where the disk refuses."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._metrics = (directory / METRICS).open("a", 1, encoding="utf-8")
        self._timing = (directory / TIMING).open("a", 1, encoding="utf-8")

    def write(self, line: dict[str, Any], seconds: float) -> None:
        """Add a line, which has its `step`; it was done after `seconds` of training."""
        try:
            self._metrics.write(json.dumps(line, allow_nan=False) + "\n")
            self._timing.write(json.dumps({"step": line["step"], "seconds": round(seconds, 3)}) + "\n")
        except OSError as error:
            raise storage_error(error, self._directory) from error

    def sync(self) -> None:
        """Make the lines so far durable, before a checkpoint counts on them."""
        try:
            os.fsync(self._metrics.fileno())
        except OSError as error:
            raise storage_error(error, self._directory) from error

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._metrics.close()
        self._timing.close()


def cut_log(path: Path, step: int) -> None:
    """Drop what was logged after the checkpoint that the run goes on from, and a line that was not finished.

    The file is shortened in place: whatever happens meanwhile, what stays is never gone.
    """
    if not path.exists():
        return
    end = 0
    with path.open("r+b") as file:
        for line in file:
            try:
                if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                    break
            except (ValueError, KeyError, TypeError, RecursionError):
                break
            end += len(line)
        file.truncate(end)
        os.fsync(file.fileno())
