"""Memory: what a run will take is known before it starts, what there is too, and running out of it harms nothing."""

import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import Forker

from rnnlm.available import memory_left, process_memory
from rnnlm.model.architecture import Architecture
from rnnlm.model.network import Network
from rnnlm.model.parameters import parameter_count
from rnnlm.training.memory import demand_bytes
from rnnlm.training.settings import SettledSettings, TrainSettings, settled

ARCHITECTURES = {
    "lstm": Architecture("lstm", 300, 24, 32, 2, True),
    "equal sizes": Architecture("lstm", 300, 32, 32, 1, True),
    "not tied": Architecture("gru", 300, 24, 32, 3, False),
    "elman": Architecture("elman", 300, 24, 32, 1, False),
    "peepholes": Architecture("lstm-peephole", 300, 24, 32, 2, True),
    "output-recurrent": Architecture("output-recurrent", 300, 24, 32, 1, True),
    "bands": Architecture("lstm", 300, 24, 32, 1, True, cuts=(20, 100), widths=(24, 24)),
    "shorter rows": Architecture("lstm", 300, 24, 32, 1, True, cuts=(20, 100), widths=(12, 6)),
    "tags": Architecture("gru", 300, 24, 32, 1, False, task="tag", labels=7),
    "forecast": Architecture("lstm", 0, 0, 32, 2, False, task="forecast", features=4, labels=2, direct=True),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_is_counted_without_being_built(name: str) -> None:
    architecture = ARCHITECTURES[name]
    assert parameter_count(architecture) == Network(architecture, torch.Generator()).parameter_count


def settled_with(**given: Any) -> SettledSettings:
    """Settings of which only those that decide about memory are given."""
    return settled(TrainSettings(**given))


def test_more_of_anything_takes_more() -> None:
    settings, steps = settled_with(batch_size=16), 35
    small = demand_bytes(Architecture("lstm", 5_000, 128, 256, 1, True), settings, steps)
    for larger in (
        demand_bytes(Architecture("lstm", 6_000, 128, 256, 1, True), settings, steps),
        demand_bytes(Architecture("lstm", 5_000, 128, 512, 1, True), settings, steps),
        demand_bytes(Architecture("lstm", 5_000, 128, 256, 2, True), settings, steps),
        demand_bytes(Architecture("lstm", 5_000, 128, 256, 1, True), settled_with(batch_size=32), steps),
        demand_bytes(Architecture("lstm", 5_000, 128, 256, 1, True), settings, 70),
        demand_bytes(Architecture("lstm", 5_000, 128, 256, 1, True), settled_with(batch_size=16, average=0.9), steps),
    ):
        assert larger > small
    large, wide = Architecture("lstm", 5_000, 128, 256, 1, True), settled_with(batch_size=32)
    assert demand_bytes(large, wide, steps, 2) > demand_bytes(large, wide, steps)  # each part has gradients of its own
    assert demand_bytes(large, settings, steps, 2) == small  # too narrow for parts


def system(root: Path, files: dict[str, str]) -> tuple[Path, Path]:
    """Folders in the place of /proc and /sys/fs/cgroup."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "proc", root / "groups"


MACHINE = {"proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable:    4000000 kB\n"}
SYSTEMS: dict[str, tuple[dict[str, str], int, str]] = {
    "a machine": ({"proc/self/cgroup": "0::/\n"}, 4_000_000 * 1024, "free memory"),
    "a group": (
        {"proc/self/cgroup": "0::/a/b\n", "groups/a/b/memory.max": "3000000000\n",
         "groups/a/b/memory.current": "1000000000\n", "groups/a/b/memory.stat": "anon 5\ninactive_file 500000000\n"},
        2_500_000_000, "the control group's limit",
    ),
    "a group above": (
        {"proc/self/cgroup": "0::/a/b\n", "groups/a/b/memory.max": "max\n", "groups/a/b/memory.current": "10\n",
         "groups/a/memory.max": "2000\n", "groups/a/memory.current": "500\n"},
        1_500, "the control group's limit",
    ),
    "a container": (
        {"proc/self/cgroup": "0::/docker/x\n", "groups/memory.max": "1000\n", "groups/memory.current": "900\n"},
        100, "the control group's limit",
    ),
    "version 1": (
        {"proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/job\n0::/\n",
         "groups/memory/job/memory.limit_in_bytes": "700\n", "groups/memory/job/memory.usage_in_bytes": "650\n",
         "groups/memory/job/memory.stat": "inactive_file 1\ntotal_inactive_file 30\n"},
        80, "the control group's limit",
    ),
    "version 1 without a limit": (
        {"proc/self/cgroup": "4:memory:/job\n", "groups/memory/job/memory.limit_in_bytes": "9223372036854771712\n",
         "groups/memory/job/memory.usage_in_bytes": "650\n"},
        4_000_000 * 1024, "free memory",
    ),
    "more used than allowed": (
        {"proc/self/cgroup": "0::/a\n", "groups/a/memory.max": "10\n", "groups/a/memory.current": "11\n"},
        0, "the control group's limit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_least_that_is_left_is_found(tmp_path: Path, name: str) -> None:
    files, left, bound = SYSTEMS[name]
    room = memory_left(*system(tmp_path, MACHINE | files))
    assert room is not None and (room.left, room.bound) == (left, bound)


def test_where_nothing_is_told_nothing_is_known(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    assert memory_left(*system(tmp_path, {})) is None
    assert process_memory(tmp_path) == 0


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    with Forker(tmp_path_factory.mktemp("forker")) as one:
        yield one


SIZE = (
    "--hidden",
    512,
    "--batch-size",
    16,
    "--bptt",
    20,
    "--steps",
    6,
    "--set",
    "checkpoint_steps=2",
    "--name",
    "large",
)


def test_a_run_that_does_not_fit_says_so_before_it_starts(
    tmp_path: Path, forker: Forker, trained: Path, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    before = contents(work / "models")
    code, said = forker.start("train", work, *SIZE, memory=200 * 10**6).wait()
    assert code == 7
    last = said.splitlines()[-1]
    assert last.startswith("rnnlm: training needs about") and "ulimit -v" in last and "--hidden" in last
    assert contents(work / "models") == before


def test_a_smaller_batch_is_named_where_it_would_fit(tmp_path: Path, forker: Forker) -> None:
    text = tmp_path / "long.txt"
    text.write_text(("a b c d e f g h " * 40 + "\n") * 200)
    size = ("--hidden", 64, "--batching", "sentences", "--batch-size", 128, "--steps", 1)
    code, said = forker.start("train", text, "--out", tmp_path / "work", *size, memory=350 * 10**6).wait()
    assert code == 7
    last = said.splitlines()[-1]
    assert "use --batch-size 64 (about" in last and "--bptt" not in last
    code, said = forker.start("train", text, "--out", tmp_path / "work", *size, "--batch-size", 64).wait()
    assert code == 0, said


def test_running_out_of_memory_harms_nothing(
    tmp_path: Path, forker: Forker, trained: Path, run: Any, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    """What takes too much is tried under limits all the same, and gone on with where there is none."""
    work = tmp_path / "work"
    shutil.copytree(trained, work)
    before = contents(work)
    for limit in (30, 60, 90, 120):  # before the first step, or in one
        code, said = forker.start("train", work, *SIZE, "--force", memory=limit * 10**6).wait()
        print(limit, said)
        assert code == 7, said
        last = said.splitlines()[-1]
        assert "out of memory" in last and "--batch-size" in last and "--name large --resume" in last
        assert "Traceback" not in said
    after = contents(work)
    settings = {"workspace.json", "settings.toml"}
    assert {name: after[name] for name in before.keys() - settings} == {
        name: each for name, each in before.items() if name not in settings
    }
    code, said = forker.start("train", work, *SIZE, "--resume").wait()
    assert code == 0, said
    assert run("evaluate", work, "--model", "large").ok()


def test_a_plan_of_what_does_not_fit_is_a_plan(run: Any, trained: Path) -> None:
    report = run("train", trained, "--plan", "--hidden", 16384, "--layers", 8, "--json").ok().json
    assert report["peak_bytes"] > 10**11 and report["parameters"] > 10**10
    assert report["tokens_per_second"] is None and report["seconds"] is None
    assert "does not fit into memory" in report["reasons"][0]
    fits = run("train", trained, "--plan", "--hidden", 16, "--epochs", 1, "--json").ok().json
    assert fits["tokens_per_second"] > 0 and fits["seconds"] is not None
    assert fits["memory_left_bytes"] > fits["peak_bytes"] > 10**8
