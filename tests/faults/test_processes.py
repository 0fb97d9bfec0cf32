"""`torchrun -m rnnlm train`: what is shown and left when a process is killed, stopped, or given what it cannot do."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "rnnlm")
RUN = ("--hidden", "16", "--batch-size", "8", "--bptt", "8", "--steps", "400", "--set", "checkpoint_steps=20",
       "--parts", "2", "--name", "one", "--quiet")  # fmt: skip
CHECKPOINT = "models/one/checkpoints/step-*/manifest.json"


def started(*arguments: object) -> subprocess.Popen[str]:
    """A run of two processes."""
    command = [*TORCHRUN, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(*arguments: object) -> tuple[int, list[str]]:
    """How it ends, and the lines that rnnlm shows."""
    return end_of(started(*arguments))


def end_of(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """The exit code, and the lines of a started run that rnnlm shows."""
    _, said = process.communicate(timeout=120)
    return process.returncode, [line for line in said.splitlines() if line.startswith("rnnlm: ")]


def numbered(process: subprocess.Popen[str], rank: int) -> int:
    """The process id of a rank."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
            variables = (path / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == process.pid and f"RANK={rank}".encode() in variables:
            return int(path.name)
    raise AssertionError(f"there is no rank {rank}")


def wait_for(path: Path, pattern: str) -> None:
    """Until a file is there."""
    until = time.monotonic() + 60
    while not any(path.glob(pattern)):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_killed_process_ends_the_run_in_one_line_and_nothing_is_lost(
    tmp_path: Path, corpus: Path, run: Any, contents: Any
) -> None:
    run("train", corpus, "--out", tmp_path / "alone", *RUN).ok()
    work = tmp_path / "work"
    process = started("train", corpus, "--out", work, *RUN)
    wait_for(work, CHECKPOINT)
    os.kill(numbered(process, 1), signal.SIGKILL)
    code, (line,) = end_of(process)
    assert code == 1  # torchrun's
    resume = f"rnnlm train {work} --name one --resume"
    assert line == f"rnnlm: rank 0 ends with exit code 5: rank 1 is lost, as after kill -9: continue with: {resume}"
    assert ended("train", work, *RUN, "--resume") == (0, [])
    alone, together = (contents(each / "models" / "one") for each in (tmp_path / "alone", work))
    assert alone == together


def test_a_signal_to_any_process_stops_the_run_with_a_checkpoint(tmp_path: Path, corpus: Path, run: Any) -> None:
    work = tmp_path / "work"
    process = started("train", corpus, "--out", work, *RUN)
    wait_for(work, CHECKPOINT)
    os.kill(numbered(process, 1), signal.SIGTERM)
    code, (line,) = end_of(process)
    assert code == 1
    assert line.startswith("rnnlm: rank 0 ends with exit code 143: stopped by SIGTERM, a checkpoint is saved: continue")
    finished = run("train", work, *RUN[:-1], "--resume").ok()
    assert "continuing after step" in finished.err
    assert "processes" not in finished.err  # --parts gives the same bytes


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("evaluate", "{work}"), 2, "rnnlm evaluate under torchrun: only train takes several processes"),
        (("train", "{work}", "--plan"), 2, "--plan under torchrun: it measures one process"),
        (("train", "{work}/nowhere.txt", "--out", "{work}-2"), 3, "nowhere.txt does not exist"),
    ],
)
def test_what_several_processes_cannot_do_is_one_line(
    trained: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    work = shutil.copytree(trained, tmp_path / "work")
    ends, (line,) = ended(*(each.format(work=work) for each in arguments))
    assert ends == 1
    assert line.startswith(f"rnnlm: rank 0 ends with exit code {code}: ")
    assert words in line
