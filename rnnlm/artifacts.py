"""Bytes on disk: durable writing, digests, JSON, and the manifests that make a directory an artifact.

A file is written beside its target under a temporary name, flushed, synced and renamed. A manifest is written last, so
that a directory without one is unfinished; `directories.py` replaces one directory by another.
What an artifact means is not known here.
"""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from rnnlm.config import canonical
from rnnlm.errors import ArtifactError, StorageError, UsageError
from rnnlm.files import is_regular

MANIFEST = "manifest.json"
_JSON_LIMIT = 256 * 2**20
# Bytes of JSON that are read before a digest verifies them. Two bytes of JSON can take sixty in memory.
UNVERIFIED_JSON = 4 * 2**20


def storage_error(error: OSError, path: Path) -> StorageError:
    """The one-line form of a failed write."""
    hint = {
        errno.ENOSPC: "free some space, then run the same command again",
        errno.EROFS: "choose a directory that can be written to with --out",
        errno.EACCES: "choose a directory that can be written to with --out",
        errno.ENOENT: "create its directory first",
    }.get(error.errno or 0, "check the disk, then run the same command again")
    return StorageError(f"cannot write {path}: {error.strerror or error}", hint)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def durable(path: Path) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` when the block succeeds, and leaves no trace otherwise.

    Raises StorageError when the disk refuses, and for a device or a pipe, which must not be replaced.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise StorageError(f"cannot write {path}: it is a device or a pipe", "name a file")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise storage_error(error, path) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def check_target(path: Path, inputs: Iterable[Path]) -> None:
    """Check, before an hour of work, that its result can be written to `path` and overwrites nothing that is read.

    Raises UsageError where `path`, links followed, is one of `inputs`, part of an artifact or a directory; StorageError
    where the disk refuses.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a directory", "name a file")
    refuse_read(path, inputs)
    if path.exists() and (path.resolve().parent / MANIFEST).exists():
        raise UsageError(f"{path} is part of an artifact", "name another file to write to")
    if path.exists() and not is_regular(path):
        raise StorageError(f"cannot write {path}: it is a device or a pipe", "name a file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise storage_error(error, path) from error


def refuse_read(path: Path, inputs: Iterable[Path]) -> None:
    """UsageError where a file or directory to be written, links followed, is one of `inputs` or holds one."""
    for other in inputs:
        if path.exists() and other.exists() and (path.samefile(other) or path.resolve() in other.resolve().parents):
            raise UsageError(f"{path} is what this command reads", "name another file to write to")


def write_bytes(path: Path, content: bytes) -> str:
    """Write a whole file durably; the SHA-256 of what was written."""
    with durable(path) as file:
        file.write(content)
    return sha256_bytes(content)


def write_json(path: Path, value: Any) -> str:
    """Write JSON durably, as `json_bytes` formats it; the SHA-256 of what was written."""
    return write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """JSON as every file of an artifact holds it: indented, its keys in order, a line end last."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def with_digest(content: Mapping[str, Any]) -> dict[str, Any]:
    """JSON with the digest of its other fields last."""
    others = {name: value for name, value in content.items() if name != "sha256"}
    return {**others, "sha256": sha256_bytes(canonical(others))}


def is_as_written(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether a file, read as `content`, is byte for byte what `write_json` writes, its digest included."""
    return path.read_bytes() == json_bytes(with_digest(content))


def read_json(path: Path, *, remedy: str, most: int = _JSON_LIMIT) -> dict[str, Any]:
    """A JSON object of at most `most` bytes; ArtifactError with `remedy` where it is missing, damaged or no object."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key occurs twice")
        return result

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is not a JSON number")

    try:
        if not is_regular(path) or path.stat().st_size > most:
            raise ValueError("not a regular file, or larger than any of this kind")
        content = path.read_bytes()
        value = json.loads(content, object_pairs_hook=unique, parse_constant=no_constant)
        if b"\\ud" in content.lower():  # may escape half of a surrogate pair, which is no character
            json.dumps(value, ensure_ascii=False).encode()
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}", remedy) from None
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged ({error})", remedy) from None
    if not isinstance(value, dict):
        raise ArtifactError(f"{path} is damaged (not a JSON object)", remedy)
    return value


def sha256_bytes(content: bytes) -> str:
    """SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Manifest:
    """What a directory holds and what it was made from.

    `inputs` are the identities of earlier artifacts, `outputs` the digests of this one's files, `report` the
    counts that the stage reported.
    """

    format: str
    version: int
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The digest of the outputs: equal content has an equal identity, however it was made."""
        return sha256_bytes(canonical(dict(self.outputs)))

    def setting(self, name: str) -> Any:
        """A setting that every manifest of this format has; ArtifactError where this one has not."""
        if name not in self.settings:
            raise ArtifactError(f"a manifest ({self.format}) has no setting {name}", "make the artifact again")
        return self.settings[name]

    def fields(self) -> dict[str, Any]:
        """The manifest as JSON, its own digest last."""
        content: dict[str, Any] = {
            "format": self.format, "version": self.version, "settings": dict(self.settings),
            "inputs": dict(self.inputs), "outputs": dict(self.outputs), "report": dict(self.report),
        }  # fmt: skip
        return with_digest(content)


def seal(
    directory: Path,
    format: str,
    version: int,
    *,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    report: Mapping[str, Any],
    names: list[str],
) -> Manifest:
    """Write the manifest of `directory` over the files `names`; it is written last."""
    outputs = {name: sha256_file(directory / name) for name in sorted(names)}
    manifest = Manifest(format, version, settings, inputs, outputs, report)
    write_json(directory / MANIFEST, manifest.fields())
    return manifest


def read_manifest(directory: Path, format: str, version: int, *, remedy: str) -> Manifest | None:
    """The manifest of `directory`, or None where there is none.

    Raises ArtifactError for a damaged manifest, another format, or a version that this program does not read.
    """
    path = directory / MANIFEST
    if not path.exists():
        return None
    content = read_json(path, remedy=remedy, most=UNVERIFIED_JSON)
    as_written = is_as_written(path, content)
    content.pop("sha256", None)
    if content.get("format") != format:
        raise ArtifactError(f"{path} describes {content.get('format')!r}, not {format!r}", remedy)
    if content.get("version") != version:
        raise ArtifactError(f"{path} has version {content.get('version')!r}, this program reads {version}", remedy)
    try:
        manifest = Manifest(**content)
        good = as_written and all(
            isinstance(getattr(manifest, part), dict) for part in ("settings", "inputs", "outputs", "report")
        )
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ArtifactError(f"{path} is damaged", remedy)
    return manifest


def changed_outputs(directory: Path, manifest: Manifest) -> list[str]:
    """The names of files that are missing or no longer what the manifest says."""
    changed = []
    for name, digest in manifest.outputs.items():
        path = directory / name
        try:
            same = "/" not in name and path.is_file() and sha256_file(path) == digest
        except FileNotFoundError:  # removed between the two checks
            same = False
        if not same:
            changed.append(name)
    return changed


@contextlib.contextmanager
def report_of(directory: Path, remedy: str) -> Iterator[None]:
    """Context for viewing an artifact's report, which may be damaged: ArtifactError if it lacks what the view needs."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        raise ArtifactError(f"{directory / MANIFEST} is damaged: its report has another format", remedy) from None
