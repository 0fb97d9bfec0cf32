"""Standard streams as they come: closed, of a small character set, or a terminal that control characters would command.

What a stream cannot show is written as `\\uXXXX`, also inside JSON, where that means the same character. A pipe or file
gets every other character as it is.
"""

import codecs
import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Closed(io.TextIOBase):
    """Standard output where there is none: what is written is not lost unnoticed."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "standard output is closed")


class _Visible:
    """A terminal on which control characters of names, keys and generated text are shown, not obeyed."""

    def __init__(self, stream: TextIO) -> None:
        self.plain = stream

    def write(self, text: str) -> int:
        """Write text."""
        return self.plain.write(visible(text))

    def writelines(self, lines: Any) -> None:
        """Write lines."""
        self.plain.writelines(map(visible, lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


def visible(text: str) -> str:
    """Text whose control characters, but for tabs and line ends, are written as `\\xXX`."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def prepare() -> None:
    """Replace closed streams, before a file is opened in their place, and escape what the others cannot show."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stdout = sys.stdout or _Closed()
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    codecs.register_error("rnnlm", _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="rnnlm")


@contextlib.contextmanager
def showing_controls() -> Iterator[None]:
    """Let a command's own text on a terminal show its control characters."""
    before = sys.stdout
    if before.isatty():
        sys.stdout = _Visible(before)
    try:
        yield
    finally:
        sys.stdout = before


def plain(stream: TextIO) -> TextIO:
    """The stream itself, for what is written with colors."""
    return stream.plain if isinstance(stream, _Visible) else stream


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """The characters that a stream cannot show in UTF-16, as in JSON."""
    assert isinstance(error, UnicodeEncodeError)
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4)), error.end
