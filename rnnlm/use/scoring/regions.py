"""Regions of several words: bars in a text, or a column that names the region of each word."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rnnlm.errors import InputError
from rnnlm.use.scoring.scored import NO_SPACE

BAR = "|"


@dataclass(frozen=True)
class Region:
    """Words of a raw line, `words` of them one after the other."""

    name: str
    words: int


def barred(text: str, where: str) -> tuple[str, tuple[Region, ...]]:
    """A text without its bars, and the regions between them, numbered from 1; InputError for one without words.

    A bar may stand between spaces or touch a word; it always ends one.
    """
    parts = [" ".join(part.split()) for part in text.split(BAR)]
    if len(parts) == 1 and not NO_SPACE.search(text):
        return " ".join(parts), ()  # a blank line
    if len(parts) > 1 and not all(map(NO_SPACE.search, parts)):
        raise InputError(f"{where}: a region without words", f"write words before, between and after each {BAR}")
    return " ".join(parts), tuple(Region(str(n), _words(part)) for n, part in enumerate(parts, 1))


def named(text: str, regions: Any, where: str) -> tuple[Region, ...]:
    """The regions of a text by its own column: the text again with bars, or a name for each word, also as a list.

    Neighbors of one name are one region. InputError where it is not about this text.
    """
    if isinstance(regions, list) and all(isinstance(each, str) and each and not each.isspace() for each in regions):
        names = regions
    elif isinstance(regions, str):
        names = regions.split()
    else:
        raise InputError(f"{where}: the regions are {regions!r}", "write a text, or a list with a name for each word")
    if isinstance(regions, str) and BAR in regions:
        again, found = barred(regions, where)
        if again.split() != text.split():
            raise InputError(f"{where}: the words between bars are not those of the text", "write the same words")
        return found
    count = _words(text)
    if len(names) != count:
        raise InputError(
            f"{where}: {len(names)} names of regions for {count} words",
            f"write one for each word, or the text again with {BAR} between regions",
        )
    return tuple(Region(name, len(list(run))) for name, run in itertools.groupby(names))


def joined(spans: list[tuple[int, int]], regions: tuple[Region, ...]) -> Iterator[tuple[int, int]]:
    """The span of each region, from those of the raw line's words."""
    at = 0
    for region in regions:
        yield spans[at][0], spans[at + region.words - 1][1]
        at += region.words


def _words(text: str) -> int:
    return len(NO_SPACE.findall(text))
