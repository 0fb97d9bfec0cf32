"""What a release has written, later ones read: files made by version 0.1 before its formats were promised.

`fixtures/0.1` holds a workspace with every stage, two sealed networks (one of them with its journal), an n-gram model
and a run that broke off, and a workspace of a table with a forecaster; `expected` is what that version made of them.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

from rnnlm.app.request import SECTIONS
from rnnlm.arrays import read_tensors
from rnnlm.config import as_dict, changed, setting, to_toml
from rnnlm.renamed import RENAMED
from rnnlm.training.settings import TrainSettings

OLD = Path(__file__).resolve().parent / "fixtures" / "0.1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the old files."""
    shutil.copytree(OLD, tmp_path / "old")
    return tmp_path / "old"


def rows(text: str) -> list[list[str]]:
    """A TSV file's cells."""
    return [line.split("\t") for line in text.splitlines()]


def agree(found: str, expected: str) -> None:
    """Equal cells, numbers to the tolerance that scores have between machines."""
    assert len(rows(found)) == len(rows(expected))
    for ours, theirs in zip(rows(found), rows(expected), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            if one != other:
                assert abs(float(one) - float(other)) < 2e-5, (ours, theirs)


@pytest.mark.parametrize("model", ["lstm", "timed", "ngram"])
def test_old_models_give_the_same_scores(old: Path, run: Any, model: str) -> None:
    expected = (old / "expected" / f"{model}.tsv").read_text()
    for place in ([old / "work", "--model", model], [old / "work" / "models" / model]):
        finished = run("score", place[0], old / "lines.txt", *place[1:], "--level", "token", "--quiet").ok()
        agree(finished.out, expected)


def test_an_old_forecaster_gives_the_same_forecast(old: Path, run: Any) -> None:
    needs("tables")
    agree(run("predict", old / "air", old / "table.csv", "--quiet").ok().out, (old / "expected/air.tsv").read_text())


def test_an_old_workspace_is_current(old: Path, run: Any) -> None:
    stages = run("status", old / "work", "--json").ok().json["stages"]
    assert set(stages.values()) == {"current"} and "embed" in stages
    assert run("status", old / "air", "--json").ok().json["stages"] == {"table": "current", "window": "current"}
    for stage in ("clean", "tokenize", "vocab", "pad", "embed"):
        assert f"{stage}: up to date" in run(stage, old / "work").ok().err


def test_an_old_run_that_broke_off_goes_on(old: Path, run: Any) -> None:
    finished = run("train", old / "work", "--name", "cut", "--resume").ok()
    assert "continuing after step 10" in finished.err
    weights = read_tensors(old / "work/models/cut/weights.safetensors", remedy="")
    for name, expected in read_tensors(old / "expected/cut.safetensors", remedy="").items():
        assert np.allclose(weights[name], expected, atol=1e-5), name


def test_an_old_sealed_run_is_found_again(old: Path, run: Any) -> None:
    """What the workspace recorded, and the flags it was given, describe the same run as they did."""
    before = (old / "work/models/lstm/manifest.json").read_bytes()
    flags = ("--steps", 12, "--seed", 1, "--name", "lstm")
    assert "models/lstm: up to date" in run("train", old / "work", *flags).ok().err
    assert (old / "work/models/lstm/manifest.json").read_bytes() == before


def test_a_setting_that_is_added_changes_no_digest() -> None:
    """At its default, whatever class of settings it is added to."""

    @dataclass(frozen=True)
    class More(TrainSettings):
        added: int = setting(3, "a setting of a later version")

    values = as_dict(replace(TrainSettings(), hidden=24))
    later = as_dict(replace(More(), hidden=24))
    assert later == {**values, "added": 3}
    assert changed(More, later) == changed(TrainSettings, values) == {"hidden": 24}
    assert changed(More, {**later, "added": 4}) == {"hidden": 24, "added": 4}


@pytest.mark.parametrize("old_name", RENAMED)
def test_a_renamed_setting_is_read_where_it_was_recorded_and_refused_where_it_is_typed(
    tmp_path: Path, run: Any, corpus: Path, old_name: str
) -> None:
    new = RENAMED[old_name]
    section = next(name for name, kind in SECTIONS.items() if new in kind.__dataclass_fields__)
    value = {
        "embedding_init": "cooccurrence",
        "embedding_std": 0.2,
        "recurrent_init": "orthogonal",
        "pooling": "last",
    }.get(new, True)
    file = tmp_path / "settings.toml"
    file.write_text(to_toml({section: {old_name: value}}))
    found = run("status", "--settings", "--config", file, "--json").ok().json
    assert found[section][new] == {"value": value, "origin": "file"}
    flag, right = (f"--{name.replace('_', '-')}" for name in (old_name, new))
    command = ("train", corpus, "--out", tmp_path / "work", "--quiet")
    run(*command, flag).refused(2, f"{flag} has another name now: use {right}")
    run(*command, f"{flag}=1").refused(2, right)
    variable = {f"RNNLM_{old_name.upper()}": str(value)}
    run(*command, env=variable).refused(2, f"RNNLM_{old_name.upper()}", f"set RNNLM_{new.upper()}")
    assert not (tmp_path / "work").exists()


def test_an_old_run_with_a_budget_is_replayed(old: Path, run: Any) -> None:
    timed = old / "work" / "models" / "timed"
    run("train", old / "work", "--config", timed / "replay.toml", "--name", "again").ok()
    weights = read_tensors(old / "work/models/again/weights.safetensors", remedy="")
    for name, expected in read_tensors(timed / "weights.safetensors", remedy="").items():
        assert np.allclose(weights[name], expected, atol=1e-5), name
