"""Compressed texts, read in bounded memory and only up to a multiple of their size.

A few thousand bytes can hold a text of any length: gzip expands by up to a thousand, zstandard by more than ten
thousand. Blocks are passed on as they are read, so such a file would fill the disk.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

from rnnlm.errors import InputError

ENDINGS = (".gz", ".zst")
_ALWAYS = 64 * 2**20  # bytes of text that are accepted however small the file
_PIECE = 2**10  # bytes of a zstandard file, 4 of which hold at most 128 KB of text
_REMEDY = "fetch or compress it again"


class _Counted:
    """A file, or a pipe, that counts the bytes read from it."""

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
    as the bytes read.
    """
    counted, total = _Counted(file), 0
    for block in (_gzip if name.endswith(".gz") else _zstandard)(counted, name, size):
        total += len(block)
        if total > max(_ALWAYS, most * counted.count):
            raise InputError(
                f"{name} expands to more than {total // counted.count:,} times its size",
                "if that is intended, raise --expansion, or give the file uncompressed",
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
