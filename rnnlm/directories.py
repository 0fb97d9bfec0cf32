"""Artifacts as directories: built beside their place, moved in whole, and read while another moves them.

Whatever stands at a place stays there, whole and readable, until what replaces it is finished. Two renames exchange
them; between the two the old directory stands beside its place under a hidden name, where readers (`standing`) find it
and from where the next writer (`recover`) puts it back.
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
    """Where an old directory stands between the two renames."""
    return directory.with_name(f".{directory.name}.old")


def standing(directory: Path) -> Path:
    """Where the artifact of a place is to be read: there, or aside while or since its exchange was interrupted."""
    old = _aside(directory)
    return old if not directory.exists() and old.exists() else directory


def place_of(path: Path) -> Path:
    """The place that a directory belongs to: its own, or that from which it was moved aside."""
    match = _ASIDE.fullmatch(path.name)
    return path if match is None else path.with_name(match[1])


@contextlib.contextmanager
def rebuilt(directory: Path) -> Iterator[Path]:
    """A fresh directory that takes the place of `directory` when the block ends well.

    For one writer at a time: whoever calls it holds a lock. A run that dies leaves the old one as it was, or, between
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
    """Let the finished directory `fresh` take the place of `directory`; OSError where it cannot, the old one kept."""
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
    """Put back what an interrupted exchange had moved aside, or remove it where its successor is in place.

    For one writer at a time, as `rebuilt`.
    """
    old = _aside(directory)
    if directory.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        old.rename(directory)


@contextlib.contextmanager
def replacing(directory: Path, message: str) -> Iterator[None]:
    """Be the only one who writes at a place that no workspace's lock covers; UsageError with `message` otherwise."""
    with locked(directory.with_name(f".{directory.name}.lock"), message, keep=False):
        recover(directory)
        yield


@contextlib.contextmanager
def replacement(directory: Path, wanted: int, message: str) -> Iterator[Path]:
    """A fresh directory of up to `wanted` bytes for such a place; what stands there stays until the block has ended.

    Raises StorageError where the disk has no room for both, UsageError as `replacing`.
    """
    check_space(directory.parent, wanted, str(directory))
    with replacing(directory, message), rebuilt(directory) as fresh:
        yield fresh


@contextlib.contextmanager
def unreplaced(directory: Path, manifest: Manifest) -> Iterator[None]:
    """Files of an artifact are opened in the block; ArtifactError where it is not the one that `manifest` describes.

    What was opened stays what it was, for a directory that is replaced leaves its files to those who have them open.
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
    """StorageError where the disk of `path`, or of the nearest directory above it, has not `wanted` bytes free."""
    place = next(each for each in (path, *path.resolve().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if free < wanted + _MARGIN:
        raise StorageError(
            f"{what} takes up to {in_units(wanted)} on the disk of {place}, which has {in_units(free)} free",
            "free some space, or write to another disk",
        )


def in_units(count: int) -> str:
    """A number of bytes for a person."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.{int(count < 1e7)}f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"


def size_of(directory: Path) -> int:
    """Bytes of the files in a directory; 0 where there is none."""
    return sum(path.stat().st_size for path in directory.glob("*") if path.is_file())
