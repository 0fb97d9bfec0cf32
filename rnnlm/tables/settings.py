"""The settings of the stage from a table to windows; imports nothing heavy, so that `--help` stays quick."""

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rnnlm.config import Check, at_least, setting
from rnnlm.corpus.settings import parse_fractions
from rnnlm.errors import UsageError

Missing = Literal["forward", "mean", "drop"]
Scaling = Literal["standard", "minmax", "none"]
STEPS = 24
_DIGITS = 15  # of a horizon
CALENDAR = ("hour", "weekday", "month")  # cycles in which a date lies


def column_names(text: str | None) -> tuple[str, ...]:
    """'a, b' as two names, none for None; a name with a comma is in double quotes. UsageError for no such list."""
    if text is None:
        return ()
    names = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))
    if not names or "" in names or len(set(names)) != len(names):
        raise UsageError(f"{text!r} is no list of columns", "write different names with commas between them")
    return names


def column_periods(text: str | None) -> dict[str, float]:
    """'hour=24,month=12' as {name: period}, none for None; UsageError for anything else."""
    periods: dict[str, float] = {}
    for part in column_names(text):
        name, _, period = (each.strip() for each in part.rpartition("="))
        try:
            value = float(period)
        except ValueError:
            value = 0.0
        if not name or name in periods or not 0 < value < math.inf:
            raise UsageError(f"{text!r} gives no period to each column", "write it as hour=24,month=12")
        periods[name] = value
    return periods


def calendar_parts(text: str | None) -> tuple[str, ...]:
    """'hour,month' as names of cycles of the calendar, none for None; UsageError for others."""
    parts = column_names(text)
    if not set(parts) <= set(CALENDAR):
        raise UsageError(f"{text!r} is no list of {', '.join(CALENDAR)}", f"name some of {', '.join(CALENDAR)}")
    return parts


def horizons_of(text: str | int) -> tuple[int, int]:
    """'24' as (24, 24), '1-24' as (1, 24); UsageError for anything else."""
    first, dash, last = str(text).partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not dash)) or len(str(text)) > _DIGITS:
        raise UsageError(f"{text!r} is no horizon", "write a number of rows, 0 or more, or a range as 1-24")
    found = int(first), int(last or first)
    if dash and not 0 < found[0] < found[1]:
        raise UsageError(f"{text!r} is no horizon", "a range begins with 1 or more, and rises: 1-24")
    return found


def _read_by(parse: Callable[[str], Any]) -> Check:
    """A check that `parse` can read a text."""

    def check(text: str) -> str | None:
        try:
            parse(text)
        except UsageError as error:
            return error.hint
        return None

    return check


def task_of(label: str | None, *, each: bool) -> Literal["forecast", "classify", "tag"]:
    """What a network learns: a label for each sequence, or for each row, or what comes next."""
    return "forecast" if label is None else "tag" if each else "classify"


@dataclass(frozen=True)
class WindowSettings:
    """How a table becomes windows of inputs (N, T, F) and what is to be forecast from each."""

    target: str | None = setting(
        None, "the columns to forecast, as a,b", _read_by(column_names),
        auto="none; name it, or --label", basic=True,
    )  # fmt: skip
    label: str | None = setting(
        None,
        "a column of labels to learn, one for each --group, or with --label-each for each row",
        auto="none",
        basic=True,
    )
    label_each: bool = setting(False, "a label for each row")
    steps: int | None = setting(
        None, "rows in a window (T)", at_least(1), auto=f"{STEPS}; the whole sequence where --cut is group", basic=True
    )
    horizon: str = setting(
        "1", "rows ahead of a window's end, or 1-24", _read_by(horizons_of),
        basic=True,
    )  # fmt: skip
    inputs: str | None = setting(
        None, "the columns that a model reads", _read_by(column_names),
        auto="all but --ignore, --time and --group, and the target where --horizon is 0", group="columns", basic=True,
    )  # fmt: skip
    ignore: str | None = setting(
        None, "columns that are no inputs", _read_by(column_names), auto="none", group="columns"
    )
    time: str | None = setting(
        None, "a column of numbers or dates in which the rows must increase", auto="none", basic=True
    )
    gaps: Literal["skip", "cross"] | None = setting(
        None, "windows that run over a gap in --time: skip or keep them",
        auto="skip, where that leaves 80 % of the windows",
    )  # fmt: skip
    group: str | None = setting(None, "a column whose values distinguish several sequences", auto="none", basic=True)
    cut: Literal["group", "time"] | None = setting(
        None, "what --fractions divide: groups, or their rows in time",
        auto="group; time, where they are too few", basic=True,
    )  # fmt: skip
    categories: str | None = setting(
        None, "columns whose numbers are names of categories", _read_by(column_names), auto="columns of text"
    )
    cycle: str | None = setting(
        None, "columns that repeat after a period: hour=24,month=12", _read_by(column_periods), auto="none"
    )
    calendar: str | None = setting(
        None, "inputs from the dates of --time: hour,weekday,month",
        _read_by(calendar_parts), auto="none", basic=True,
    )  # fmt: skip
    missing: Missing = setting(
        "forward", "missing inputs: last value, mean, or no window",
        basic=True,
    )  # fmt: skip
    scaling: Scaling = setting("standard", "numbers to mean 0 and deviation 1, or to 0…1, or left alone")
    relative: bool = setting(
        False, "for trends: the target less its value in a window's first row"
    )  # fmt: skip
    fractions: str = setting(
        "0.7,0.1,0.2", "fractions of train, valid, test in the order of time; 0 allowed", _read_by(parse_fractions)
    )
    stride: int = setting(1, "rows from the start of a window to the start of the next", at_least(1))
    write: bool = setting(False, "write the windows out, for other programs", record=False)

    @staticmethod
    def fitting(recorded: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """The recorded settings without those of a target where a label is given, and the other way round."""
        dropped: tuple[str, ...] = ()
        if given["label"] is not None:
            dropped = ("target", "horizon", "relative")
        elif given["target"] is not None:
            dropped = ("label", "label_each")
        return {name: value for name, value in recorded.items() if name not in dropped}

    def check(self) -> None:
        """A column has one role."""
        if self.inputs is not None and self.ignore is not None:
            raise UsageError("--inputs with --ignore", "give one of them")
        targets, inputs = column_names(self.target), column_names(self.inputs)
        both = [name for name in targets if name in inputs]
        if horizons_of(self.horizon) == (0, 0) and both:
            raise UsageError(
                f"--target {both[0]} is among --inputs with --horizon 0", "the answer would stand in the question"
            )
        self._check_label()
        if self.calendar is not None and self.time is None:
            raise UsageError("--calendar without --time", "name the column of dates with --time")
        if self.cut == "time" and self.group is None:
            raise UsageError("--cut time without --group", "rows of one series are cut in time anyway; omit it")
        for name in column_periods(self.cycle):
            if name in column_names(self.categories):
                raise UsageError(f"{name} is in --cycle and --categories", "name it in one of them")
        for name in filter(None, (self.time, self.group)):
            if name in targets:
                raise UsageError(f"--target {name} orders or groups the rows", "choose another target")

    def _check_label(self) -> None:
        """A label in place of a target."""
        if self.label is None:
            if self.label_each:
                raise UsageError("--label-each without --label", "name the column of labels with --label")
            return
        if self.target is not None or self.horizon != "1" or self.relative:
            raise UsageError("--label with --target, --horizon or --relative", "labels are not forecast; omit them")
        if self.label in (*column_names(self.inputs), self.group, self.time):
            raise UsageError(f"--label {self.label} has another role too", "the answer would stand in the question")
