"""Where a corpus comes from: files, directories, compressed files, JSON Lines, standard input, or built in.

All of it is returned as UTF-8 text with `\\n` line ends, in blocks of bounded size. What the text means is not
known here.
"""

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from rnnlm.corpus.compressed import ENDINGS, expanded
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.paths import BUILTIN, BUILTIN_TEXTS, check_path
from rnnlm.corpus.settings import FIELD
from rnnlm.errors import ArtifactError, InputError
from rnnlm.files import open_input
from rnnlm.workspace import Workspace

BLOCK = 4 * 2**20
JSON_LINES = (".jsonl", ".ndjson")


def read_blocks(name: str, field: str | None, decoding: Decoding | None = None) -> Iterator[bytes]:
    """The text of one source in blocks of valid UTF-8 with `\\n` line ends, ending in a line end.

    `field` holds the text in JSON Lines; with None their records are read as is. Raises InputError for what
    does not exist, is not text, or is not what its name says.
    """
    decoding = decoding or Decoding()
    before = decoding.replaced
    if name.startswith(BUILTIN):
        yield from ((line + "\n").encode() for line in BUILTIN_TEXTS[name.removeprefix(BUILTIN)]())
        return
    try:
        with sys.stdin.buffer if name == "-" else open_input(Path(name)) as file:
            if name.endswith(ENDINGS):
                blocks = expanded(file, name, decoding.expansion, BLOCK)
            else:
                blocks = _arriving(file) if name == "-" else _read(file)
            blocks = decoding.text(blocks, name)
            if field is not None and plain_name(name).endswith(JSON_LINES):
                blocks = _json_lines(blocks, name, field, decoding)
            yield from _ended(_line_ends(blocks))
        decoding.tell(name, before)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}", "give a file that can be read") from None


def read_lines(name: str, decoding: Decoding | None = None) -> Iterator[str]:
    """The lines of one source as is, records of JSON Lines too, without their line ends."""
    for block in whole_lines(read_blocks(name, None, decoding)):
        yield from block.decode().split("\n")[:-1]


def text_blocks(name: str, decoding: Decoding | None = None) -> Iterator[bytes]:
    """One text, a file, a built-in corpus or `-`, in blocks of whole lines; InputError at once for anything else."""
    check_text(name)
    return whole_lines(read_blocks(name, FIELD, decoding))


def text_lines(name: str, decoding: Decoding | None = None) -> Iterator[str]:
    """The same line by line, without line ends."""
    blocks = text_blocks(name, decoding)
    return (line for block in blocks for line in block.decode().split("\n")[:-1])


def check_text(name: str) -> None:
    """InputError for a text, not `-`, that does not exist or is a directory."""
    if name != "-" and Path(name).is_dir():
        raise InputError(f"{name} is a directory", "name one text file")
    check_path(name)


def plain_name(name: str) -> str:
    """A file's name without the ending of its compression."""
    return re.sub(r"\.(gz|zst)$", "", name)


def _read(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(BLOCK), b"")


def _arriving(file: BinaryIO) -> Iterator[bytes]:
    """What a pipe holds as soon as it holds anything, so that its writer can wait for the answer."""
    buffered = cast(io.BufferedReader, file)
    return iter(lambda: buffered.read1(BLOCK), b"")


def _json_lines(blocks: Iterable[bytes], name: str, field: str, decoding: Decoding) -> Iterator[bytes]:
    """The field of each record; a record is a document, so a blank line follows it."""
    lines = (line for block in whole_lines(blocks) for line in block.split(b"\n"))
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)[field]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(
                f"{name}, line {number}: no JSON object with a field {field!r}", "name it with --field"
            ) from None
        if not isinstance(text, str):
            raise InputError(f"{name}, line {number}: the field {field!r} is not text", "name another with --field")
        yield decoding.line(text, f"{name}, line {number}").encode() + b"\n\n"


def _line_ends(blocks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for block in blocks:
        block = held + block
        held = b"\r" if block.endswith(b"\r") else b""
        block = block.removesuffix(held)
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield block
    if held:
        yield b"\n"


def _ended(blocks: Iterable[bytes]) -> Iterator[bytes]:
    last = b""
    for block in blocks:
        if block:
            last = block
            yield block
    if last and not last.endswith(b"\n"):
        yield b"\n"


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text, cut at line ends alone; what follows the last line end comes last."""
    held: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*held, block[:end]])
            held = []
        if end < len(block):
            held.append(block[end:])
    if held:
        yield b"".join(held)


def line_blocks(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    """A text file of an artifact in blocks of whole lines, about `size` bytes each; a longer line makes a longer block.

    Raises ArtifactError where it is not UTF-8.
    """
    with path.open("rb") as file:
        yield from _checked_blocks(file, path, size)


def split_blocks(workspace: Workspace, split: str) -> Iterator[bytes]:
    """The raw text of a workspace's split, in the same way; ArtifactError where another corpus replaces it."""
    with contextlib.ExitStack() as stack:
        with workspace.opening("raw") as raw:
            path = raw / f"{split}.txt"
            file = stack.enter_context(path.open("rb"))
        yield from _checked_blocks(file, path, BLOCK)


def _checked_blocks(file: BinaryIO, path: Path, size: int) -> Iterator[bytes]:
    while block := file.read(size):
        block += b"" if block.endswith(b"\n") else file.readline()
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError:
                raise ArtifactError(f"{path} is damaged: it is not UTF-8", "read the corpus again") from None
        yield block
