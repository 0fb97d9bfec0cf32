"""Minimal pairs: which of two lines that differ in one respect is more likely under the model?

A pair is correct if the whole first line, `</s>` included, is more likely than the second (Warstadt et al. 2020,
BLiMP); equal costs are not correct.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from rnnlm.corpus.sources import JSON_LINES, plain_name
from rnnlm.errors import InputError
from rnnlm.use.scoring.scored import BITS
from rnnlm.use.scoring.scorer import Scorer

_TOGETHER = 1024  # pairs scored at once
# A header's cell: a name of a column, and no sentence that anyone would ask a model about.
_NAME = re.compile(
    r"(sentence|text)?[ _-]?(good|bad|better|worse|(un)?grammatical|(in)?correct|(un)?acceptable|type|uid|phenomenon|"
    r"condition|item)([ _-]?(sentence|text))?",
    re.I,
)


@dataclass(frozen=True)
class MinimalPair:
    """A line of a file of pairs, from 1: the better text, the worse one, and the type of the pair ('' for none)."""

    number: int
    good: str
    bad: str
    type: str


@dataclass(frozen=True)
class ScoredPair:
    """A pair, the cost of its lines in bits, whether they have the same ids, and whether one has an unknown word."""

    pair: MinimalPair
    good_bits: float
    bad_bits: float
    same: bool
    unknown: bool

    @property
    def correct(self) -> bool:
        """Whether the better line is more likely."""
        return self.good_bits < self.bad_bits

    def row(self) -> dict[str, Any]:
        """The pair as a row of named fields."""
        return {
            "line": self.pair.number, "type": self.pair.type, "good_bits": self.good_bits, "bad_bits": self.bad_bits,
            "correct": self.correct,
        }  # fmt: skip


def is_header(cells: Iterable[str]) -> bool:
    """Whether cells are the names of a table of pairs: `good`, `bad` and the like."""
    return all(_NAME.fullmatch(cell.strip()) for cell in cells)


def read_pairs(lines: Iterable[str], name: str) -> Iterator[MinimalPair]:
    """Pairs from lines `better<TAB>worse` or `better<TAB>worse<TAB>type`, or from JSON Lines as in BLiMP.

    Blank lines are skipped, and a first line of names: `good`, `bad` and the like. Raises InputError, with the line's
    number, for any other line.
    """
    json_lines = plain_name(name).endswith(JSON_LINES)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if json_lines:
            yield _from_json(line, number, name)
            continue
        cells = line.split("\t")
        if number == 1 and is_header(cells):
            continue
        if len(cells) not in (2, 3) or not all(cell.strip() for cell in cells[:2]):
            raise InputError(
                f"{name}, line {number:,}: {len(cells)} {'column' if len(cells) == 1 else 'columns'}, or one empty",
                "write the better text, a tab, the worse text, and optionally a tab and the type of the pair",
            )
        yield MinimalPair(number, cells[0], cells[1], cells[2].strip() if len(cells) == 3 else "")


def _from_json(line: str, number: int, name: str) -> MinimalPair:
    """A record of BLiMP; its type is the phenomenon, here `UID`."""
    try:
        record = json.loads(line)
        good, bad, kind = record["sentence_good"], record["sentence_bad"], record.get("UID", "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good, bad, kind = None, None, ""
    if not all(isinstance(each, str) for each in (good, bad, kind)):
        raise InputError(f"{name}, line {number:,}: no pair", "write sentence_good, sentence_bad and optionally UID")
    return MinimalPair(number, *(" ".join(str(each).split()) for each in (good, bad, kind)))


def score_pairs(scorer: Scorer, pairs: Iterable[MinimalPair]) -> Iterator[ScoredPair]:
    """The pairs, scored; `scorer` reads every line from the initial state. InputError for a line without a word."""
    source = iter(pairs)
    while some := list(islice(source, _TOGETHER)):
        text = "".join(f"{pair.good}\n{pair.bad}\n" for pair in some).encode()
        scored = iter(list(scorer.lines([text])))
        for pair in some:
            good, bad = next(scored), next(scored)
            if not (len(good.line.ids) and len(bad.line.ids)):
                raise InputError(f"line {pair.number:,}: nothing is left after cleaning", "write two texts with words")
            same = good.line.ids.tolist() == bad.line.ids.tolist()
            unknown = bool(good.line.unknown.any() or bad.line.unknown.any())
            yield ScoredPair(pair, good.nats * BITS, good.nats * BITS if same else bad.nats * BITS, same, unknown)


@dataclass
class Tally:
    """Counts of pairs: all, correct, identical to the model, with unknown words; and the sum of their margins."""

    pairs: int = 0
    correct: int = 0
    same: int = 0
    unknown: int = 0
    margin_bits: float = 0.0

    def add(self, scored: ScoredPair) -> None:
        """Count a pair."""
        self.pairs += 1
        self.correct += scored.correct
        self.same += scored.same
        self.unknown += scored.unknown
        self.margin_bits += scored.bad_bits - scored.good_bits

    def metrics(self) -> dict[str, Any]:
        """Counts, the fraction correct, and the mean margin of the better line in bits."""
        return {
            "pairs": self.pairs, "correct": self.correct, "accuracy": self.correct / self.pairs if self.pairs else None,
            "same": self.same, "with_unknown_words": self.unknown,
            "margin_bits": self.margin_bits / self.pairs if self.pairs else None,
        }  # fmt: skip


@dataclass
class Tallies:
    """All pairs, and those of each type."""

    all: Tally = field(default_factory=Tally)
    _types: dict[str, Tally] = field(default_factory=dict)

    def add(self, scored: ScoredPair) -> None:
        """Count a pair."""
        self.all.add(scored)
        if scored.pair.type:
            self._types.setdefault(scored.pair.type, Tally()).add(scored)

    def types(self) -> list[tuple[str, Tally]]:
        """Each type by name, in natural order: numbers in names by value."""
        return sorted(self._types.items(), key=lambda item: _natural(item[0]))

    def metrics(self) -> dict[str, Any]:
        """All, and under `types` each type by name, if there are any."""
        types = {name: tally.metrics() for name, tally in self.types()}
        return {**self.all.metrics(), **({"types": types} if types else {})}


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
