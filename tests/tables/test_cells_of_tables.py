"""Numbers and dates as people write them: every form is read, a value that has none is named, guesses are said."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from conftest import needs

from rnnlm.corpus.sources import delimiter_of
from rnnlm.tables.gaps import in_words, longest_step
from rnnlm.tables.source import read_table, write_table

needs("tables")


def column(directory: Path, *values: str, separator: str = ",") -> tuple[str, list[float], list[str]]:
    """The kind of a column with these values, its numbers, and what is said of its reading."""
    cells = [f'"{value}"' for value in values]
    path = directory / "t.csv"
    path.write_text(f"x{separator}n\n" + "".join(f"{cell}{separator}{n}\n" for n, cell in enumerate(cells)), "utf-8")
    table, said = read_table(path), write_table(path, directory)["readings"]
    return table.columns[0].kind, table.numbers[:, 0].tolist(), said


@pytest.mark.parametrize(
    ("values", "numbers", "separator"),
    [
        (("1,000", "1,013", "-12,500.5", "7"), [1000, 1013, -12500.5, 7], ","),
        (("1,013", "2,5"), [1.013, 2.5], ","),
        (("1,013", "2,013"), [1.013, 2.013], ";"),
        (("1.013,5", "2.000,25", "7"), [1013.5, 2000.25, 7], ";"),
        (("10,00", "1010,0", ",5"), [10, 1010, 0.5], "\t"),
        (("1 013,5", "2\u00a0000,0", "3\u202f000"), [1013.5, 2000, 3000], ";"),
        (("1'013.5", "2’000"), [1013.5, 2000], ","),
        (("45 %", "3.5%", "-1 %"), [45, 3.5, -1], ","),
        (("45,5 %", "1.000,0%"), [45.5, 1000], ";"),
        (("1.013", "2.500"), [1.013, 2.5], ";"),
        (("NA", "1,000", ""), [np.nan, 1000, np.nan], ","),
    ],
)
def test_numbers_are_read_as_written(
    tmp_path: Path, values: tuple[str, ...], numbers: list[float], separator: str
) -> None:
    kind, found, said = column(tmp_path, *values, separator=separator)
    assert kind == "number"
    assert found == pytest.approx(numbers, nan_ok=True)
    assert bool(said) == (values[0] != "1.013")


@pytest.mark.parametrize(
    ("values", "dates"),
    [
        (("1949-01", "1949-2"), ["1949-01-01", "1949-02-01"]),
        (("Jan 2020", "feb 2020", "March 2020"), ["2020-01-01", "2020-02-01", "2020-03-01"]),
        (("Jan-49", "Feb-49"), ["2049-01-01", "2049-02-01"]),
        (("12/2019", "01/2020"), ["2019-12-01", "2020-01-01"]),
        (("2009Q1", "2009Q4"), ["2009-01-01", "2009-10-01"]),
        (("Q4 2009", "Q1 2010"), ["2009-10-01", "2010-01-01"]),
        (("01.02.2009 00:00:00", "01.02.2009 00:10:00"), ["2009-02-01T00:00", "2009-02-01T00:10"]),
        (("1/31/2020", "2/1/2020"), ["2020-01-31", "2020-02-01"]),
        (("31/1/2020", "1/2/2020"), ["2020-01-31", "2020-02-01"]),
        (("1/1/2020", "2/1/2020", "3/1/2020"), ["2020-01-01", "2020-02-01", "2020-03-01"]),
        (("1/1/2020", "1/2/2020", "1/3/2020"), ["2020-01-01", "2020-01-02", "2020-01-03"]),
        (("3/12/2020", "4/12/2020", "1/1/2021"), ["2020-03-12", "2020-04-12", "2021-01-01"]),
        (("11/12/2020", "1/1/2021", "12/1/2021", "3/2/2021"), ["2020-12-11", "2021-01-01", "2021-01-12", "2021-02-03"]),
        (("1/2/2009 1:00 PM", "1/2/2009 2:30 PM"), ["2009-01-02T13:00", "2009-01-02T14:30"]),
        (("3-Mar-2020", "14-Mar-2020"), ["2020-03-03", "2020-03-14"]),
        (("Mar 3, 2020", "Mar 14, 2020"), ["2020-03-03", "2020-03-14"]),
        (("1/2/09", "2/2/09"), ["2009-01-02", "2009-02-02"]),
    ],
)
def test_dates_are_read_as_written(tmp_path: Path, values: tuple[str, ...], dates: list[str]) -> None:
    kind, found, said = column(tmp_path, *values)
    assert kind == "date"
    utc = datetime.UTC
    assert found == [datetime.datetime.fromisoformat(date).replace(tzinfo=utc).timestamp() for date in dates]
    assert len(said) == 1
    assert f"{values[0]!r} is read as {dates[0][:10]}" in said[0]


@pytest.mark.parametrize(
    "values",
    [("1,000", "about 5"), ("1949-01", "1949-13"), ("1,0,0", "2"), ("31/1/2020", "1/31/2020"), ("2020-01-01", "1 Jan"),
     ("12:30", "12:45"), ("$5", "$6")],
)  # fmt: skip
def test_what_has_no_form_stays_text(tmp_path: Path, values: tuple[str, ...]) -> None:
    assert column(tmp_path, *values)[0] == "text"


def test_plain_numbers_and_iso_dates_are_no_news(tmp_path: Path) -> None:
    assert column(tmp_path, "2020-01-01", "2020-01-02")[2] == []
    assert column(tmp_path, "1", "2.5", "3e4")[2] == []


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;b\n1,5;2,5\n", ";"), ("a,b\n1;2,3\n", ","), ("a\tb\n1,0\t2\n", "\t"), ("a|b\n1|2\n", "|"),
        ("a\n1\n2\n", ","), ("", ","),
        ('a,b\n"x;y",1\n"z, w",2\n', ","), ('a;b\n"x;y, z";1\n', ";"), ("text,more;label\nx, y,z;pos\n", ";"),
    ],
)  # fmt: skip
def test_the_separator_is_the_one_that_gives_every_row_one_width(text: str, delimiter: str) -> None:
    assert delimiter_of(text.splitlines(keepends=True)) == delimiter


YEAR = np.arange("2020-01-01", "2020-12-31", dtype="datetime64[D]")


@pytest.mark.parametrize(
    ("moments", "gaps"),
    [
        (np.arange("2020-01", "2022-01", dtype="datetime64[M]"), 0),
        (np.arange("2000", "2020", dtype="datetime64[Y]"), 0),
        (YEAR[np.is_busday(YEAR)], 0),
        (np.delete(np.arange("2020-01", "2022-01", dtype="datetime64[M]"), 14), 1),
        (np.delete(np.arange("2020-01-01", "2020-03-01", dtype="datetime64[h]"), slice(100, 150)), 1),
        (np.delete(np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]"), [7, 30]), 2),
    ],
)  # fmt: skip
def test_a_gap_is_more_than_a_step_of_the_calendar(moments: np.ndarray, gaps: int) -> None:
    seconds = moments.astype("datetime64[s]").astype(np.float64)
    longest = longest_step(seconds, np.zeros(1, np.int64), dates=True)
    assert int((np.diff(seconds) > longest).sum()) == gaps


def test_a_step_in_words() -> None:
    assert [in_words(step, dates=True) for step in (3600, 7200, 86400, 600)] == [
        "1 hour",
        "2 hours",
        "1 day",
        "10 minutes",
    ]
    assert in_words(2.5, dates=False) == "2.5"
