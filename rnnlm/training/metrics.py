"""The logs of a run: `metrics.jsonl`, reproducible from the steps, and `timing.jsonl`, the times of the steps.

A line every few steps; truncated when a run is continued from a checkpoint.
"""

import contextlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from rnnlm.artifacts import storage_error
from rnnlm.files import own

METRICS, TIMING = "metrics.jsonl", "timing.jsonl"  # no manifest has the times, since they are not reproducible


class Log:
    """Both files, open for appending. Raises StorageError if writing fails."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            self._metrics, self._timing = (
                own(directory / name).open("a", 1, encoding="utf-8") for name in (METRICS, TIMING)
            )
        except OSError as error:
            raise storage_error(error, directory) from error

    def write(self, line: dict[str, Any], seconds: float) -> None:
        """Add a line, with its `step`, reached after `seconds` of training."""
        try:
            self._metrics.write(json.dumps(line, allow_nan=False) + "\n")
            self._timing.write(json.dumps({"step": line["step"], "seconds": round(seconds, 3)}) + "\n")
        except OSError as error:
            raise storage_error(error, self._directory) from error

    def sync(self) -> None:
        """Make the lines so far durable, before a checkpoint relies on them."""
        try:
            os.fsync(self._metrics.fileno())
        except OSError as error:
            raise storage_error(error, self._directory) from error

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._metrics, self._timing):
            with contextlib.suppress(OSError):  # lines that could not be written were reported
                file.close()


def cut_log(path: Path, step: int) -> None:
    """Drop the lines after the checkpoint from which the run is continued, and an unfinished line.

    The file is truncated in place, so that the lines that stay are never lost.
    """
    if not path.is_file():
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


def read_log(directory: Path) -> tuple[list[dict[str, Any]], dict[int, float]]:
    """The lines of a run's log that have tokens, and the seconds of training by step; what is none is left out."""
    rows = [row for row in _rows(directory / METRICS) if "tokens" in row and "step" in row]
    times = {
        row["step"]: float(row["seconds"]) for row in _rows(directory / TIMING) if {"step", "seconds"} <= row.keys()
    }
    return rows, times


def _rows(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict) and all(isinstance(value, int | float) for value in row.values()):
                found.append(row)
    return found
