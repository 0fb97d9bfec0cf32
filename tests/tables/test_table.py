"""Tables: the same values from every kind of file, and an error that names the position in what is no table."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import needs

from rnnlm.errors import ArtifactError, InputError
from rnnlm.tables import arrow as arrow_table
from rnnlm.tables.source import read_table, table_digest, write_table
from rnnlm.tables.table import Table, number_text, open_table

TEXT = """time,value,wind,mixed,when
1,1.5,NW,1,2010-01-01
2,NA,se,2,2010-01-02 03:00
3,-2e3,,x,2010-01-02T04:05:06.5
4,?,NW,7,
5,+.5,n/a,y,2010-02-01
"""
MISSING = ("", "NA", "n/a", "NaN", "nan", "NULL", "?", "-", "  ")


def written(path: Path, text: str) -> Path:
    """A file of that text, compressed where its name says so."""
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def same(one: Table, other: Table) -> bool:
    """Whether two tables hold the same, whatever files they are from."""
    return (
        one.columns == other.columns
        and np.array_equal(one.numbers, other.numbers, equal_nan=True)
        and np.array_equal(one.codes, other.codes)
    )


def refused(path: Path, *words: str) -> None:
    """The file is refused in one line that has its name and the words."""
    with pytest.raises(InputError) as caught:
        read_table(path)
    for word in (path.name, *words):
        assert word in str(caught.value), (word, str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """The table of `TEXT`."""
    needs("tables")
    return read_table(written(tmp_path / "a.csv", TEXT))


def test_a_column_has_the_kind_that_all_its_known_values_have(table: Table) -> None:
    assert {column.name: column.kind for column in table.columns} == {
        "time": "number",
        "value": "number",
        "wind": "text",
        "mixed": "text",
        "when": "date",
    }
    assert np.array_equal(table.number("value"), [1.5, np.nan, -2000, np.nan, 0.5], equal_nan=True)
    codes, texts = table.labels("wind")
    assert (codes.tolist(), texts) == ([0, 1, -1, 0, -1], ("NW", "se"))
    day = 86400
    seconds = [0, day + 3 * 3600, day + 4 * 3600 + 5 * 60 + 6.5, np.nan, 31 * day]
    assert np.array_equal(table.moment("when") - 1262304000, seconds, equal_nan=True)  # 2010-01-01 in seconds


@pytest.mark.parametrize("word", MISSING)
def test_every_form_of_a_missing_value_is_missing(tmp_path: Path, word: str) -> None:
    needs("tables")
    table = read_table(written(tmp_path / "a.csv", f"a,b,c\n1,x,2020-01-01\n{word},{word},{word}\n3,y,2020-01-02\n"))
    assert [column.kind for column in table.columns] == ["number", "text", "date"]
    assert [table.missing(name) for name in "abc"] == [1, 1, 1]


def test_forms_of_numbers(tmp_path: Path) -> None:
    needs("tables")
    forms = {"7": 7, "+7": 7, "-.5": -0.5, "1.": 1, "1e-3": 0.001, " 2 ": 2, "0x1": None, "1_0": None, "inf": None}
    for form, value in forms.items():
        column = read_table(written(tmp_path / "a.csv", f"a,b\n{form},1\n")).columns[0]
        assert column.kind == ("text" if value is None else "number"), form
        if value is not None:
            assert read_table(tmp_path / "a.csv").number("a")[0] == value
    assert [number_text(value) for value in (3.0, 2.5, -0.0, 1e20)] == ["3", "2.5", "0", "100000000000000000000"]


def test_every_kind_of_file_gives_the_same_table(tmp_path: Path, table: Table) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    quoted = TEXT.replace("NW", '"NW"').replace("\n", "\r\n")
    files = [
        written(tmp_path / "b.tsv", TEXT.replace(",", "\t")),
        written(tmp_path / "c.csv.gz", TEXT),
        written(tmp_path / "d.CSV", "\ufeff" + quoted + "\r\n"),
        tmp_path / "e.parquet",
    ]
    whens = table.moment("when")
    columns = {
        "time": pa.array([1, 2, 3, 4, 5], pa.uint8()),
        "value": pa.array([1.5, None, -2000, None, 0.5], pa.float32()),
        "wind": pa.array(["NW", "se", None, "NW", None]).dictionary_encode(),
        "mixed": pa.array(["1", "2", "x", "7", "y"], pa.large_string()),
        "when": pa.array([None if np.isnan(at) else int(at * 1e9) for at in whens], pa.timestamp("ns")),
    }
    parquet.write_table(pa.table(columns), files[-1])
    for path in files:
        other = read_table(path)
        if path.suffix == ".parquet":  # a row has no line there
            other = replace(other, columns=tuple(replace(c, stray=None) for c in other.columns))
            table = replace(table, columns=tuple(replace(c, stray=None) for c in table.columns))
        assert same(table, other), path


def test_a_table_on_disk_is_the_table_in_memory(tmp_path: Path, table: Table) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    report = write_table(tmp_path / "a.csv", stage)
    assert same(open_table(stage), table)
    assert report["rows"] == table.rows


def test_blocks_of_any_size_give_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("tables")
    rows = [
        f"{row},{'NA' if row % 7 == 0 else row / 8},{'abc'[row % 3]},2020-01-{row % 28 + 1:02}" for row in range(500)
    ]
    path = written(tmp_path / "a.csv", "\n".join(["a,b,c,d", *rows]))
    whole = read_table(path)
    monkeypatch.setattr(arrow_table, "_BYTES", 300)
    assert same(read_table(path), whole)
    assert whole.rows == 500


def test_a_column_that_turns_to_text_late_keeps_its_texts_as_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("tables")
    monkeypatch.setattr(arrow_table, "_BYTES", 64)
    path = written(tmp_path / "a.csv", "a,b\n" + "01,x\n" * 100 + "east,x\n" * 200)
    assert read_table(path).labels("a")[1] == ("01", "east")


def test_an_empty_line_is_a_missing_value_where_there_is_one_column_and_no_row_elsewhere(tmp_path: Path) -> None:
    needs("tables")
    one = read_table(written(tmp_path / "a.csv", "a\n1\n\n3\n"))
    assert np.array_equal(one.number("a"), [1, np.nan, 3], equal_nan=True)
    assert read_table(written(tmp_path / "b.csv", "\na,b\n1,2\n\n3,4\n\n")).number("a").tolist() == [1, 3]


def test_a_stray_text_among_numbers_is_named_by_its_line(tmp_path: Path) -> None:
    needs("tables")
    path = written(tmp_path / "a.csv", 'a,b,c\n1,x,1\n\n2,"two\nlines",bad\n3,y,3\n4,y,4\n5,y,worse\n')
    with pytest.raises(InputError, match=r"a\.csv, line 5: c is 'bad', not a number: .*--categories or --ignore"):
        read_table(path).number("c")
    one = written(tmp_path / "b.csv", "a\n1\n\n2\nx\n")
    with pytest.raises(InputError, match="line 5: a is 'x'"):
        read_table(one).number("a")


def test_what_is_no_number_is_no_number(tmp_path: Path, table: Table) -> None:
    for name, kind in (("wind", "texts"), ("when", "dates")):
        with pytest.raises(InputError, match=f"column {name} holds {kind}, not numbers"):
            table.number(name)
    with pytest.raises(InputError, match=r"'valeu': did you mean value\? It has time, value, wind, mixed, when"):
        table.number("valeu")
    infinite = read_table(written(tmp_path / "b.csv", "a,b\n1,1\n1e999,1\n"))
    with pytest.raises(InputError, match="row 2: a is infinite"):
        infinite.number("a")


def test_a_file_that_is_no_table_is_refused_with_the_position(tmp_path: Path) -> None:
    needs("tables")
    refused(tmp_path / "none.csv", "does not exist")
    refused(written(tmp_path / "a.txt", "a,b\n1,2\n"), "no kind of table", ".parquet")
    refused(written(tmp_path / "b.csv", ""), "is empty")
    refused(written(tmp_path / "c.csv", "a,b\n"), "no rows")
    refused(written(tmp_path / "d.csv", "a,b\n1,2\n\n3\n"), "line 4", "1 values", "2 columns")
    refused(written(tmp_path / "e.csv", "a,b\n1,2\n3,4,5\n"), "line 3", "3 values")
    refused(written(tmp_path / "f.csv", "a,b, a\n1,2,3\n"), "two columns named 'a'")
    (tmp_path / "g.csv").write_bytes(b"a,b\n1,2\n1,\xe9\n")
    refused(tmp_path / "g.csv", "not UTF-8", "iconv")
    (tmp_path / "h.csv.gz").write_bytes(gzip.compress(TEXT.encode() * 99)[:-20])
    refused(tmp_path / "h.csv.gz", "cut short")
    (tmp_path / "i.csv.gz").write_bytes(TEXT.encode())
    refused(tmp_path / "i.csv.gz", "is damaged")
    refused(written(tmp_path / "j.parquet", TEXT), "cannot read")


def test_a_typed_column_that_is_no_series_is_refused(tmp_path: Path) -> None:
    needs("tables")
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": [1, 2], "b": [[1], [2]]}), tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "column b", "list")


def test_the_package_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    refused(written(tmp_path / "a.csv", TEXT), "pip install 'rnnlm[tables]'")


def test_a_directory_of_frames_is_a_table_with_a_sequence_a_file(tmp_path: Path) -> None:
    frames = {"b": np.arange(6.0).reshape(3, 2), "a": np.array([[7, np.nan]], np.float32)}
    for name, array in frames.items():
        np.save(tmp_path / f"{name}.npy", array)
    table = read_table(tmp_path)
    assert [column.name for column in table.columns] == ["0", "1", "file"]
    assert table.sequence_column == "file"
    assert table.labels("file")[0].tolist() == [0, 1, 1, 1]
    assert table.labels("file")[1] == ("a.npy", "b.npy")
    assert table.number("0").tolist() == [7, 0, 2, 4]
    assert table.missing("1") == 1
    single = tmp_path / "single"
    single.mkdir()
    np.save(single / "x.npy", np.array([1, 2], np.int16))
    assert read_table(single).number("0").tolist() == [1, 2]


def test_frames_that_cannot_be_are_named(tmp_path: Path) -> None:
    refused(tmp_path, "holds no .npy file")
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    np.save(tmp_path / "b.npy", np.zeros((3, 3)))
    with pytest.raises(InputError, match=r"b\.npy has 3 numbers in a frame, and a\.npy 2"):
        read_table(tmp_path)
    for array in (np.zeros((2, 2, 2)), np.zeros((0, 2)), np.array(["x"])):
        np.save(tmp_path / "b.npy", array)
        with pytest.raises(InputError, match=r"b\.npy holds"):
            read_table(tmp_path)
    whole = (tmp_path / "a.npy").read_bytes()
    for content in (whole[:-9], whole[:5], b""):
        (tmp_path / "b.npy").write_bytes(content)
        with pytest.raises(InputError, match=r"b\.npy"):
            read_table(tmp_path)


def test_the_digest_is_that_of_names_and_contents(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    np.save(frames / "a.npy", np.zeros((3, 2)))
    before = table_digest(frames)
    (frames / "notes.txt").write_text("not read")
    assert table_digest(frames) == before
    (frames / "a.npy").rename(frames / "b.npy")
    assert table_digest(frames) != before


def test_parts_of_a_stage_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    needs("tables")
    stage = tmp_path / "stage"
    stage.mkdir()
    write_table(written(tmp_path / "a.csv", TEXT), stage)
    good = {name: (stage / name).read_bytes() for name in ("table.json", "numbers.npy", "codes.npy")}
    np.save(tmp_path / "other.npy", np.zeros((5, 2)))
    np.save(tmp_path / "codes.npy", np.full((5, 2), 9, np.int32))
    damages = {
        "table.json": (b"{}", good["table.json"].replace(b'"text"', b'"date"'), b"["),
        "numbers.npy": (good["numbers.npy"][:-8], (tmp_path / "other.npy").read_bytes()),
        "codes.npy": ((tmp_path / "codes.npy").read_bytes(), b""),
    }
    for name, contents in damages.items():
        for content in contents:
            (stage / name).write_bytes(content)
            with pytest.raises(ArtifactError):
                open_table(stage)
        (stage / name).write_bytes(good[name])
    open_table(stage)
