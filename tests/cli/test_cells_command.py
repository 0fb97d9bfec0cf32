"""`rnnlm cells`, and a cell of one's own from its file to a model that outlives the file."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import needs

from rnnlm.model.cells.library import shipped

MINE = "# Mine\nf(t) = sigmoid(U_f x(t) + W_f h(t-1) + b_f)\nh(t) = f(t) * h(t-1) + (1 - f(t)) * tanh(U x(t))\n"
QUICK = ("--hidden", 8, "--embedding", 8, "--steps", 4, "--batch-size", 8)


def test_the_library_is_listed_and_each_cell_shown(run: Any) -> None:
    found = run("cells", "--json").ok().json["cells"]
    assert [each["name"] for each in found] == list(shipped())
    assert all(each["title"] and each["parameters"] > 0 for each in found)
    listed = run("cells").ok().out
    assert all(name in listed for name in shipped())
    shown = run("cells", "lstm-peephole").ok().out
    assert "s(t) = f(t) * s(t-1) + g(t) * c(t)" in shown
    assert "p_g p_f p_q" in shown and "f (keeps a state)" in shown
    assert run("cells", "lstm", "--latex").ok().out.startswith("\\begin{aligned}")


def test_a_cell_is_drawn_compact_and_unfolded(run: Any, tmp_path: Path) -> None:
    needs("plots")
    for name in ("lstm", "output-recurrent", "qrnn"):
        run("cells", name, "--plot", tmp_path / f"{name}.svg").ok()
        drawn = (tmp_path / f"{name}.svg").read_text("utf-8")
        assert "compact" in drawn and "step 3" in drawn and "one step later" in drawn
    assert "a gate" in (tmp_path / "lstm.svg").read_text("utf-8")


def test_what_cannot_be_is_said_in_one_line(run: Any, tmp_path: Path) -> None:
    (tmp_path / "typo.cell").write_text(MINE.replace("sigmoid", "sigmiod"), "utf-8")
    (tmp_path / "binary.cell").write_bytes(b"\xff\xfe\x00")
    where = f"{tmp_path / 'typo.cell'}, line 2, column 8"
    run("cells", tmp_path / "typo.cell").refused(2, where, "did you mean sigmoid?")
    run("train", "builtin:stories", "--out", tmp_path / "w", "--cell", tmp_path / "typo.cell").refused(2, where)
    run("cells", "lstn").refused(2, "no cell 'lstn'", "did you mean lstm?")
    run("cells", "LSTM").refused(2, "did you mean lstm?")
    run("cells", tmp_path / "gone.cell").refused(3, "cannot read the cell")
    run("cells", tmp_path / "binary.cell").refused(3, "it is not text")
    run("cells", tmp_path).refused(3, "cannot read the cell")
    run("cells", "--latex").refused(2, "without a cell")
    run("cells", "lstm", "--equation", "z(t) = 1").refused(2, "replaces no equation of lstm", "g(t), f(t)")
    run("cells", "lstm", "--plot", "lstm.txt").refused(2, "--plot")


def test_a_cell_of_ones_own_is_a_model_like_any_other(run: Any, corpus: Path, tmp_path: Path) -> None:
    cell, work = tmp_path / "mine.cell", tmp_path / "work"
    cell.write_text(MINE, "utf-8")
    trained = run("train", corpus, "--out", work, "--cell", cell, *QUICK).ok()
    assert "the cell mine has weights U_f U, W_f, b_f; state h(t-1)" in trained.err
    assert "models/mine: up to date" in run("train", work, "--cell", cell, *QUICK).ok().err
    cell.write_text(MINE.replace("tanh", "relu"), "utf-8")
    run("train", work, *QUICK).ok()  # other equations are another model
    names = {path.name for path in (work / "models").iterdir() if path.is_dir()}
    assert names == {"mine", "mine-2"}
    cell.unlink()
    model = work / "models" / "mine"
    assert "tanh(U x(t))" in json.loads((model / "config.json").read_text("utf-8"))["architecture"]["equations"]
    assert run("evaluate", model, "--text", corpus, "--json").ok().json["perplexity"] > 1
    run("train", work, "--cell", "lstm", "--from", "mine").refused(2, "--cell with --from")
    run("train", work, "--from", "mine", "--name", "more", "--steps", 2, "--batch-size", 8).ok()
    taken = run("train", work, "--cell", "lstm", "--equation", "f(t) = 1", *QUICK).ok()
    assert "the cell lstm-f has weights U_g U_c U_q" in taken.err
    assert (work / "models" / "lstm-f").is_dir()


@pytest.mark.parametrize("cell", ["mogrifier", "minlstm"])
def test_a_cell_without_the_means_for_a_setting_says_so(run: Any, corpus: Path, tmp_path: Path, cell: str) -> None:
    wrong = ("--temperature-scaling",) if cell == "mogrifier" else ("--forget-bias", 2)
    refused = run("train", corpus, "--out", tmp_path / "work", "--cell", cell, *QUICK, *wrong)
    assert refused.code == 2 and f"{wrong[0]} with --cell {cell}" in refused.err
    run("train", corpus, "--out", tmp_path / "work", "--cell", cell, *QUICK).ok()
