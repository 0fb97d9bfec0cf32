"""The forms in which tables write numbers and dates: a column has the first one that all its known values fit.

Plain numbers and ISO dates come first. In 1,013 the comma separates thousands, unless a value shows that it does not,
or the columns are separated by something else. In 1/2/2009 the month comes first, unless only days first increase.
"""

from dataclasses import dataclass
from typing import Any, Protocol

_PLAIN = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_SPACE = "[ '’\u00a0\u202f]"
_PERCENT = r"(\s*%)?"
_OLDEST = -62135596800 + 1500 * 31556952  # seconds since 1970: a year of two digits is no year of our era


class Form(Protocol):
    """A way to write the values of a column."""

    def fits(self, known: Any) -> Any:
        """(n,) whether each text has this form, null where missing."""

    def read(self, known: Any) -> Any:
        """(n,) the texts as float64 or as time stamps, null where missing."""


@dataclass(frozen=True)
class NumberForm:
    """Numbers that match `pattern`, after which the characters `dropped` go, and a `comma` is the decimal point."""

    pattern: str
    dropped: str = ""
    comma: bool = False

    def fits(self, known: Any) -> Any:
        """(n,) whether each text matches."""
        from pyarrow import compute  # noqa: PLC0415

        return compute.match_substring_regex(known, f"^({self.pattern})$")

    def read(self, known: Any) -> Any:
        """(n,) float64; of a percentage the number before the sign."""
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import compute  # noqa: PLC0415

        if self.dropped:
            known = compute.replace_substring_regex(known, rf"{self.dropped}|\s*%$", "")
        if self.comma:
            known = compute.replace_substring(known, ",", ".")
        return known.cast(pa.float64())


@dataclass(frozen=True)
class DateForm:
    """Dates by a format of strptime; ISO dates without one, with an offset from UTC or not (`zone`)."""

    format: str | None = None
    zone: str | None = None

    def fits(self, known: Any) -> Any:
        """(n,) whether each text is such a date."""
        from pyarrow import compute  # noqa: PLC0415

        return compute.if_else(compute.is_null(known), None, compute.is_valid(self.read(known)))

    def read(self, known: Any) -> Any:
        """(n,) time stamps, null also where a text is no such date; of ISO dates all, unless all are."""
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import compute  # noqa: PLC0415

        if self.format is None:
            try:
                return known.cast(pa.timestamp("us", self.zone)).cast(pa.timestamp("us"))
            except pa.ArrowInvalid:
                return pa.nulls(len(known), pa.timestamp("us"))
        if "Q" in self.format:
            known = _months(known)
        read = compute.strptime(known, format=self.format.replace("Q", "%Y-%m"), unit="us", error_is_null=True)
        recent = compute.greater(read, pa.scalar(_OLDEST * 10**6, pa.int64()).cast(pa.timestamp("us")))
        return compute.if_else(recent, read, pa.scalar(None, pa.timestamp("us")))


def _months(known: Any) -> Any:
    """2009Q2, 2009-Q2 and Q2 2009 as the quarter's first month, 2009-04."""
    from pyarrow import compute  # noqa: PLC0415

    for quarter, month in enumerate(("01", "04", "07", "10"), 1):
        known = compute.replace_substring_regex(known, rf"^(\d{{4}})[- ]?[Qq]{quarter}$", rf"\1-{month}")
        known = compute.replace_substring_regex(known, rf"^[Qq]{quarter}[-/ ]?(\d{{4}})$", rf"\1-{month}")
    return known


PLAIN = NumberForm(_PLAIN)
_THOUSANDS = NumberForm(rf"([+-]?\d{{1,3}}(,\d{{3}})+(\.\d*)?|{_PLAIN}){_PERCENT}", ",")
_SPACED = NumberForm(rf"([+-]?\d{{1,3}}({_SPACE}\d{{3}})+(\.\d*)?|{_PLAIN}){_PERCENT}", _SPACE)
_DECIMAL_COMMA = NumberForm(
    rf"[+-]?(\d{{1,3}}(\.\d{{3}})+|\d{{1,3}}({_SPACE}\d{{3}})+|\d*)(,\d+)?{_PERCENT}", rf"[.]|{_SPACE}", comma=True
)
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%m/%d/%y",
         "%d/%m/%y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y")  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%b %Y", "%b-%Y", "%Y-%b", "%Y %b", "%b-%y", "%b %y", "Q")
DATE_FORMS = (DateForm(), DateForm(zone="UTC"), *(DateForm(day + time) for day in _DAYS for time in _TIMES),
              *map(DateForm, _MONTHS))  # fmt: skip


def number_forms(delimiter: str) -> tuple[NumberForm, ...]:
    """The forms of numbers in their order, in a table with that separator of columns."""
    commas = (_THOUSANDS, _DECIMAL_COMMA) if delimiter == "," else (_DECIMAL_COMMA, _THOUSANDS)
    return (PLAIN, *commas, _SPACED)
