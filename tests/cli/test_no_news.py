"""Healthy use gives no new notice: the built-in corpora and data sets at hand, with the documented commands."""

from pathlib import Path
from typing import Any

import pytest
from conftest import needs

# The notices of every run: what ran first, what comes next, and the counts of labeled texts.
_USUAL = ("next: ", "clean: ran first", "tokenize: ran first", "raw: 20", "raw: 1")


def news(said: str) -> list[str]:
    """The notices that are not of every run."""
    return [line for line in said.splitlines() if not line.startswith(_USUAL)]


@pytest.mark.parametrize("name", ["builtin:stories", "builtin:melodies"])
def test_built_in_corpora(run: Any, tmp_path: Path, name: str) -> None:
    assert news(run("vocab", name, "--out", tmp_path / "work").ok().err) == []


def test_penn_treebank_and_shakespeare(run: Any, tmp_path: Path, shared_data: Path) -> None:
    assert news(run("vocab", shared_data / "ptb", "--prepared", "--out", tmp_path / "ptb").ok().err) == []
    plays, flags = shared_data / "shakespeare" / "input.txt", ("--fractions", "0.9,0.1,0")
    said = run("vocab", plays, "--prepared", "--kind", "char", *flags, "--out", tmp_path / "plays").ok().err
    assert news(said) == []


def test_surnames_one_by_one_and_together(run: Any, tmp_path: Path, shared_data: Path) -> None:
    for path in sorted((shared_data / "names").glob("*.txt")):
        said = run("vocab", path, "--kind", "char", "--case", "keep", "--out", tmp_path / path.stem).ok().err
        assert news(said) == [], path.stem
    said = (
        run("vocab", shared_data / "names", "--task", "classify", "--kind", "char", "--out", tmp_path / "all").ok().err
    )
    assert news(said) == []


def test_the_weather(run: Any, tmp_path: Path, shared_data: Path) -> None:
    needs("tables")
    path = shared_data / "weather" / "beijing.csv"
    assert news(run("window", path, "--target", "pm2.5", "--ignore", "No", "--out", tmp_path / "air").ok().err) == []
