"""`rnnlm window`: from a table to windows, again with other settings, and one line for what cannot be."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

from rnnlm.tables.series import open_series
from rnnlm.workspace import Workspace

Contents = Callable[[Path], dict[str, bytes]]
SPLITS = ("train", "valid", "test")


def text(rows: int = 200) -> str:
    """A table of hours with two numbers, of which one has gaps, and a word."""
    draw = np.random.Generator(np.random.PCG64(1))
    lines = ["when,level,rain,wind"]
    for row in range(rows):
        rain = "NA" if draw.random() < 0.1 else f"{draw.random():.3f}"
        at = f"2020-01-{row // 24 + 1:02} {row % 24:02}:00"
        lines.append(f"{at},{np.sin(row / 4):.4f},{rain},{'NSW'[draw.integers(3)]}")
    return "\n".join(lines) + "\n"


FLAGS = ("--target", "level", "--time", "when", "--steps", 6)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The table as a file."""
    needs("tables")
    path = tmp_path / "table.csv"
    path.write_text(text())
    return path


@pytest.fixture
def work(tmp_path: Path, run: Any, table: Path) -> Path:
    """A workspace with windows of the table."""
    run("window", table, "--out", tmp_path / "work", *FLAGS).ok()
    return tmp_path / "work"


def test_the_report_is_what_is_on_disk(run: Any, work: Path) -> None:
    report = run("window", work, "--json").ok().json
    assert report["inputs"] == ["level", "rain", "wind=N", "wind=S", "wind=W"]
    assert (report["stage"], report["steps"], report["horizon"], report["features"]) == ("window", 6, 1, 5)
    described = json.loads((work / "window" / "series.json").read_text())
    for key in ("steps", "horizon", "inputs", "targets", "missing_values", "unknown_categories"):
        assert described[key] == report[key]
    for split, rows in zip(SPLITS, (140, 20, 40), strict=True):
        series = open_series(work / "window", split)
        assert report["splits"][split]["shape"] == [len(series), 6, 5] == [rows - 6, 6, 5]
        for part, width in (("inputs", 5), ("targets", 1), ("windows", 2)):
            array = np.load(work / "window" / f"{split}.{part}.npy")
            assert array.shape == (len(series) if part == "windows" else rows, width)


def test_a_person_sees_shapes_inputs_and_gaps(run: Any, work: Path) -> None:
    shown = run("window", work).ok()
    assert "window: up to date" in shown.err
    assert f"next: rnnlm train {work}" in shown.err
    for words in ("windows N", "inputs: level, rain, wind=N", "target: level, 1 row after the last", "missing: rain"):
        assert words in shown.out
    assert not any(line.endswith(" ") and "  " not in line.strip() for line in shown.out.splitlines())


def test_windows_that_are_there_are_up_to_date_and_equal_bytes_come_again(
    tmp_path: Path, run: Any, table: Path, work: Path, contents: Contents
) -> None:
    before = contents(work)
    first = run("window", work, "--json").ok()
    again = run("window", table, "--out", work, "--json").ok()
    assert first.json == again.json
    assert "up to date" in first.err
    assert "up to date" in again.err
    assert contents(work) == before
    run("window", work, "--force").ok()
    assert contents(work) == before
    table.rename(tmp_path / "other.csv")
    run("window", tmp_path / "other.csv", "--out", tmp_path / "second", *FLAGS).ok()
    second = contents(tmp_path / "second")
    assert {name for name in before if before[name] != second[name]} == {"table/table.json", "table/manifest.json",
                                                                         "window/manifest.json"}  # fmt: skip


def test_windows_are_cut_again_from_the_kept_table(run: Any, table: Path, work: Path) -> None:
    table.unlink()
    assert run("window", work, "--horizon", 5, "--json").ok().json["horizon"] == 5
    report = run("window", work, "--missing", "drop", "--json").ok().json
    assert (report["horizon"], report["steps"]) == (5, 6)
    assert report["splits"]["train"]["left_out_with_missing_inputs"] > 0
    origins = run("status", "--settings", work, "--json").ok().json
    assert set(origins) == {"window", "train"}
    assert origins["window"]["horizon"] == {"value": "5", "origin": "workspace"}


def test_the_settings_file_repeats_the_run(
    tmp_path: Path, run: Any, table: Path, work: Path, contents: Contents
) -> None:
    run("window", table, "--out", tmp_path / "second", "--config", work / "settings.toml").ok()
    assert contents(tmp_path / "second" / "window") == contents(work / "window")


def test_status_shows_the_stages_of_series_alone(tmp_path: Path, run: Any, work: Path, corpus: Path) -> None:
    assert run("status", work, "--json").ok().json["stages"] == {"table": "current", "window": "current"}
    run("clean", corpus, "--out", tmp_path / "text").ok()
    assert not {"table", "window"} & set(run("status", tmp_path / "text", "--json").ok().json["stages"])
    (work / "window" / "test.inputs.npy").unlink()
    assert run("status", work, "--json").ok().json["stages"]["window"] == "changed"
    run("window", work).refused(4, "window/test.inputs.npy", f"rnnlm window {work} --force")
    run("window", work, "--force").ok()


def test_a_damaged_table_is_refused_with_the_command_that_reads_it_again(run: Any, table: Path, work: Path) -> None:
    path = work / "table" / "numbers.npy"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    run("window", work, "--steps", 7).refused(4, "table/numbers.npy", f"rnnlm window TABLE --out {work} --force")
    run("status", work, "--accept").refused(4, "cannot be adopted")
    run("window", table, "--out", work, "--force").ok()
    assert Workspace.open(work).state("window") == "current"


def test_another_table_takes_the_place_of_the_first_by_force_alone(
    tmp_path: Path, run: Any, work: Path, contents: Contents
) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n" + "\n".join(f"{row},{row % 5}" for row in range(300)) + "\n")
    before = contents(work)
    run("window", other, "--out", work, "--target", "a").refused(2, "another table", "--force")
    assert contents(work) == before
    report = run("window", other, "--out", work, "--target", "a", "--force", "--json").ok().json
    assert (report["inputs"], report["steps"]) == (["a", "b"], 24)
    assert Workspace.open(work).recorded("window") == {"target": "a"}


def test_text_and_tables_have_workspaces_of_their_own(run: Any, work: Path, corpus: Path, table: Path) -> None:
    run("clean", corpus, "--out", work).refused(2, "something else", "--out")
    run("clean", corpus, "--out", work, "--force").refused(2, "something else")
    run("vocab", work).refused(3, "holds no corpus yet")
    text_work = work.parent / "text"
    run("clean", corpus, "--out", text_work).ok()
    run("window", table, "--out", text_work, *FLAGS).refused(2, "something else")
    run("window", text_work, *FLAGS).refused(3, "holds no table yet", "rnnlm window TABLE")


def test_windows_written_out_are_arrays_of_their_own(run: Any, work: Path) -> None:
    report = run("window", work, "--write", "--json").ok().json
    for split in SPLITS:
        series = open_series(work / "window", split)
        windows = np.load(work / f"windows-{split}.npy")
        assert report["written"][split]["shape"] == list(windows.shape) == [len(series), 6, 5]
        assert np.array_equal(windows, series.batch(np.arange(len(series)))[0].transpose(1, 0, 2))
        assert np.load(work / f"windows-{split}.targets.npy").shape == (len(series), 1)
        assert set(np.load(work / f"windows-{split}.lengths.npy")) == {6}
    assert "written" not in run("window", work, "--json").ok().json


def test_windows_over_a_gigabyte_are_refused(tmp_path: Path, run: Any) -> None:
    needs("tables")
    path = tmp_path / "long.csv"
    path.write_text("y\n" + "\n".join(map(str, range(50000))) + "\n")
    work = tmp_path / "work"
    flags = ("--target", "y", "--steps", 12000, "--fractions", "1,0,0", "--write", "--quiet")
    run("window", path, "--out", work, *flags).refused(2, "1.8 GB", "--steps", "--force")
    assert not list(work.glob("windows-*"))


def test_a_directory_of_frames_is_cut_into_whole_sequences(tmp_path: Path, run: Any) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(10):
        np.save(frames / f"{number}.npy", np.arange(2.0 * (4 + number)).reshape(-1, 2))
    report = run("window", frames, "--out", tmp_path / "work", "--target", "0,1", "--json").ok().json
    assert (report["inputs"], report["targets"], report["steps"]) == (["0", "1"], ["0", "1"], None)
    assert [report["splits"][split]["shape"] for split in SPLITS] == [[7, 9, 2], [1, 10, 2], [2, 12, 2]]


def test_kinds_of_file_give_the_same_windows(
    tmp_path: Path, run: Any, table: Path, work: Path, contents: Contents
) -> None:
    packed = tmp_path / "table.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    run("window", packed, "--out", tmp_path / "packed", *FLAGS).ok()
    assert contents(tmp_path / "packed" / "window")["series.json"] == contents(work / "window")["series.json"]
    assert contents(tmp_path / "packed" / "window")["test.inputs.npy"] == contents(work / "window")["test.inputs.npy"]


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        ((), 2, ("no --target", "when, level, rain, wind")),
        (("--target", "levle"), 3, ("no column 'levle'", "did you mean level?")),
        (("--target", "wind"), 3, ("wind holds texts, not numbers",)),
        (("--target", "level", "--inputs", "when"), 3, ("when holds dates", "--time or --ignore")),
        (("--target", "level", "--ignore", "when", "--steps", 0), 2, ("--steps",)),
        (("--target", "level", "--ignore", "when", "--horizon", -1), 2, ("--horizon",)),
        (("--target", "level", "--ignore", "when", "--steps", 60), 3, ("valid has no window", "20 rows")),
        (("--target", "level,level"), 2, ("--target", "commas")),
        (("--target", "level", "--cycle", "hour"), 2, ("--cycle", "hour=24")),
        (("--target", "level", "--inputs", "rain", "--ignore", "wind"), 2, ("--inputs with --ignore",)),
        (("--target", "level", "--horizon", 0, "--inputs", "level"), 2, ("the answer would stand in the question",)),
        (("--target", "level", "--missing", "zero"), 2, ("--missing", "forward")),
        (("--target", "level", "--fractions", "1,1,1"), 2, ("--fractions", "sum to 1")),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    tmp_path: Path, run: Any, table: Path, flags: tuple[object, ...], code: int, words: tuple[str, ...]
) -> None:
    run("window", table, "--out", tmp_path / "new", *flags).refused(code, *words)
    assert not (tmp_path / "new").exists()


def test_tables_that_are_none_are_one_line_and_leave_nothing(tmp_path: Path, run: Any, table: Path) -> None:
    new = tmp_path / "new"
    bad = {
        "empty.csv": (b"", "is empty"),
        "ragged.csv": (b"a,b\n1,2\n3\n", "line 3"),
        "twice.csv": (b"a,a\n1,2\n", "two columns named 'a'"),
        "stray.csv": (b"a,b\n" + b"1,2\n" * 9 + b"1,two\n" + b"1,2\n" * 9, "line 11: b is 'two'"),
        "notes.txt": (b"words", "no kind of table"),
    }
    for name, (content, words) in bad.items():
        (tmp_path / name).write_bytes(content)
        run("window", tmp_path / name, "--out", new, "--target", "a", "--steps", 1).refused(3, name, words)
        assert not new.exists()
    (tmp_path / "short.csv").write_bytes(b"a,b\n1,2\n3,4\n")
    run("window", tmp_path / "short.csv", "--out", new, "--target", "a").refused(3, "2 rows are too few", "--fractions")
    run("window", tmp_path / "none.csv", "--out", new).refused(3, "does not exist")
    run("window", "--out", new).refused(3, "no table given")
    run("window", table, table, "--out", new).refused(3, "2 tables given")
    run("window", table, "--out", table.parent, "--force").refused(2, "contains the table itself")


def test_a_failure_in_a_workspace_that_was_there_leaves_it_as_it_was(run: Any, work: Path, contents: Contents) -> None:
    before = contents(work)
    run("window", work, "--steps", 1000).refused(3, "no window")
    run("window", work, "--target", "nothing").refused(3, "no column")
    assert contents(work) == before
    assert "up to date" in run("window", work).ok().err


def test_weather_of_five_years(tmp_path: Path, run: Any, shared_data: Path) -> None:
    path = shared_data / "weather" / "beijing.csv"
    if not path.exists():
        pytest.skip("no weather here")
    report = run("window", path, "--out", tmp_path / "work", "--target", "pm2.5", "--steps", 24, "--horizon", 24,
                 "--ignore", "No,year", "--json").ok().json  # fmt: skip
    assert report["missing_values"]["pm2.5"] == 2067
    assert sum(counts["rows"] for counts in report["splits"].values()) == 43824
    assert report["inputs"][-7:] == ["cbwd=NE", "cbwd=NW", "cbwd=SE", "cbwd=cv", "Iws", "Is", "Ir"]
    shutil.rmtree(tmp_path / "work")


def test_categories_that_training_has_not_seen_are_told_of_any_table(run: Any, tmp_path: Path) -> None:
    seen = [f"{'NSEW'[k % 4]},{k % 7}" for k in range(80)]
    (tmp_path / "wind.csv").write_text("wind,speed\n" + "\n".join(seen) + "\n", "utf-8")
    (tmp_path / "new.csv").write_text("wind,speed\n" + "\n".join([*seen[:30], "NNE,3", "NNE,4", "?,2"]) + "\n", "utf-8")
    work = tmp_path / "work"
    run("window", tmp_path / "wind.csv", "--out", work, "--target", "speed", "--steps", 4).ok()
    run("train", work, "--hidden", 4, "--steps", 2, "--batch-size", 4).ok()
    for command in (("predict", work, tmp_path / "new.csv"), ("evaluate", work, "--text", tmp_path / "new.csv")):
        assert "new.csv: wind: 2 values are none of train's" in run(*command).ok().err
        assert "none of train's" not in run(*command, "--quiet").ok().err
    assert "none of train's" not in run("predict", work, tmp_path / "wind.csv").ok().err
