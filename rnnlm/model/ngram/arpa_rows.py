"""ARPA files as rows of words and numbers: the syntax that SRILM, KenLM and others write, and its errors.

ASCII white space separates words and numbers; blank lines and everything before `\\data\\` are ignored.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.sources import read_blocks, whole_lines
from rnnlm.errors import InputError
from rnnlm.model.ngram.arpa import NEVER
from rnnlm.model.ngram.grams import MOST_ORDER

_REMEDY = "the file is damaged or not an ARPA file; write or fetch it again"
_LARGEST = 1e30  # far above any logarithm, and within float32
_COUNT = re.compile(rb"ngram\s+(\d{1,9})\s*=\s*(\d{1,18})")
_SECTION = re.compile(rb"\\(\d{1,9})-grams:")


@dataclass(frozen=True)
class ArpaRows:
    """Some n-grams of one `order`, in the order of the file.

    `words` has the rows × order words row by row, `lines` (rows,) the line of each. `log10_p`, at most 0, and `log10_b`
    (rows,) float64 are finite: −99 stands for −∞.
    """

    order: int
    words: list[bytes]
    lines: NDArray[np.int64]
    log10_p: NDArray[np.float64]
    log10_b: NDArray[np.float64]


def wrong(name: str, line: int, what: str, remedy: str = _REMEDY) -> InputError:
    """The error for a line of an ARPA file."""
    return InputError(f"{name}, line {line:,}: {what}", remedy)


def arpa_rows(name: str) -> Iterator[ArpaRows]:
    """The n-grams of an ARPA file, `.gz` and `.zst` too, in blocks of bounded size, those of lower orders first.

    Raises InputError, with the line number, for a file that is missing, broken or cut short, or whose sections do not
    have as many n-grams as stated.
    """
    reader = _Reader(name)
    number = 1
    for block in whole_lines(read_blocks(name, None)):
        lines = block.split(b"\n")[:-1]
        begin = 0
        for mark in [row for row, line in enumerate(lines) if line.lstrip()[:1] == b"\\"]:
            yield from reader.content(lines[begin:mark], number + begin)
            reader.mark(lines[mark].strip(), number + mark)
            begin = mark + 1
        yield from reader.content(lines[begin:], number + begin)
        number += len(lines)
        if reader.ended:
            return
    if not reader.begun:
        raise InputError(f"{name} has no \\data\\", "give a file in ARPA format")
    raise wrong(name, number - 1, "the file ends before \\end\\")


class _Reader:
    """The position in the file: before `\\data\\` (−1), within it (0), or in the section of an order."""

    def __init__(self, name: str) -> None:
        self._name, self._section, self.ended = name, -1, False
        self._counts: list[int] = []
        self._rows = 0

    @property
    def begun(self) -> bool:
        """Whether `\\data\\` has been read."""
        return self._section >= 0

    def mark(self, line: bytes, number: int) -> None:
        """A line with a backslash: begins a new section, or ends the file."""
        if self.ended or (self._section < 0 and line != b"\\data\\"):
            return
        if self._section < 0:
            self._section = 0
            return
        if self._section == 0 and not self._counts:
            raise wrong(self._name, number, "\\data\\ does not say how many n-grams there are")
        stated = self._counts[self._section - 1]
        if self._section and self._rows != stated:
            what = f"{self._rows:,} {self._section}-grams come before it, \\data\\ says {stated:,}"
            raise wrong(self._name, number, what)
        expected = self._section + 1
        if line == b"\\end\\" and self._section == len(self._counts):
            self.ended = True
            return
        found = _SECTION.fullmatch(line)
        if found is None or int(found[1]) != expected or expected > len(self._counts):
            wanted = f"\\{expected}-grams:" if expected <= len(self._counts) else "\\end\\"
            raise wrong(self._name, number, f"{_shown(line)} where {wanted} should be")
        self._section, self._rows = expected, 0

    def content(self, lines: list[bytes], number: int) -> Iterator[ArpaRows]:
        """Lines without a backslash, the first of which is line `number`."""
        if self._section < 0 or self.ended:
            return
        filled = [row for row, line in enumerate(lines) if line and not line.isspace()]
        if self._section == 0:
            for row in filled:
                self._count(lines[row], number + row)
        elif filled:
            rows = [lines[row].split() for row in filled]
            self._rows += len(rows)
            yield self._read(rows, np.array(filled, np.int64) + number)

    def _count(self, line: bytes, number: int) -> None:
        found = _COUNT.fullmatch(line.strip())
        order = len(self._counts) + 1
        if found is None or int(found[1]) != order:
            raise wrong(self._name, number, f"{_shown(line)} where 'ngram {order}=' or \\1-grams: should be")
        if order > MOST_ORDER:
            raise wrong(
                self._name, number, f"n-grams of order {order}", f"this program reads orders up to {MOST_ORDER}"
            )
        self._counts.append(int(found[2]))

    def _read(self, rows: list[list[bytes]], lines: NDArray[np.int64]) -> ArpaRows:
        n = self._section
        for row, line in zip(rows, lines, strict=True):
            if len(row) not in (n + 1, n + 2):
                raise wrong(self._name, line, f"{len(row)} fields, not a number, {n} words and perhaps a number")
        log10_p = self._numbers([row[0] for row in rows], lines)
        above = np.flatnonzero(log10_p > 0)
        if len(above):
            raise wrong(self._name, lines[above[0]], f"a probability above 1: log10 is {log10_p[above[0]]:g}")
        log10_b = self._numbers([row[n + 1] if len(row) > n + 1 else b"0" for row in rows], lines)
        words = [word for row in rows for word in row[1 : n + 1]]
        return ArpaRows(n, words, lines, log10_p, log10_b)

    def _numbers(self, fields: list[bytes], lines: NDArray[np.int64]) -> NDArray[np.float64]:
        """(rows,) finite numbers, −99 in place of −∞."""
        try:
            values = np.fromiter(map(float, fields), np.float64, len(fields))
            good = values < _LARGEST
        except ValueError:
            good = np.array([_is_number(field) for field in fields])
        if not good.all():
            row = int(np.argmin(good))
            raise wrong(self._name, int(lines[row]), f"{_shown(fields[row])} is not a number")
        return np.where(values > -_LARGEST, values, NEVER)


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _shown(field: bytes) -> str:
    """Text from the file, cut to a length that fits a message."""
    text = field.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= 40 else text[:39] + "…")
