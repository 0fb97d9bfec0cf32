"""What a first reading learns of a column: numbers or dates in one form, or texts; what counts as missing."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnlm.tables.forms import DATE_FORMS, PLAIN, DateForm, Form, NumberForm
from rnnlm.tables.table import ColumnKind, number_text

MISSING = ("", "na", "n/a", "nan", "null", "?", "-")
_TRIED = 50  # values on which a form of date is tried before all


@dataclass
class Seen:
    """What the first reading learns of a column: the forms that fit so far, with the values that a number form fits."""

    numbers: dict[NumberForm, int]
    dates: list[DateForm] = field(default_factory=lambda: list(DATE_FORMS))
    known: int = 0
    example: str | None = None
    typed: ColumnKind | None = None  # the kind of a column that is no text in the file
    strays: dict[NumberForm, tuple[int, str]] = field(default_factory=dict)  # the first misfit, and its row
    latest: dict[DateForm, int] = field(default_factory=dict)  # of the forms in which dates increase so far

    def add(self, array: Any, first_row: int) -> None:
        """Take in a block that begins at `first_row`."""
        from pyarrow import compute, types  # noqa: PLC0415

        if not types.is_string(array.type):
            self.typed = "date" if types.is_timestamp(array.type) else "number"
            return
        texts = known(array)
        count = len(texts) - texts.null_count
        if not count:
            return
        plain = PLAIN.fits(texts)
        for form, before in self.numbers.items():
            if before < self.known == self.numbers[PLAIN] and plain.true_count == count:
                continue  # out of the question
            # What is plain fits the other forms too; where the comma is the point, without one.
            fits = plain if form is PLAIN or (plain.true_count == count and not form.comma) else form.fits(texts)
            self.numbers[form] += fits.true_count
            if fits.true_count < count:
                index = fits.index(False).as_py()
                self.strays.setdefault(form, (first_row + index, texts[index].as_py()))
        if self.example is None:
            self.example = compute.drop_null(texts)[0].as_py()
        self.known += count
        if plain.true_count:  # no date is a plain number, and trying all forms takes most of the time of reading
            self.dates = []
        some = compute.drop_null(texts)[:_TRIED]
        self.dates = [form for form in self.dates if form.fits(some).false_count == 0]
        self.dates = [form for form in self.dates if self._increases(form, form.read(texts), count)]

    def _increases(self, form: DateForm, dates: Any, count: int) -> bool:
        """Whether all values of a block are dates of this form; notes whether they increase."""
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import compute  # noqa: PLC0415

        if len(dates) - dates.null_count < count:
            return False
        moments = compute.drop_null(dates).cast(pa.int64()).to_numpy(zero_copy_only=False)
        if self.known == count or form in self.latest:
            before = self.latest.pop(form, moments[0])
            if before <= moments[0] and (np.diff(moments) >= 0).all():
                self.latest[form] = int(moments[-1])
        return True

    @property
    def form(self) -> Form | None:
        """The first form that every known value has, of dates the first that increases; plain for no value."""
        numbers: list[Form] = [form for form, count in self.numbers.items() if count == self.known]
        return next(iter([*numbers, *(form for form in self.dates if form in self.latest), *self.dates]), None)

    @property
    def kind(self) -> ColumnKind:
        """The kind of the column."""
        form = self.form
        if self.typed is not None:
            return self.typed
        return "text" if form is None else "number" if isinstance(form, NumberForm) else "date"

    @property
    def stray(self) -> tuple[int, str] | None:
        """The first value of a text column that is no number, and its row, where most are."""
        form = max(self.numbers, key=self.numbers.__getitem__)
        return self.strays[form] if self.kind == "text" and 2 * self.numbers[form] > self.known else None

    @property
    def reading(self) -> str | None:
        """How a form that could be read in another way is read, in words."""
        import pyarrow as pa  # noqa: PLC0415

        form = self.form
        if self.example is None or form in (None, PLAIN) or (isinstance(form, DateForm) and form.format is None):
            return None
        value = form.read(pa.array([self.example]))[0].as_py()
        return f"{self.example!r} is read as {number_text(value) if isinstance(value, float) else value}"


def known(array: Any) -> Any:
    """Texts without spaces at their ends, null for those in `MISSING`."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute  # noqa: PLC0415

    trimmed = compute.utf8_trim_whitespace(array)
    missing = compute.is_in(compute.utf8_lower(trimmed), value_set=pa.array(MISSING))
    return compute.if_else(missing, pa.scalar(None, pa.string()), trimmed)
