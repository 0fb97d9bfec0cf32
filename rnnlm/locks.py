"""Who may write: locks on files, which end with the process that holds them, and whether a process still runs."""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from rnnlm.artifacts import storage_error
from rnnlm.errors import ArtifactError, StorageError, UsageError
from rnnlm.files import own


@contextlib.contextmanager
def locked(path: Path, message: str, *, keep: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on `path`, a file in an existing directory; without `keep` the file is removed afterwards.

    Raises UsageError with `message` when another process has it, ArtifactError where the directory is gone.
    """
    with _acquired(path, message):
        try:
            yield
        finally:
            if not keep:
                path.unlink(missing_ok=True)  # while it is held: whoever opened it before sees that it is gone


def _acquired(path: Path, message: str) -> TextIO:
    """The file of a lock that is now held; it is released when the file is closed."""
    while True:
        try:
            file = own(path).open("a")
        except FileNotFoundError:
            raise ArtifactError(f"{path.parent} is gone: it was removed or moved meanwhile", "check the path") from None
        except OSError as error:
            raise storage_error(error, path) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, path):
                return file
        except OSError as error:
            file.close()
            if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                hint = "choose a directory on another one"
                raise StorageError(f"cannot lock {path}: its file system has no locks", hint) from None
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise storage_error(error, path) from None
            raise UsageError(message, "wait for it, or stop it") from None
        file.close()  # removed by its last holder between opening and locking: it locks nothing


def _is_at(file: TextIO, path: Path) -> bool:
    """Whether an open file is still the one that `path` names."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def is_running(process: int) -> bool:
    """Whether a process of that number runs; True where that cannot be determined."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def tidy(directory: Path) -> None:
    """Remove the unfinished files of processes that were killed."""
    for path in directory.glob(".*.partial"):
        writer = path.name.split(".")[-2]
        if writer.isdecimal() and not is_running(int(writer)):
            path.unlink(missing_ok=True)


def own_directory(parent: Path, prefix: str) -> Path:
    """A directory for temporary files of this process; those of killed processes are removed."""
    for other in parent.glob(f"{prefix}*"):
        number = other.name.removeprefix(prefix).partition(".")[0]
        if not (number.isdecimal() and is_running(int(number))):
            shutil.rmtree(other, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}.", dir=parent))
