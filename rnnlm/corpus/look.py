"""What a text looks like, from a bounded part of it: how it is laid out, and whether two parts are of one kind."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from rnnlm.corpus.normalizer import SPECIALS

READ = 2**20  # bytes of a part of a text
_COMPARED = 60_000  # characters
_DRAWS, _UNUSUAL, _DIFFERENT = 8, 6.0, 0.03
_FEW, _LONGEST = 20, 120
_ENDED = re.compile(r"[.!?:;…][\"'”’)\]]*$")
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_CURLY = re.compile("[‘’‚‛“”„‟‐‑‒–—―]")


@dataclass(frozen=True)
class TextLook:
    """Counts of a part of a text: lines, empty ones among them, lines that repeat another, characters, special strings,
    format characters, curly quotes and dashes; whether its lines are sorted, and whether it is prose that is wrapped.
    """

    lines: int
    blank: int
    repeated: int
    characters: int
    specials: int
    invisible: int
    curly: int
    sorted: bool
    wrapped: bool

    @classmethod
    def of(cls, lines: Sequence[str]) -> "TextLook":
        """Of lines without their line ends."""
        text = "\n".join(lines)
        full = [line for line in lines if line.strip()]
        return cls(
            len(lines), len(lines) - len(full), len(full) - len(set(full)), len(text),
            sum(word in SPECIALS for word in text.split()), len(_INVISIBLE.findall(text)), len(_CURLY.findall(text)),
            len(full) >= _FEW and sum(a <= b for a, b in pairwise(full)) >= 0.95 * (len(full) - 1), _wrapped(lines),
        )  # fmt: skip


def _wrapped(lines: Sequence[str]) -> bool:
    """Whether most lines go on in the next one, and are of almost one length: prose in lines of bounded width."""
    inner = [(line.rstrip(), after.lstrip()) for line, after in pairwise(lines) if line.strip() and after.strip()]
    if len(inner) < _FEW:
        return False
    goes_on = sum(not _ENDED.search(line) and after[:1].islower() for line, after in inner)
    low, high = np.percentile([len(line) for line, _ in inner], [25, 90])
    return bool(goes_on > 0.4 * len(inner) and high <= _LONGEST and low >= 0.75 * high)


def first_lines(path: Path, limit: int = READ) -> list[str]:
    """The lines in the first `limit` bytes of a UTF-8 file, an incomplete last one left out unless it is alone."""
    with path.open("rb") as file:
        content = file.read(limit)
    lines = content.decode("utf-8", "ignore").split("\n")
    return lines[:-1] or lines


def unlike(train: Path, valid: Path) -> bool:
    """Whether the lines of `valid` are of another kind than those of `train`, as where a corpus is sorted by language.

    They are if their cost under letter pairs of train is far from that of lines drawn from both. The first two letters
    of a line do not count, so that an alphabetical list is of one kind.
    """
    before, after = _sampled(train), _sampled(valid)
    if min(len(before), len(after)) < _FEW:
        return False
    after = after[: max(_FEW, len(before) // 9)]
    cost, everything, draw = _cost(after, before), [*before, *after], random.Random(1)
    drawn = []
    for _ in range(_DRAWS):
        draw.shuffle(everything)
        drawn.append(_cost(everything[: len(after)], everything[len(after) :]))
    usual, spread = float(np.mean(drawn)), float(np.std(drawn))
    return abs(cost - usual) > max(_UNUSUAL * spread, _DIFFERENT * usual)


def _sampled(path: Path) -> list[str]:
    """Lines from all over a file, some 60,000 characters of them."""
    size, found = path.stat().st_size, []
    with path.open("rb") as file:
        pieces = max(1, min(60, size // 1000))
        for number in range(pieces):
            file.seek(number * size // pieces)
            if number:
                file.readline(READ)
            found += file.read(_COMPARED // pieces).decode("utf-8", "ignore").split("\n")[:-1]
    return [line for line in found if line.strip()]


def _cost(lines: Iterable[str], train: Iterable[str]) -> float:
    """Nats per letter of `lines` under the pairs of letters in `train`, half a count added to each."""
    pairs = Counter(pair for line in train for pair in pairwise(f"{line[2:]}\n"))
    firsts: Counter[str] = Counter()
    for (first, _), count in pairs.items():
        firsts[first] += count
    letters = len({second for _, second in pairs}) + 1
    costs = [
        -np.log((pairs[pair] + 0.5) / (firsts[pair[0]] + 0.5 * letters))
        for line in lines for pair in pairwise(f"{line[2:]}\n")
    ]  # fmt: skip
    return float(np.mean(costs)) if costs else 0.0
