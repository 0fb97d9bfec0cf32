"""Minimal pairs: which of two lines that differ in one respect is more likely under the model?

A pair is correct if the whole first line, `</s>` included, is more likely than the second (Warstadt et al. 2020,
BLiMP); equal costs are not correct.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from rnnlm.corpus.sources import JSON_LINES, plain_name
from rnnlm.errors import InputError
from rnnlm.use.scoring.scored import BITS
from rnnlm.use.scoring.scorer import Scorer

_TOGETHER = 1024  # pairs scored at once
_Z = 1.959964  # of a normal distribution, 95 % lies within so many standard deviations
# What a column of a header is: better text, worse text, type, field; None for another.
_ROLES = {
    **dict.fromkeys(("good", "better", "grammatical", "correct", "acceptable"), 0),
    **dict.fromkeys(("bad", "worse", "ungrammatical", "incorrect", "unacceptable"), 1),
    **dict.fromkeys(("type", "uid", "condition"), 2), **dict.fromkeys(("field", "phenomenon"), 3), "item": None,
}  # fmt: skip
# A header's cell: a name of a column, and no sentence that anyone would ask a model about.
_NAME = re.compile(rf"(?:sentence|text)?[ _-]?({'|'.join(_ROLES)})(?:[ _-]?(?:sentence|text))?", re.I)


@dataclass(frozen=True)
class MinimalPair:
    """A line of a file of pairs, from 1: the better text and the worse one.

    The pair is of a `type`, BLiMP's UID, in a `field` such as syntax; '' where there is none.
    """

    number: int
    good: str
    bad: str
    type: str
    field: str = ""


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
            "line": self.pair.number, "field": self.pair.field, "type": self.pair.type, "good_bits": self.good_bits,
            "bad_bits": self.bad_bits, "correct": self.correct,
        }  # fmt: skip


def is_header(cells: Iterable[str]) -> bool:
    """Whether cells are the names of a table of pairs: `good`, `bad` and the like."""
    return all(_NAME.fullmatch(cell.strip()) for cell in cells)


def read_pairs(lines: Iterable[str], name: str) -> Iterator[MinimalPair]:
    """Pairs from lines `better<TAB>worse` or `better<TAB>worse<TAB>type`, or from JSON Lines as in BLiMP.

    A first line of names (`good`, `bad`, `UID`, `field` and the like) says which column is which. Blank lines are
    skipped. Raises InputError, with the line's number, for any other line.
    """
    json_lines = plain_name(name).endswith(JSON_LINES)
    columns: tuple[int | None, ...] = (0, 1, 2, None)
    least, most = 2, 3
    wanted = "write the better text, a tab, the worse text, and optionally a tab and the type of the pair"
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if json_lines:
            yield _from_json(line, number, name)
            continue
        cells = line.split("\t")
        if number == 1 and is_header(cells):
            columns, most = _columns(cells, name), len(cells)
            least = 1 + max(place for place in columns[:2] if place is not None)
            wanted = f"write {', '.join(cell.strip() for cell in cells)} with tabs between them, as the header says"
            continue
        good, bad, kind, field = (cells[at].strip() if at is not None and at < len(cells) else "" for at in columns)
        if not least <= len(cells) <= most or not (good and bad):
            raise InputError(
                f"{name}, line {number:,}: {len(cells)} {'column' if len(cells) == 1 else 'columns'}, or one empty",
                wanted,
            )
        yield MinimalPair(number, good, bad, kind, field)


def _columns(header: Sequence[str], name: str) -> tuple[int | None, ...]:
    """The places of the better text, the worse one, type and field; InputError where it does not say which is which."""
    roles: list[int | None] = [None] * 4
    for place, cell in enumerate(header):
        match = _NAME.fullmatch(cell.strip())
        role = _ROLES[match[1].lower()] if match else None
        if role is not None and roles[role] is None:
            roles[role] = place
    if roles[0] is None or roles[1] is None:
        raise InputError(f"{name}: the header is {', '.join(header)}", "name the two texts good and bad")
    return tuple(roles)


def _from_json(line: str, number: int, name: str) -> MinimalPair:
    """A record of BLiMP."""
    try:
        record = json.loads(line)
        good, bad = record["sentence_good"], record["sentence_bad"]
        kind, field = record.get("UID", ""), record.get("field")
        field = field if isinstance(field, str) else ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good, bad, kind, field = None, None, "", ""
    if not all(isinstance(each, str) for each in (good, bad, kind, field)):
        raise InputError(f"{name}, line {number:,}: no pair", "write sentence_good, sentence_bad and optionally UID")
    return MinimalPair(number, *(" ".join(str(each).split()) for each in (good, bad, kind, field)))


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
        """Counts, the fraction correct with its interval, and the mean margin of the better line in bits."""
        return {
            "pairs": self.pairs, "correct": self.correct, "accuracy": self.correct / self.pairs if self.pairs else None,
            "accuracy_interval": wilson(self.correct, self.pairs) if self.pairs else None,
            "same": self.same, "with_unknown_words": self.unknown,
            "margin_bits": self.margin_bits / self.pairs if self.pairs else None,
        }  # fmt: skip


def wilson(correct: int, count: int) -> list[float]:
    """The ends of the 95 % interval of a proportion (Wilson 1927), which stays between 0 and 1.

    With p = correct / n they are (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n).
    """
    p, share = correct / count, _Z**2 / count
    middle, half = p + share / 2, math.sqrt(share * p * (1 - p) + share**2 / 4)
    return [max(0.0, (middle - half) / (1 + share)), min(1.0, (middle + half) / (1 + share))]


@dataclass
class Tallies:
    """All pairs, those of each field, and those of each type in its field."""

    all: Tally = field(default_factory=Tally)
    _fields: dict[str, Tally] = field(default_factory=dict)
    _types: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def add(self, scored: ScoredPair) -> None:
        """Count a pair."""
        pair = scored.pair
        self.all.add(scored)
        if pair.field:
            self._fields.setdefault(pair.field, Tally()).add(scored)
        if pair.type:
            self._types.setdefault((pair.field, pair.type), Tally()).add(scored)

    def fields(self) -> list[tuple[str, Tally]]:
        """Each field by name."""
        return sorted(self._fields.items())

    def types(self) -> list[tuple[str, str, Tally]]:
        """Each type with its field, by field and name, in natural order: numbers in names by value.

        A name that several fields have begins with the field.
        """
        found = sorted(self._types.items(), key=lambda item: (item[0][0], _natural(item[0][1])))
        times = Counter(name for (_, name), _ in found)
        return [(of, f"{of}: {name}" if times[name] > 1 else name, tally) for (of, name), tally in found]

    def metrics(self) -> dict[str, Any]:
        """All, and under `fields` and `types` each by name, if there are any."""
        fields = {name: tally.metrics() for name, tally in self.fields()}
        types = {name: tally.metrics() | ({"field": of} if of else {}) for of, name, tally in self.types()}
        return {**self.all.metrics(), **({"fields": fields} if fields else {}), **({"types": types} if types else {})}


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
