"""`rnnlm inspect`: the same metrics in every format, one line for what cannot be, and pictures that are repeatable."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

from rnnlm.views.bars import course

QUICK = ("--positions", 4, "--lags", 6, "--jacobians", 2)


@pytest.fixture(scope="module")
def report(run: Any, trained: Path) -> dict[str, Any]:
    """What is found in the small trained model."""
    finished = run("inspect", trained, *QUICK, "--json").ok()
    assert "NaN" not in finished.out and "Infinity" not in finished.out
    found: dict[str, Any] = finished.json
    return found


def test_the_report_has_every_number(report: dict[str, Any]) -> None:
    assert (report["task"], report["split"], report["context"]) == ("language", "test", "stream")
    assert (report["places"], report["steps"], report["free_run"]) == (4, 172, None)
    assert len(report["model_sha256"]) == len(report["cleaned_sha256"]) == 64
    assert [(each["layer"], each["part"]) for each in report["gradients"]] == [(1, "h"), (1, "s"), (2, "h"), (2, "s")]
    for each in report["gradients"]:
        assert each["lags"] == list(range(7))
        assert each["places"] == [4] * 7
        assert len(each["mean_norm"]) == len(each["median_norm"]) == 7
        assert min(each["mean_norm"]) > 0
    assert [each["block"] for each in report["recurrent_weights"][:4]] == ["W g", "W f", "W c", "W q"]
    for each in report["recurrent_weights"]:
        values = np.array(each["eigenvalues"])
        assert values.shape == (24, 2)
        assert each["spectral_radius"] == pytest.approx(np.hypot(*values.T).max())
        assert each["spectral_radius"] <= each["largest_singular_value"] * (1 + 1e-9)
    for each in report["jacobians"]:
        modulus = np.hypot(*np.moveaxis(np.array(each["eigenvalues"]), -1, 0))
        assert modulus.shape == (2, each["state_size"]) == (2, 48)
        assert each["largest_spectral_radius"] == pytest.approx(modulus.max())
        assert each["share_outside_unit_circle"] == pytest.approx((modulus > 1).mean())
        assert -2 < each["exponent_nats_per_step"] < 0.5
    assert [each["gate"] for each in report["gates"]] == ["g", "f", "q"] * 2
    for each in report["half_lives"]:
        quantiles = list(each["quantiles"].values())
        assert quantiles == sorted(quantiles)
        assert len(each["longest"]) == 10
        assert each["longest"][0]["steps"] >= quantiles[-1]


def test_a_copied_model_on_the_same_text_says_the_same(
    tmp_path: Path, run: Any, trained: Path, report: dict[str, Any]
) -> None:
    model = shutil.copytree(trained / "models" / "lstm", tmp_path / "model")
    again = run("inspect", model, *QUICK, "--text", trained / "raw" / "test.txt", "--json").ok().json
    assert again | {"split": "test"} == report


def test_the_screen_shows_what_the_report_holds(run: Any, trained: Path, report: dict[str, Any]) -> None:
    shown = run("inspect", trained, *QUICK, "--free-run", 30).ok().out
    assert max(map(len, shown.splitlines())) < 140
    for words in ("lag k", "recurrent weights", "∂state(t)/∂state(t−1)", "half-life", "without input", "4 positions"):
        assert words in shown
    for each in report["recurrent_weights"]:
        assert f"{each['spectral_radius']:.3f}" in shown
    for each in report["gradients"]:
        assert f"{each['mean_norm'][5]:.1e}" in shown


def test_a_prompt_is_a_text_of_its_own(run: Any, trained: Path) -> None:
    found = run("inspect", trained, "--prompt", "the old cat sees", "--free-run", 3, "--json").ok().json
    assert (found["places"], found["steps"], found["tokens_read"], found["split"]) == (5, 5, 5, None)
    assert [each["places"] for each in found["gradients"]] == [[5, 4, 3, 2, 1]] * 4
    assert np.shape(found["free_run"]["norms"]) == (4, 2)


def test_a_free_run_from_a_random_start_is_repeated_by_its_seed(run: Any, trained: Path) -> None:
    quick = (*QUICK, "--free-run", 20, "--start", "random", "--json")
    one, two, other = (run("inspect", trained, *quick, "--seed", seed).ok().json for seed in (1, 1, 2))
    assert one == two
    assert one["free_run"]["norms"][0] != other["free_run"]["norms"][0]
    assert one["gradients"] == other["gradients"]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_picture_has_the_same_bytes(tmp_path: Path, run: Any, trained: Path, ending: str) -> None:
    needs("plots")
    for name in ("one", "two"):
        plot, graph = (tmp_path / f"{name}-{what}.{ending}" for what in ("plot", "graph"))
        run("inspect", trained, *QUICK, "--free-run", 9, "--plot", plot, "--graph", graph).ok()
    for what in ("plot", "graph"):
        one, two = ((tmp_path / f"{name}-{what}.{ending}").read_bytes() for name in ("one", "two"))
        assert one == two
        assert len(one) > 5_000


def test_the_graph_alone_needs_no_text(tmp_path: Path, run: Any, trained: Path) -> None:
    needs("plots")
    found = run("inspect", trained / "models" / "lstm", "--graph", tmp_path / "graph.svg", "--json").ok().json
    assert found["graph"]["recurrence"].startswith("①")
    assert "gradients" not in found
    drawn = (tmp_path / "graph.svg").read_text("utf-8")
    assert all(f"<!-- {label} -->" in drawn for label in ("h₁(0)", "h₂(3)", "W₁", "U₂", "V", "x(2)", "L"))


def test_each_recurrence_is_drawn_and_its_parts_are_inspected(tmp_path: Path, run: Any, corpus: Path) -> None:
    needs("plots")
    flags = ("--hidden", 8, "--embedding", 8, "--steps", 3, "--cell", "output-recurrent")
    work = tmp_path / "work"
    run("train", corpus, "--out", work, *flags, "--forcing", "free").ok()
    found = run("inspect", work, *QUICK, "--graph", tmp_path / "graph.png", "--free-run", 9, "--json").ok().json
    assert found["graph"]["recurrence"].startswith("②")
    assert [each["part"] for each in found["gradients"]] == ["h", "ŷ"]
    assert found["recurrent_weights"][0]["eigenvalues"] is None
    assert found["gates"] == found["half_lives"] == []
    run("train", work, *flags, "--forcing", "teacher", "--name", "forced").ok()
    run("inspect", work, *QUICK).refused(2, "no gradient flows back", "--forcing free")
    drawn = run("inspect", work, "--graph", tmp_path / "graph.svg").ok()
    assert "② output to hidden" in drawn.out
    assert "dashed" in (tmp_path / "graph.svg").read_text("utf-8")


def test_models_are_drawn_on_the_same_axes(tmp_path: Path, run: Any, corpus: Path) -> None:
    needs("plots")
    work, flags = tmp_path / "work", ("--hidden", 8, "--embedding", 8, "--steps", 3)
    for cell in ("lstm", "gru"):
        run("train", corpus, "--out", work, *flags, "--cell", cell).ok()
    one = run("inspect", work, *QUICK, "--model", "gru", "--json").ok().json
    found = run("inspect", work, *QUICK, "--model", "lstm,gru", "--plot", tmp_path / "both.svg", "--json").ok().json
    assert list(found["models"]) == ["lstm", "gru"]
    assert found["models"]["gru"] == one
    drawn = (tmp_path / "both.svg").read_text("utf-8")
    assert all(f"<!-- {model}, layer 1, h -->" in drawn for model in ("lstm", "gru"))
    assert "<!-- lstm, gru on test split" in drawn
    run("inspect", work, "--model", "lstm,none").refused(3, "none")
    run("inspect", work, "--model", "lstm,gru", "--graph", "graph.svg").refused(2, "--graph")


def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, run: Any, trained: Path) -> None:
    model = trained / "models" / "lstm"
    run("inspect", trained, "--text", "a.txt", "--prompt", "a").refused(2, "--text with --prompt")
    run("inspect", trained, "--split", "valid", "--prompt", "a").refused(2, "--prompt with --split")
    run("inspect", trained, "--plot", "plot.txt").refused(2, "--plot", ".svg")
    run("inspect", trained, "--graph", "graph").refused(2, "--graph", ".svg")
    run("inspect", trained, "--lags", 0).refused(2, "--lags", "1 or more")
    run("inspect", trained, "--start", "anywhere").refused(2, "random")
    run("inspect", trained, "--prompt", "\udcff").refused(2, "Unicode")
    run("inspect", trained, "--prompt", " ").refused(3, "nothing to predict")
    run("inspect", model).refused(2, "--text FILE")
    run("inspect", trained, "--text", tmp_path / "none.txt").refused(3, "does not exist")
    run("inspect", tmp_path / "none").refused(3)


def test_a_course_shows_decades() -> None:
    assert course(np.array([1.0, 1.0])) == "██"
    assert course(np.array([1.0, 1e-3, 1e-6, 1e-9, 0.0])) == "█▅▁▁ "
    assert course(np.zeros(3)) == "   "
    assert len(course(np.ones(51))) == 16
