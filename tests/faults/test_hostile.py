"""Odd or hostile files: memory is bounded before it is taken, and every use ends with one line and its code."""

import gzip
import json
import os
import shutil
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs
from sealing import forge, reseal

from rnnlm.arrays import read_tensors, write_tensors
from rnnlm.artifacts import json_bytes


def test_a_vocabulary_that_is_claimed_takes_no_memory(trained: Path, run: Any, tmp_path: Path) -> None:
    """`"vocabulary": 100000000` in a small file, well sealed."""
    model = tmp_path / "model"
    shutil.copytree(trained / "models" / "lstm", model)
    config = json.loads((model / "config.json").read_text())
    config["architecture"]["vocabulary"] = 10**8
    forge(model / "config.json", json_bytes(config))
    tracemalloc.start()
    run("evaluate", model, "--text", "builtin:stories").refused(4, "ids")
    assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    tracemalloc.stop()


def test_a_table_of_many_columns_is_read_in_linear_time_and_a_bomb_is_refused(run: Any, tmp_path: Path) -> None:
    needs("tables")
    names = ",".join(f"c{number}" for number in range(4000))
    rows = "".join(",".join(str((row * number) % 7) for number in range(4000)) + "\n" for row in range(3))
    (tmp_path / "a.csv").write_text(f"{names}\n{rows}")
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        flags = ("--target", "c5", "--steps", 1, "--fractions", "1,0,0", "--out", tmp_path / "w")
        run("window", tmp_path / "a.csv", *flags).ok()
    finally:
        sys.setprofile(None)
    assert calls < 4000 * 600
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"0,0\n" * 2**25))
    run("window", tmp_path / "b.csv.gz", "--target", "a", "--out", tmp_path / "x").refused(3, "times its size")


@pytest.mark.parametrize("weights", [1e38, float("nan")])
def test_weights_that_give_no_numbers_end_every_use(trained: Path, run: Any, tmp_path: Path, weights: float) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained / "models" / "lstm", model)
    path = model / "weights.safetensors"
    tensors = {name: np.full(array.shape, weights, np.float32) for name, array in read_tensors(path, remedy="").items()}
    write_tensors(path, tensors)
    reseal(model)
    (tmp_path / "pairs.tsv").write_text("the cat sees\tthe cat see\n")
    (tmp_path / "lists.txt").write_text("u1-1 the cat\nu1-2 the dog\n")
    uses = (
        ("evaluate", model, "--text", "builtin:stories"), ("score", model, tmp_path / "pairs.tsv", "--ids", "tab"),
        ("generate", model), ("generate", model, "--beam", 2), ("next", model),
        ("pairs", model, tmp_path / "pairs.tsv"),
        ("rescore", model, tmp_path / "lists.txt", "--format", "kaldi"), ("slices", model, "--text", "builtin:stories"),
    )  # fmt: skip
    for use in uses:
        ended = run(*use)
        assert ended.code == (6 if weights == 1e38 else 4), (use, ended.err)


def test_reports_from_elsewhere_do_not_break_status(trained: Path, run: Any, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    reseal(work / "models" / "lstm", report={"valid_perplexity": [], "parameters": "x"})
    (work / "models" / "lstm" / "timing.jsonl").write_text('[1]\n{"seconds": "x", "peak_fraction": []}\n')
    assert "valid perplexity -" in run("status", work).ok().out
    os.mkfifo(work / "pipe")
    (work / ".lock").unlink(missing_ok=True)
    (work / "pipe").rename(work / ".lock")
    run("vocab", work, "--force").refused(5, ".lock", "pipe")


def test_numbers_of_400_digits_are_refused(trained: Path, run: Any) -> None:
    many = "1" * 400
    for flags in (("--hidden", many), ("--epochs", many), ("--seed", f"-{many}"), ("--budget", f"{many}m")):
        run("train", trained, "--name", "other", *flags).refused(2, flags[0])
    run("generate", trained, "--max-tokens", many).refused(2, "--max-tokens")
