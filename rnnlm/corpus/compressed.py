"""Compressed texts, opened in bounded memory and only up to a multiple of their own size.

A few thousand bytes can claim to be a text of any length: gzip expands by up to a thousand, zstandard by more than ten
thousand. What is read is handed on block by block, so it is the disk that such a file would fill.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

from rnnlm.errors import InputError

ENDINGS = (".gz", ".zst")
_ALWAYS = 64 * 2**20  # a text of so many bytes is taken, however small its file
_PIECE = 2**10  # of a zstandard file, 4 bytes of which are at most 128 KB of text
_REMEDY = "fetch or compress it anew"


class _Counted:
    """A file of which it is known how much was read, also where it is a pipe."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.count = file, 0

    def read(self, size: int) -> bytes:
        """The next bytes."""
        block = self._file.read(size)
        self.count += len(block)
        return block


def expanded(file: BinaryIO, name: str, most: int, size: int) -> Iterator[bytes]:
    """The content of every frame of `file`, compressed as the end of its name says, in blocks of about `size` bytes.

    Raises InputError when a frame is damaged or cut short, and when, above 64 MB, it is more than `most` times as large
    as what it was read from.
    """
    counted, total = _Counted(file), 0
    for block in (_gzip if name.endswith(".gz") else _zstandard)(counted, name, size):
        total += len(block)
        if total > max(_ALWAYS, most * counted.count):
            raise InputError(
                f"{name} expands to more than {total // counted.count:,} times its size",
                "if it is what you mean to read, allow that with --expansion, or give it uncompressed",
            )
        yield block


def _gzip(file: _Counted, name: str, size: int) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=cast(BinaryIO, file), mode="rb") as frames:
            yield from _read(frames, size)
    except EOFError:
        raise InputError(f"{name} is cut short", _REMEDY) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{name} is damaged ({error})", _REMEDY) from None


def _zstandard(file: _Counted, name: str, size: int) -> Iterator[bytes]:
    try:
        import zstandard  # noqa: PLC0415
    except ImportError:
        raise InputError(f"{name} needs the zstandard package", "pip install 'rnnlm[zstd]'") from None
    frame, held, length = None, [], 0
    try:
        for piece in _read(file, _PIECE):
            while piece:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                held.append(frame.decompress(piece))
                length += len(held[-1])
                piece = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
                if length >= size:
                    yield b"".join(held)
                    held, length = [], 0
    except zstandard.ZstdError as error:
        raise InputError(f"{name} is damaged ({error})", _REMEDY) from None
    if frame is not None:
        raise InputError(f"{name} is cut short", _REMEDY)
    yield b"".join(held)


def _read(file: Any, size: int) -> Iterable[bytes]:
    return iter(lambda: file.read(size), b"")
