"""The commands of docs/other-tools.md, one after the other, as a reader types them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ("opened",)
ROOT = Path(__file__).resolve().parents[2]


def test_the_page_runs_as_it_is(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "other-tools.md").read_text("utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stories.txt").write_bytes((ROOT / "data" / "stories.txt").read_bytes())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    printed = []
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```$", text, re.M | re.S):
        start = ["bash", "-e", "-c"] if language == "sh" else [sys.executable, "-c"]
        done = subprocess.run(
            [*start, block], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    _, generated, evaluated, surprisals = printed
    assert generated.startswith("<|start|> emma had a ")
    accuracy = float(next(row for row in evaluated.splitlines() if "acc" in row).split("|")[7])
    (tmp_path / "pairs.tsv").write_text(
        "the little dog was happy\tthe little dog were happy\nEmma had a red ball\tEmma had a ball red\n"
    )
    pairs = [sys.executable, "-m", "rnnlm", "pairs", "work", "pairs.tsv", "--json"]
    told = subprocess.run(pairs, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert accuracy == pytest.approx(json.loads(told)["accuracy"])
    own = subprocess.run(
        [sys.executable, "-m", "rnnlm", "score", "work", "-", "--level", "word"], cwd=tmp_path, check=True,
        input="Anna lost the red ball\n", capture_output=True, text=True,
    ).stdout  # fmt: skip
    ours = [row.split("\t")[5] for row in own.splitlines()[1:-1]]
    theirs = [row.split("\t")[1] for row in surprisals.splitlines()]
    assert [f"{float(bits):.3f}" for bits in ours] == theirs
