"""The table of scores: columns of one model or of several, of what is passed through, and of the words before."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from rnnlm.errors import InputError, UsageError
from rnnlm.use.scoring.regions import Region
from rnnlm.use.scoring.rows import Row, ScoreRows
from rnnlm.use.scoring.scored import ScoredLine

_POSITION = ("position", "word", "start", "end", "bits", "unknown")
_FIELDS = {
    "line": ("tokens", "bits", "unknown_tokens"),
    "word": _POSITION,
    "token": ("position", "token", "start", "end", "bits", "unknown", "rank", "entropy_bits", "entropy_reduction_bits"),
    "region": (*_POSITION, "words"),
}
_OF_A_MODEL = ("tokens", "bits", "unknown_tokens", "unknown", "words")
_LAGGED = ("bits", "length", "log_frequency")


@dataclass
class Kept:
    """What came with each line that is still to be scored: values to pass through, by `names`, and its regions."""

    names: tuple[str, ...] = ()
    lines: deque[tuple[Any, ...]] = field(default_factory=deque)
    regions: deque[tuple[Region, ...]] | None = None


class ScoreTable:
    """Rows of one level, with the columns of each model named after it where there are several.

    `models` are those by name; with `ids` each row has its line's identifier. With `lags` the rows have columns for
    the words before theirs, such as `bits_1`, which are None where a line begins.
    """

    def __init__(
        self, models: Mapping[str, ScoreRows], level: str, *, ids: bool, kept: Kept | None = None,
        lags: int | None = None,
    ) -> None:  # fmt: skip
        self._models, self._ids, self._kept = models, ids or level == "line", kept or Kept()
        several = len(models) > 1
        self._ends = [f"_{name}" for name in models] if several else [""]
        own = list(_FIELDS[level])
        if self._kept.regions is not None:
            own.insert(1, "region")
        own += [] if lags is None else ["length", "log_frequency"]
        shared = [name for name in own if not (several and name in _OF_A_MODEL)]
        self._own = [] if not several else [name for name in own if name in _OF_A_MODEL]
        columns = [*shared, *(f"{name}{end}" for end in self._ends for name in self._own)]
        lagged = [f"{name}{end}" for name in _LAGGED for end in (self._ends if name == "bits" else [""])]
        self._lagged = [(f"{name}_{lag}", name, lag) for lag in range(1, (lags or 0) + 1) for name in lagged]
        columns += [name for name, _, _ in self._lagged]
        twice = next(
            (name for name in self._kept.names if name in ("line", *(["id"] if self._ids else []), *columns)), None
        )
        if twice is not None:
            raise UsageError(f"--keep {twice}: the rows have a column of that name", "rename it in the file")
        self.fields = ("line", *self._kept.names, *(["id"] if self._ids else []), *columns)

    def of(self, scored: Sequence[ScoredLine]) -> Iterator[Row]:
        """The rows of a line, scored by each model, with the fields in `fields`."""
        line = scored[0].line
        head: Row = {"line": line.number}
        if self._kept.names:
            head |= zip(self._kept.names, self._kept.lines.popleft(), strict=True)
        if self._ids:
            head["id"] = line.id
        regions = None if self._kept.regions is None else self._kept.regions.popleft()
        each = [rows.of(one, regions) for rows, one in zip(self._models.values(), scored, strict=True)]
        found = [self._joined(rows, line.number) for rows in zip_longest(*each)]
        for place, row in enumerate(found):
            before = {name: found[place - lag].get(of) if place >= lag else None for name, of, lag in self._lagged}
            yield {**head, **row, **before}

    def _joined(self, rows: Sequence[Row | None], number: int) -> Row:
        """The row of the first model with the columns of all."""
        first = rows[0]
        if first is None or any(row is None or row.get("word") != first.get("word") for row in rows):
            raise InputError(f"line {number:,}: the models' words are not the same", "score it with one --model")
        found = {name: value for name, value in first.items() if name not in self._own}
        for end, row in zip(self._ends, rows, strict=True):
            found |= {f"{name}{end}": (row or {})[name] for name in self._own}
        return found
