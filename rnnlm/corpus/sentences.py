"""Prose to sentences: a full stop, question or exclamation mark, and what follows begins a sentence.

A paragraph may be wrapped over lines and ends at a blank line. The rule is small and known to be imperfect;
abbreviations and initials in the list below do not end a sentence.
"""

import re
from collections.abc import Iterable, Iterator

_BREAK = re.compile(r"([.!?…]+[\"'”’)\]]*)\s+(?=[\"'“‘(\[]*[A-ZÀ-ÖØ-ÞΑ-ΩА-Я\d])")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:(?:[A-Z]\.)*[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|cf|No|Fig|Vol|pp|ca|Capt|Col|Gen|Lt|Rev)\.$"
)
_HYPHEN = re.compile(r"(?<=[a-zà-öø-ÿ])-\n\s*(?=[a-zà-öø-ÿ])")  # a word that is wrapped at its hyphen goes on
_WRAPPED = "\0"  # where a line ended inside a word: no text has this character
_LONGEST_PARAGRAPH = 2**20


def split_sentences(paragraph: str) -> list[str]:
    """The sentences of one paragraph, white space folded."""
    sentences: list[str] = []
    start = 0
    text = " ".join(paragraph.split())
    for match in _BREAK.finditer(text):
        if not _ABBREVIATION.search(text[start : match.end(1)]):
            sentences.append(text[start : match.end(1)])
            start = match.end()
    return [*sentences, text[start:]] if text[start:] else sentences


def sentences_of(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """(raw line number, sentence) from (raw line number, line); ('' is the blank line between paragraphs).

    The number is that of the line in which the sentence begins.
    """
    held: list[tuple[int, str]] = []
    size = 0
    for number, line in lines:
        blank = not line.strip()
        if not blank:
            held.append((number, line))
            size += len(line)
        if held and (blank or size > _LONGEST_PARAGRAPH):
            yield from _numbered(held)
            held, size = [], 0
        if blank:
            yield number, ""
    if held:
        yield from _numbered(held)


def _numbered(held: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Each sentence with the raw line in which it begins."""
    ends: list[tuple[int, int]] = []  # (number of non-space characters up to the end of the line, line number)
    count = 0
    text = _HYPHEN.sub(_WRAPPED, "\n".join(line.rstrip() for _, line in held))
    for (number, _), line in zip(held, text.replace(_WRAPPED, "\n").split("\n"), strict=True):
        count += len("".join(line.split()))
        ends.append((count, number))
    seen, index = 0, 0
    for sentence in split_sentences(text.replace(_WRAPPED, "")):
        while index + 1 < len(ends) and ends[index][0] <= seen:
            index += 1
        yield ends[index][1], sentence
        seen += len("".join(sentence.split()))
