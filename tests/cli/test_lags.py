"""`rnnlm corpus TASK --study`: the table, the object, the picture, and what is refused before anything is trained."""

from pathlib import Path
from typing import Any

import pytest
from conftest import needs

QUICK = ("--steps", 3, "--hidden", 6, "--batch-size", 4)


def test_the_table_has_a_row_for_each_network_and_a_column_for_each_lag(run: Any) -> None:
    result = run("corpus", "recall", "--study", "--lags", "3,5", "--cells", "elman,lstm", *QUICK).ok()
    title, header, *rows, note = result.out.splitlines()
    assert title == "recall: accuracy by lag; a guess has 12.5 %"
    assert header.split() == ["network", "3", "5"]
    assert [row.split()[0] for row in rows] == ["elman", "lstm"]
    assert all(row.count("%") == 2 for row in rows)
    assert "log U(1, T - 1)" in note
    finished = [line for line in result.err.splitlines() if " after 3 steps in " in line]
    assert [line.split(":")[0] for line in finished] == ["lag 3, elman", "lag 3, lstm", "lag 5, elman", "lag 5, lstm"]


@pytest.mark.parametrize(
    ("task", "measure", "guess"),
    [("recall", "accuracy", 1 / 8), ("copy", "accuracy", 1 / 8), ("adding", "mean_squared_error", 1 / 6)],
)
def test_one_object_holds_every_figure(run: Any, task: str, measure: str, guess: float) -> None:
    result = run("corpus", task, "--study", "--lags", "4", *QUICK, "--json", "--quiet").ok()
    assert result.err == ""
    report = result.json
    assert (report["task"], report["measure"], report["guess"]) == (task, measure, guess)
    assert (report["lags"], report["steps"], report["hidden"]) == ([4], 3, 6)
    assert [each["network"] for each in report["runs"]] == report["networks"]
    assert len(report["runs"]) == 5
    for each in report["runs"]:
        assert each["lag"] == 4
        assert each["steps"] == 3
        assert each["seconds"] > 0
        assert each[measure] >= 0


def test_a_network_that_diverged_says_so(run: Any, tmp_path: Path) -> None:
    needs("plots")
    flags = (
        "recall",
        "--study",
        "--lags",
        "3",
        "--cells",
        "elman",
        "--steps",
        30,
        "--learning-rate",
        "1e38",
        "--hidden",
        6,
    )
    assert "diverged" in run("corpus", *flags, "--learning-rate", "1e38", "--plot", tmp_path / "lags.svg").ok().out
    assert (tmp_path / "lags.svg").exists()


@pytest.mark.parametrize("task", ["recall", "adding"])
def test_the_same_study_draws_the_same_picture(run: Any, tmp_path: Path, task: str) -> None:
    needs("plots")
    for name in ("one.svg", "two.svg"):
        run("corpus", task, "--study", "--lags", "3,4", "--cells", "gru,elman", *QUICK, "--plot", tmp_path / name).ok()
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_given_forget_bias_is_stated(run: Any) -> None:
    flags = ("recall", "--study", "--lags", "3", "--cells", "gru", *QUICK)
    report = run("corpus", *flags, "--forget-bias", 2, "--json").ok().json
    assert report["forget_bias"] == "2"
    assert "log U(1, T - 1)" in run("corpus", *flags, "--json").ok().json["forget_bias"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["recal"], 2, ["recal"]),
        (["--lags", "5,x"], 2, ["--lags", "5,10,20"]),
        (["--lags", "5,5"], 2, ["--lags", "each once"]),
        (["--lags", "0"], 2, ["--lags", "from 1"]),
        (["--lags", ""], 2, ["--lags"]),
        (["--cells", "elman,ltsm"], 2, ["--cells", "did you mean lstm?"]),
        (["--cells", "gru,gru"], 2, ["--cells", "once"]),
        (["--clip", "0"], 2, ["--clip", "more than 0"]),
        (["--steps", "0"], 2, ["--steps"]),
        (["adding", "--lags", "1", "--quiet"], 2, ["at least 2"]),
        (["--plot", "lags.txt"], 3, ["lags.txt", ".png, .svg or .pdf"]),
    ],
)
def test_what_cannot_be_meant_is_refused_before_training(
    run: Any, arguments: list[str], code: int, words: list[str]
) -> None:
    task = () if arguments[0] in ("recal", "adding") else ("recall",)
    assert run("corpus", *task, *arguments, "--study").refused(code, *words).out == ""
