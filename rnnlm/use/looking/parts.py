"""A bounded part of what is looked at, and names as they are typed."""

import shlex
from collections.abc import Mapping

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.look import READ
from rnnlm.corpus.paths import find_corpus
from rnnlm.corpus.sources import read_blocks, whole_lines

PART = f"the first {READ:,} bytes"


def first_lines(path: str) -> tuple[list[str], bool]:
    """The lines in the first megabyte of a text, and whether that is all; InputError for what is not UTF-8."""
    find_corpus([path])
    content = bytearray()
    for block in whole_lines(read_blocks(path, None, Decoding())):
        content += block
        if len(content) >= READ:
            break
    lines = content[:READ].decode("utf-8", "ignore").split("\n")
    return lines[:-1] or lines, len(content) < READ


def listed(values: Mapping[str, object]) -> str:
    """Names with what is known of each in brackets."""
    return ", ".join(f"{name} ({value})" for name, value in values.items())


def quoted(name: object) -> str:
    """A name as it is typed in a shell."""
    return shlex.quote(str(name))
