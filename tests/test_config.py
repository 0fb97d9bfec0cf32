"""Settings: which source wins, what is refused and how it is named, and writing to TOML and reading back."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlm.config import above, at_least, between, read_settings_file, resolve, seconds, setting, to_toml
from rnnlm.errors import InputError, UsageError


@dataclass(frozen=True)
class Sample:
    """A setting of each type."""

    rate: float = setting(0.5, "a rate", above(0))
    count: int | None = setting(None, "a count", at_least(1), auto="all")
    case: Literal["lower", "keep"] = setting("lower", "a choice")
    closed: bool = setting(False, "a switch")
    position: str = setting("here", "a text")
    fraction: float = setting(0.0, "a fraction", between(0, 1, below=True))
    speed: int = setting(1, "outside every record", record=False)


SOURCES: dict[str, dict[str, Any]] = {
    "flag": {"flags": {"count": 5}},
    "environment": {"environment": {"RNNLM_COUNT": "4"}},
    "file": {"file": {"count": 3}},
    "recipe": {"recipe": {"count": 2}},
    "workspace": {"recorded": {"count": 1}},
}


@pytest.mark.parametrize("strongest", range(5))
def test_a_stronger_source_wins_and_is_named(strongest: int) -> None:
    names = list(SOURCES)[strongest:]
    arguments: dict[str, Any] = {"environment": {}}
    for name in names:
        arguments |= SOURCES[name]
    resolved = resolve(Sample, **arguments)
    assert resolved.settings.count == 5 - strongest
    assert resolved.origins["count"] == names[0]
    assert resolved.given() == {"count": 5 - strongest}


def test_defaults_hold_where_nothing_is_given() -> None:
    resolved = resolve(Sample, environment={}, flags={"count": None})
    assert resolved.settings == Sample()
    assert set(resolved.origins.values()) == {"default"}
    assert resolved.given() == {}


def test_what_is_not_recorded_is_never_given() -> None:
    assert resolve(Sample, environment={}, flags={"speed": 3}).given() == {}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"rate": float("nan")}, ["--rate", "finite"]),
        ({"rate": float("inf")}, ["--rate", "finite"]),
        ({"rate": 0.0}, ["--rate", "0.0", "more than 0"]),
        ({"rate": -1.0}, ["--rate"]),
        ({"rate": True}, ["--rate", "number"]),
        ({"rate": "quick"}, ["--rate", "quick", "number"]),
        ({"count": 2.5}, ["--count", "whole number"]),
        ({"count": 0}, ["--count", "1 or more"]),
        ({"count": True}, ["--count", "whole number"]),
        ({"count": [1]}, ["--count", "whole number"]),
        ({"case": "lowr"}, ["--case", "lowr", "lower, keep", "did you mean lower?"]),
        ({"case": ["lower"]}, ["--case"]),
        ({"closed": 3}, ["--closed", "true or false"]),
        ({"position": ["a"]}, ["--position", "text"]),
        ({"position": True}, ["--position", "text"]),
        ({"fraction": 1.0}, ["--fraction", "below 1"]),
        ({"fraction": "nan"}, ["--fraction", "finite"]),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_rule(flags: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        resolve(Sample, flags=flags, environment={})
    for word in words:
        assert word in str(error.value)


def test_a_wrong_value_names_where_it_came_from() -> None:
    with pytest.raises(UsageError, match="RNNLM_RATE"):
        resolve(Sample, environment={"RNNLM_RATE": "quick"})
    with pytest.raises(UsageError, match=r"rate \(file\)"):
        resolve(Sample, environment={}, file={"rate": "quick"})
    with pytest.raises(UsageError, match=r"from workspace"):
        resolve(Sample, environment={}, recorded={"rate": -2.0})


def test_the_environment_speaks_in_text() -> None:
    values = {"RNNLM_RATE": "0.25", "RNNLM_COUNT": "7", "RNNLM_CLOSED": "yes", "RNNLM_CASE": "keep"}
    settings = resolve(Sample, environment=values).settings
    assert settings == Sample(rate=0.25, count=7, closed=True, case="keep")


def write(path: Path, text: str) -> Path:
    """A settings file."""
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("rate = 0.1\nratee = 2\n", UsageError, ["ratee", "did you mean rate?"]),
        ("[sampel]\nrate = 1\n", UsageError, ["[sampel]", "did you mean sample?"]),
        ("[sample]\ncuont = 1\n", UsageError, ["cuont", "[sample]", "did you mean count?"]),
        ("zzzz = 1\n", UsageError, ["zzzz", "rnnlm status --settings"]),
        ("rate = \n", InputError, ["not a TOML file"]),
        ("rate = 1\nrate = 2\n", InputError, ["not a TOML file"]),
    ],
)
def test_a_settings_file_is_refused_by_name(tmp_path: Path, text: str, kind: type[Exception], words: list[str]) -> None:
    path = write(tmp_path / "settings.toml", text)
    with pytest.raises(kind) as error:
        read_settings_file(path, {"sample": Sample})
    for word in [*words, str(path)]:
        assert word in str(error.value)


def test_a_settings_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_settings_file(tmp_path / "none.toml", {"sample": Sample})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(InputError, match="not a TOML file"):
        read_settings_file(tmp_path / "binary.toml", {"sample": Sample})


def test_a_name_in_its_table_beats_one_above_all_tables(tmp_path: Path) -> None:
    path = write(tmp_path / "settings.toml", "rate = 0.1\n[sample]\nrate = 0.2\n")
    assert read_settings_file(path, {"sample": Sample, "other": Sample}) == {
        "sample": {"rate": 0.2},
        "other": {"rate": 0.1},
    }


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=1e-300),
    st.one_of(st.none(), st.integers(1, 2**62)),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_settings_written_as_toml_are_read_back(rate: float, count: int | None, closed: bool, position: str) -> None:
    values = {"rate": rate, "count": count, "closed": closed, "position": position}
    read = tomllib.loads(to_toml({"sample": values}))["sample"]
    assert read == {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize(
    ("text", "number"), [("90", 90), ("60s", 60), ("10m", 600), ("1.5h", 5400), ("0s", 0), (" 2m ", 120)]
)
def test_durations(text: str, number: float) -> None:
    assert seconds(text) == number


@pytest.mark.parametrize("text", ["", "m", "-1s", "1d", "nan", "1e3", "10 m x"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="not a duration"):
        seconds(text)
