"""Artifacts as directories: built beside their path, moved in as a whole, and readable while they are replaced.

The old directory stays whole and readable until its replacement is finished. Two renames exchange them; between the
two the old directory is beside its path under a hidden name, where readers (`standing`) find it and from where the next
writer (`recover`) moves it back.
"""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from rnnlm.artifacts import MANIFEST, Manifest, json_bytes, storage_error, sync_directory
from rnnlm.errors import ArtifactError, StorageError
from rnnlm.locks import locked

_ASIDE = re.compile(r"\.(.+)\.old")
_MARGIN = 2**20  # bytes: manifests, logs and the blocks of a file system


def _aside(directory: Path) -> Path:
    """Where the old directory is between the two renames."""
    directory = directory if directory.name else directory.resolve()  # `.` has no name
    return directory.with_name(f".{directory.name}.old")


def standing(directory: Path) -> Path:
    """Where to read the artifact of a path: there, or aside while it is exchanged or after an interrupted exchange."""
    old = _aside(directory)
    return old if not directory.exists() and old.exists() else directory


def place_of(path: Path) -> Path:
    """The path that a directory belongs to: its own, or the one from which it was moved aside."""
    match = _ASIDE.fullmatch(path.name)
    return path if match is None else path.with_name(match[1])


@contextlib.contextmanager
def rebuilt(directory: Path) -> Iterator[Path]:
    """A fresh directory that replaces `directory` when the block succeeds.

    For one writer at a time: the caller holds a lock. A run that dies leaves the old directory unchanged or, between
    the two renames, aside.
    """
    fresh = directory.with_name(f".{directory.name}.partial")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        yield fresh
        sync_directory(fresh)
        move_in(fresh, directory)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise storage_error(error, directory) from error
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def move_in(fresh: Path, directory: Path) -> None:
    """Replace `directory` by the finished directory `fresh`; OSError where that fails, the old one kept."""
    old = _aside(directory)
    try:
        shutil.rmtree(old, ignore_errors=True)
        if directory.exists():
            directory.rename(old)
        fresh.rename(directory)
        sync_directory(directory.parent)
    finally:
        recover(directory)


def recover(directory: Path) -> None:
    """Move back what an interrupted exchange moved aside, or remove it where its successor is in place.

    For one writer at a time, as `rebuilt`.
    """
    old = _aside(directory)
    if directory.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        old.rename(directory)


@contextlib.contextmanager
def replacing(directory: Path, message: str) -> Iterator[None]:
    """Be the only writer of a path that no workspace's lock covers; UsageError with `message` otherwise."""
    with locked(directory.with_name(f".{directory.name}.lock"), message, keep=False):
        recover(directory)
        yield


@contextlib.contextmanager
def replacement(directory: Path, wanted: int, message: str) -> Iterator[Path]:
    """A fresh directory of up to `wanted` bytes for such a path; the old one stays until the block has ended.

    Raises StorageError where the disk has no room for both, UsageError as `replacing`.
    """
    check_space(directory.parent, wanted, str(directory))
    with replacing(directory, message), rebuilt(directory) as fresh:
        yield fresh


@contextlib.contextmanager
def unreplaced(directory: Path, manifest: Manifest) -> Iterator[None]:
    """Open files of an artifact in the block; ArtifactError where it is not the one that `manifest` describes.

    Open files keep their content: a replaced directory leaves its files to the processes that have them open.
    """
    gone = ArtifactError(f"{directory} was replaced while it was read", "run the same command again")
    try:
        yield
    except (OSError, ArtifactError):
        if not _describes(manifest, directory):
            raise gone from None
        raise
    if not _describes(manifest, directory):
        raise gone


def _describes(manifest: Manifest, directory: Path) -> bool:
    """Whether a directory's manifest is this one, byte for byte."""
    try:
        return (directory / MANIFEST).read_bytes() == json_bytes(manifest.fields())
    except OSError:
        return False


def check_space(path: Path, wanted: int, what: str) -> None:
    """StorageError unless the disk of `path`, or of the nearest directory above it, has `wanted` bytes free."""
    nearest = next(each for each in (path, *path.resolve().parents) if each.exists())
    free = shutil.disk_usage(nearest).free
    if free < wanted + _MARGIN:
        raise StorageError(
            f"{what} takes up to {in_units(wanted)} on the disk of {nearest}, which has {in_units(free)} free",
            "free some space, or write to another disk",
        )


def in_units(count: int) -> str:
    """A number of bytes in a readable unit."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.{int(count < 1e7)}f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"


def size_of(directory: Path) -> int:
    """Bytes of the files in a directory; 0 where there is none."""
    return sum(path.stat().st_size for path in directory.glob("*") if path.is_file())
