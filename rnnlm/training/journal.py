"""The journal of a run with a time budget: fraction done, rate and segment length of each step.

With it, and the settings in `replay.toml`, the run can be replayed step by step on a machine of any speed. A text file:
a JSON line that identifies the run, column names, a line per step and, once the run is finished, a digest of all that.
It is written through a buffer and made durable with each checkpoint: about 2 µs per step.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.artifacts import storage_error, write_bytes
from rnnlm.errors import ArtifactError
from rnnlm.files import own, read_input

JOURNAL, REPLAY = "journal.tsv", "replay.toml"  # and the settings with which it is replayed
_FORMAT, _VERSION = "rnnlm journal", 1
_COLUMNS = "step\tfraction\trate\tlength\n"
_MOST = 2**34  # bytes; a step has about fifty
_REMEDY = "copy it again from the run that wrote it"


@dataclass(frozen=True)
class Header:
    """The run of a journal. `inputs` are digests of the data, `machine` what else identical bytes depend on.

    `validated_tokens`, also set by the clock, bounds each quick validation. `begun_again` is what a run that was begun
    again with fewer units had been: units, tokens per second, and the seconds left.
    """

    inputs: Mapping[str, str]
    machine: Mapping[str, Any]
    validated_tokens: int | None
    begun_again: Mapping[str, float] | None = None

    def line(self) -> str:
        """The first line."""
        content: dict[str, Any] = {"format": _FORMAT, "version": _VERSION}
        content |= {"inputs": dict(self.inputs), "machine": dict(self.machine)}
        content["validated_tokens"] = self.validated_tokens
        content |= {} if self.begun_again is None else {"begun_again": dict(self.begun_again)}
        return json.dumps(content, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Record:
    """A finished journal: for each step the `fractions` done before it, `rates` and segment `lengths`, (steps,) each.

    `content` is the whole file, `sha256` the digest at its end.
    """

    header: Header
    fractions: NDArray[np.float64]
    rates: NDArray[np.float64]
    lengths: NDArray[np.int64]
    sha256: str
    content: bytes

    def __len__(self) -> int:
        """Steps of the run."""
        return len(self.rates)


class Journal:
    """The journal of an unfinished run, open for more steps. Raises StorageError if writing fails."""

    def __init__(self, path: Path, header: Header) -> None:
        """A new journal at `path`, or the existing one with its header. Raises ArtifactError."""
        if not path.exists():
            write_bytes(path, (header.line() + _COLUMNS).encode())
        self._path = path
        try:
            with own(path).open("rb") as file:
                self.header = _header(file.readline(), path)
        except OSError as error:
            raise storage_error(error, path) from error
        self._file = path.open("ab")

    def write(self, step: int, fraction: float, rate: float, length: int) -> None:
        """Record step number `step`, from 0."""
        try:
            self._file.write(f"{step}\t{fraction!r}\t{rate!r}\t{length}\n".encode())
        except OSError as error:  # the buffer was full, and so is the disk
            raise storage_error(error, self._path) from error

    def sync(self) -> None:
        """Make the steps so far durable, before a checkpoint relies on them."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error(error, self._path) from error

    def cut(self, steps: int) -> float:
        """Keep only the first `steps`; returns the fraction that was reached when the run stopped."""
        self._file.flush()
        kept, fraction, end = 0, 0.0, 0
        with self._path.open("r+b") as file:
            for number, line in enumerate(file):
                row = _row(line) if number > 1 else None
                if number > 1 and row is None:
                    break  # an unfinished line
                if row is not None:
                    fraction = row[1]
                if row is None or row[0] < steps:
                    kept, end = kept + (row is not None), end + len(line)
            if kept != steps:
                raise ArtifactError(f"{self._path} has {kept:,} of the checkpoint's {steps:,} steps", "use --force")
            file.truncate(end)
            os.fsync(file.fileno())
        return fraction

    def finish(self) -> None:
        """Add the digest that marks the run as finished."""
        self.sync()
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._file.write(f"# {digest}\n".encode())
        self.sync()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # of steps that no checkpoint relies on
            self._file.close()


def journal_of(path: Path, inputs: Mapping[str, str]) -> Record:
    """A finished journal of a run that read `inputs`; ArtifactError for one of a run on other data."""
    record = read_journal(path)
    theirs = record.header.inputs
    changed = [name for name in sorted({*inputs, *theirs}) if inputs.get(name) != theirs.get(name)]
    if changed:
        raise ArtifactError(
            f"{path} is the journal of a run on other data ({', '.join(changed)})",
            "replay it on the same corpus, with the settings in its replay.toml",
        )
    return record


def read_journal(path: Path) -> Record:
    """A finished journal; ArtifactError if it is missing, damaged or of an unfinished run."""
    try:
        content = read_input(path, _MOST)
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}", _REMEDY) from None
    body, _, last = content.removesuffix(b"\n").rpartition(b"\n")
    body += b"\n"
    digest = hashlib.sha256(body).hexdigest()
    if not last.startswith(b"# "):
        raise ArtifactError(f"{path} is the journal of a run that is not finished", "let it finish: --resume")
    if last[2:].decode("latin1") != digest or not content.endswith(b"\n"):
        raise ArtifactError(f"{path} has changed since it was written", _REMEDY)
    first, columns, *lines = body.splitlines(keepends=True)
    rows = [row for row in map(_row, lines) if row is not None]
    numbers = [row[0] for row in rows]
    if columns != _COLUMNS.encode() or len(rows) != len(lines) or numbers != list(range(len(rows))) or not rows:
        raise ArtifactError(f"{path} is damaged", _REMEDY)
    _, fractions, rates, lengths = zip(*rows, strict=True)
    arrays = np.array(fractions), np.array(rates), np.array(lengths, np.int64)
    record = Record(_header(first, path), *arrays, digest, content)
    rising = (np.diff(record.fractions) >= 0).all() and record.fractions[0] >= 0 and record.fractions[-1] < 1
    if not (rising and np.isfinite(record.rates).all() and (record.rates >= 0).all() and (record.lengths > 0).all()):
        raise ArtifactError(f"{path} is damaged", _REMEDY)
    return record


def _row(line: bytes) -> tuple[int, float, float, int] | None:
    """A step's line; None for anything else."""
    parts = line.split(b"\t")
    try:
        step, fraction, rate, length = parts
        return (int(step), float(fraction), float(rate), int(length)) if line.endswith(b"\n") else None
    except ValueError:
        return None


def _header(line: bytes, path: Path) -> Header:
    try:
        content = json.loads(line)
        version = content.pop("version")
        if content.pop("format") != _FORMAT:
            raise ValueError
        if version != _VERSION:
            raise ArtifactError(f"{path} has version {version!r}, this program reads {_VERSION}", _REMEDY)
        header = Header(**content)
        if not all(isinstance(part, dict) for part in (header.inputs, header.machine)):
            raise ValueError
        if not (isinstance(header.validated_tokens, int | None) and isinstance(header.begun_again, dict | None)):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ArtifactError(f"{path} is no journal of a run", _REMEDY) from None
    return header
