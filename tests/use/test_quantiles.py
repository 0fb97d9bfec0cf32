"""Forecasts that learn quantiles: the cost by hand, an interval where noise grows, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import needs

import rnnlm
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.model.outputs.loss import linear_pinball
from rnnlm.model.quantiles import by_quantile, median, pinball
from rnnlm.use.forecasts.interval import Interval

QUANTILES = (0.1, 0.5, 0.9)
GIVEN: dict[str, Any] = {
    "cell": "lstm", "vocabulary": 0, "embedding": 0, "hidden": 5, "layers": 1, "tied": False, "task": "forecast",
    "features": 2, "labels": 6, "quantiles": QUANTILES,
}  # fmt: skip


def architecture(**changed: Any) -> Architecture:
    """A forecast of two values by three quantiles."""
    return Architecture(**{**GIVEN, **changed})


def test_the_cost_is_that_of_a_slow_sum_and_its_gradient_that_of_differences() -> None:
    draws = torch.Generator().manual_seed(1)
    h, V, c = (torch.randn(*shape, generator=draws, dtype=torch.float64) for shape in ((7, 5), (6, 5), (6,)))
    y = torch.randn(7, 2, generator=draws, dtype=torch.float64)
    y[2, 0] = y[5, 1] = float("nan")
    slow = 0.0
    for row in range(7):
        for number, q in enumerate(QUANTILES):
            for target in range(2):
                if not y[row, target].isnan():
                    e = float(y[row, target] - (h[row] @ V[2 * number + target] + c[2 * number + target]))
                    slow += q * e if e > 0 else (q - 1) * e
    assert float(linear_pinball(h, V, c, y, QUANTILES)) == pytest.approx(slow, abs=1e-5)
    V.requires_grad_()
    assert torch.autograd.gradcheck(lambda V: linear_pinball(h, V, c, y, QUANTILES), V)
    outputs = (h @ V.T + c).detach().numpy()
    rising = np.sort(outputs.reshape(7, 3, 2), axis=1)
    assert (median(architecture(), outputs) == rising[:, 1]).all()
    assert (by_quantile(architecture(), outputs) == rising).all()
    cost = pinball(architecture(), rising.reshape(7, 6), y.numpy())
    e = y.numpy()[:, None] - rising
    q = np.array(QUANTILES)[:, None]
    assert np.allclose(cost, np.where(e > 0, q * e, (q - 1) * e).mean(1), equal_nan=True)


def test_what_an_architecture_may_say_of_quantiles() -> None:
    assert architecture().fits()
    assert Architecture.of(json.loads(json.dumps(GIVEN))) == architecture()
    for bad in ((0.1, 0.9), (0.9, 0.5), (0.0, 0.5), (0.5, 1.0), (1, 0.5), ("0.5",)):
        assert not architecture(quantiles=bad).fits()
    assert not architecture(labels=5).fits()
    assert not architecture(cell="output-recurrent").fits()
    assert Network(architecture(), torch.Generator()).bias.shape == (6,)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows whose noise is four times as large where the first column says so."""
    path, draws = tmp_path_factory.mktemp("quantiles") / "table.csv", np.random.default_rng(1)
    noisy = draws.integers(0, 2, 3000)
    values = np.sin(np.arange(3000) / 20)
    values[1:] += draws.normal(0, 1, 2999) * np.where(noisy[:-1] > 0, 0.8, 0.2)
    rows = "".join(f"{n},{value:.4f}\n" for n, value in zip(noisy, values, strict=True))
    path.write_text(f"noisy,x\n{rows}")
    return path


def test_an_interval_is_learned_that_is_wider_where_noise_is_larger(table: Path, run: Any, tmp_path: Path) -> None:
    needs("tables")
    work = tmp_path / "work"
    run("window", table, "--out", work, "--target", "x", "--steps", 8).ok()
    run("train", work, "--quantiles", "0.1,0.5,0.9", "--hidden", "16", "--steps", "600").ok()
    told = run("evaluate", work, "--json").ok().json["interval"]
    assert told["share"] == 0.8
    assert told["by"] == "learned quantiles"
    assert 0.72 < told["coverage"][0] < 0.88
    assert "80% interval by learned quantiles" in run("evaluate", work, "--split", "valid").ok().out
    made = rnnlm.load(work)
    lines = table.read_text().splitlines()
    widths = {}
    for noisy in (0, 1):
        part = tmp_path / f"{noisy}.csv"
        part.write_text("\n".join([*lines[:-1], f"{noisy},{lines[-1].split(',')[1]}"]) + "\n")
        (row,) = made.future(part)  # type: ignore[union-attr]
        assert row.lower is not None and row.upper is not None
        assert row.lower["x"] < row.values["x"] < row.upper["x"]
        widths[noisy] = row.upper["x"] - row.lower["x"]
    assert widths[1] > 2 * widths[0]
    alone = run("predict", work / "models" / "lstm", table, "--future").ok()
    assert "no interval" not in alone.err
    assert alone.out.splitlines()[0] == "row\tstep\tx\tx lower\tx upper"
    needs("plots")
    run("evaluate", work, "--plot", tmp_path / "plot.svg").ok()
    assert "interval" in (tmp_path / "plot.svg").read_text()
    run("report", work, "--out", tmp_path / "page.html").ok()
    assert "Interval of 80% by learned quantiles" in (tmp_path / "page.html").read_text("utf-8")


def test_the_pinball_loss_of_an_interval_is_at_its_own_quantiles() -> None:
    truth = np.random.default_rng(1).normal(size=(4000, 1))
    for low, high in ((0.5, 0.9), (0.1, 0.95), (0.1, 0.9)):
        ends = [np.full((4000, 1), np.quantile(truth, q)) for q in (low, high)]
        told = Interval(*ends, (low, high), "made").described(np.zeros((4000, 1)), truth)
        levels = zip((low, 0.5, high), (ends[0], 0 * truth, ends[1]), strict=True)
        slow = np.mean([np.maximum(q * (truth - made), (q - 1) * (truth - made)).mean() for q, made in levels])
        assert told["pinball"] == pytest.approx([slow])
        assert told["coverage"] == pytest.approx([high - low], abs=1e-3)


@pytest.mark.parametrize("given", ["0.1,0.9", "0.5", "0.9,0.5,0.1", "0,0.5,0.9", "a", "0.1 0.5"])
def test_quantiles_that_are_none_are_exit_2(given: str, table: Path, run: Any, tmp_path: Path) -> None:
    ended = run("train", tmp_path / "work", "--quantiles", given)
    assert ended.code == 2
    assert "with 0.5 among them" in ended.err


def test_quantiles_of_another_task_are_exit_2(table: Path, run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the dog ran\n" * 30)
    ended = run("train", tmp_path / "a.txt", "--out", tmp_path / "work", "--quantiles", "0.1,0.5,0.9")
    assert (ended.code, "--quantiles with another task" in ended.err) == (2, True)
    needs("tables")
    run("window", table, "--out", tmp_path / "series", "--target", "x", "--steps", 4).ok()
    ended = run("train", tmp_path / "series", "--quantiles", "0.1,0.5,0.9", "--cell", "output-recurrent")
    assert (ended.code, "a cell that feeds it back" in ended.err) == (2, True)
