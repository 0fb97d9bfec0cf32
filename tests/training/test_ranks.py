"""Several processes take the steps that one takes: gradients, weights, logs, and what a checkpoint of them holds."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from settled_settings import settled_with

from rnnlm.errors import UsageError
from rnnlm.launched import Launch, follows, launched
from rnnlm.training.data_parallel import evenly, tree_sum
from rnnlm.training.following import check_processes
from rnnlm.training.machine import no_promise, this_machine

WORKER = Path(__file__).with_name("ranks_worker.py")
VARIABLES = {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", WORKER, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 11
    for name, case in found.items():
        assert case["gradient"] < 1e-5, name
        assert case["both"] < 1e-4, name
        assert case["turns"] < 1e-4, name
        if "parts" in name or name == "diverging":
            assert (case["same"], case["same in turns"], case["same log"]) == (True, True, True), name


@pytest.mark.parametrize("parts", [1, 2, 4, 8, 32])
@pytest.mark.parametrize("width", [1, 3, 8, 49, 64])
def test_each_process_has_a_branch_of_the_sum(parts: int, width: int) -> None:
    draw = random.Random(parts * width)
    columns = evenly(width, parts)
    assert [n for part in columns for n in range(part.start, part.stop)] == list(range(width))
    costs = [draw.uniform(-1, 1) if part.stop > part.start else None for part in columns]
    whole, processes = tree_sum(costs, float.__add__), 1
    while processes <= parts:
        branches = [tree_sum(costs[own], float.__add__) for own in evenly(parts, processes)]
        assert tree_sum(branches, float.__add__) == whole
        processes *= 2


def test_a_bare_world_size_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert launched() is None
    assert not follows()
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert launched() == Launch(1, 4, 2)
    assert follows()


def test_training_alone_starts_no_group_of_processes(tmp_path: Path, trained: Path) -> None:
    work = shutil.copytree(trained, tmp_path / "work")
    program = (
        "import sys, torch.distributed\n"
        "from rnnlm.cli.run import run\n"
        "torch.distributed.init_process_group = lambda *a, **k: sys.exit(99)\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    more = ("train", str(work), "--steps", "1", "--hidden", "8", "--name", "alone", "--quiet")
    environment = {**os.environ, "WORLD_SIZE": "8", "RANK": "3"}
    done = subprocess.run([sys.executable, "-c", program, *more], capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("batch", "parts", "processes"), [(3, None, 4), (8, 4, 3), (8, 2, 4)])
def test_processes_that_cannot_share_a_batch_are_refused(batch: int, parts: int | None, processes: int) -> None:
    settings = settled_with(steps=1, batch_size=batch, bptt="9", learning_rate=0.1, parts=parts)
    with pytest.raises(UsageError):
        check_processes(settings, processes)
    check_processes(settings, 1)


def test_another_number_of_processes_is_another_machine() -> None:
    one, two = this_machine("cpu", 1), this_machine("cpu", 2)
    assert no_promise(one, one) is None
    doubt = no_promise(one, two)
    assert doubt is not None and doubt.startswith("processes 1 is 2 now")
