"""Saving a checkpoint with every operation of it failing, or the process gone in the middle of it.

Whatever happens, a verified checkpoint at most one save old is found, and never a partial one.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from rnnlm.arrays import write_tensors
from rnnlm.errors import ArtifactError, StorageError
from rnnlm.training.checkpoint import Checkpoints, Good
from rnnlm.training.identity import Identity
from rnnlm.training.journal import Header, Journal
from rnnlm.training.metrics import Log, cut_log

RUN = Identity(
    {"hidden": 3}, {}, {}, "a" * 64, {"format": "a test"}, b"a tokenizer", {"vocab": "b" * 64}, {"threads": 1}
)


# Which of some 115 and 55 calls of a run fail: one of a save and one of the last file's; all of them in `make soak`.
SYSTEM_CALLS = [("fsync", "EIO", [30, 112]), ("rename", "ENOSPC", [20])]
if os.environ.get("RNNLM_KILLS"):
    SYSTEM_CALLS = [("fsync", "EIO", [*range(1, 116)]), ("rename", "EIO", [*range(1, 56)])]


def tensors(step: int) -> dict[str, np.ndarray[Any, Any]]:
    """Some, which tell of their step."""
    return {"model.W": np.full((40, 50), step, np.float32), "noise": np.arange(step, dtype=np.uint8)}


def save(checkpoints: Checkpoints, step: int) -> None:
    """A checkpoint whose good weights are of this very step."""
    good = Good(step, {"W": np.full((4, 5), step, np.float32)}, {})
    checkpoints.write(step, tensors(step), {"step": step}, good)


def found(directory: Path) -> int:
    """The step of the checkpoint that a new process finds, all of it checked."""
    checkpoint = Checkpoints(directory, RUN).newest(lambda text: None)
    assert checkpoint is not None
    for name, array in tensors(checkpoint.step).items():
        assert np.array_equal(checkpoint.tensors[name], array)
    assert checkpoint.state == {"step": checkpoint.step}
    assert (checkpoint.good.weights["W"] == checkpoint.step).all()
    assert checkpoint.machine == {"threads": 1}
    return checkpoint.step


class Shim:
    """Stands between the program and the system: calls `before` each write, sync, rename and new directory.

    `before` gets the number of the operation, from 1, and may raise; a write that fails has written its first half.
    """

    def __init__(self, before: Callable[[int], None]) -> None:
        self._before, self.count = before, 0

    def _operation(self) -> None:
        self.count += 1
        self._before(self.count)

    @contextmanager
    def at_work(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """For a while."""
        with monkeypatch.context() as patch:
            for name in ("fsync", "rename", "replace", "mkdir"):
                patch.setattr(os, name, self._watched(getattr(os, name)))
            opened = Path.open

            def open_watched(path: Path, *arguments: Any, **more: Any) -> Any:
                file = opened(path, *arguments, **more)
                return Written(file, self._operation) if "w" in (arguments or ("r",))[0] else file

            patch.setattr(Path, "open", open_watched)
            yield

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            self._operation()
            return function(*arguments, **more)

        return call


class Written:
    """A file whose writes are operations."""

    def __init__(self, file: Any, operation: Callable[[], None]) -> None:
        self._file, self._operation = file, operation

    def write(self, content: Any) -> int:
        view = memoryview(content)
        try:
            self._operation()
        except OSError:
            self._file.write(view[: len(view) // 2])
            self._file.flush()
            raise
        return int(self._file.write(content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "Written":
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()


def operations(directory: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many operations the third save is made of."""
    checkpoints = Checkpoints(directory, RUN)
    save(checkpoints, 1)
    save(checkpoints, 2)
    shim = Shim(lambda number: None)
    with shim.at_work(monkeypatch):
        save(checkpoints, 3)
    return shim.count


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_any_operation_of_a_save_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    whole = operations(tmp_path / "count", monkeypatch)
    assert whole > 25  # writes, syncs and renames of two directories and seven files
    steps = set()
    for failing in range(1, whole + 1):
        directory = tmp_path / str(failing)
        checkpoints = Checkpoints(directory, RUN)
        save(checkpoints, 1)
        save(checkpoints, 2)

        def fail(number: int, failing: int = failing) -> None:
            if number == failing:
                raise OSError(error, os.strerror(error))

        with Shim(fail).at_work(monkeypatch), pytest.raises(StorageError, match="cannot write"):
            save(checkpoints, 3)
        steps.add(found(directory))
        save(checkpoints, 4)  # the disk is well again
        assert found(directory) == 4
        assert len(list(directory.glob("step-*"))) == 2
        assert not list(directory.glob(".*"))
    assert steps == {2, 3}  # 3 where only the last sync failed: it was there, whole


def test_a_process_may_be_gone_before_any_operation_of_a_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "checkpoints"
    checkpoints = Checkpoints(directory, RUN)
    save(checkpoints, 1)
    save(checkpoints, 2)
    shim = Shim(lambda number: shutil.copytree(directory, tmp_path / f"before-{number}"))
    with shim.at_work(monkeypatch):
        # What the copies themselves do is no operation of the save.
        monkeypatch.setattr(shim, "_before", _quietly(shim, shim._before))
        save(checkpoints, 3)
    steps = []
    for number in range(1, shim.count + 1):
        left = tmp_path / f"before-{number}"
        steps.append(found(left))
        other = Checkpoints(left, RUN)
        other.newest(lambda text: None)
        save(other, 4)
        assert found(left) == 4
        assert not list(left.glob(".*"))
    assert steps == sorted(steps) and set(steps) == {2, 3}


def _quietly(shim: Shim, action: Callable[[int], None]) -> Callable[[int], None]:
    """`action`, during which nothing is counted."""

    def call(number: int) -> None:
        before = shim._before
        shim._before = lambda number: None
        action(number)
        shim._before, shim.count = before, number

    return call


def test_what_is_read_back_must_be_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that forgets silently: the old checkpoints stay, and the save fails."""
    checkpoints = Checkpoints(tmp_path, RUN)
    save(checkpoints, 1)
    save(checkpoints, 2)
    replace = os.replace

    def forget(source: Any, target: Any) -> None:
        replace(source, target)
        if Path(target).name == "state.safetensors":
            content = Path(target).read_bytes()
            Path(target).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", forget)
        with pytest.raises(StorageError, match="is not what was written"):
            save(checkpoints, 3)
    assert found(tmp_path) == 2


def test_damage_is_named_and_the_checkpoint_before_is_used(tmp_path: Path) -> None:
    """Any file of the newest one, also the good weights that it names; where both are damaged, it is an error."""
    for number, name in enumerate(
        ("step-000000000003/state.safetensors", "step-000000000003/state.json", "step-000000000003/manifest.json",
         "best-000000000003/weights.safetensors", "best-000000000003/manifest.json", "best-000000000003/config.json")
    ):  # fmt: skip
        directory = tmp_path / str(number)
        checkpoints = Checkpoints(directory, RUN)
        for step in (1, 2, 3):
            save(checkpoints, step)
        path = directory / name
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1])
                         + content[len(content) // 2 + 1 :])  # fmt: skip
        said: list[str] = []
        again = Checkpoints(directory, RUN)
        checkpoint = again.newest(said.append)
        assert checkpoint is not None and checkpoint.step == 2
        assert name.split("/")[0] in said[0] and "the checkpoint before it is used" in said[0]
        save(again, 5)
        assert sorted(path.name for path in directory.glob("step-*")) == ["step-000000000002", "step-000000000005"]
        shutil.rmtree(directory / "step-000000000005")
        (directory / "step-000000000002" / "state.json").unlink()
        with pytest.raises(ArtifactError, match="step-000000000002 is damaged"):
            Checkpoints(directory, RUN).newest(said.append)


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path: Path) -> None:
    save(Checkpoints(tmp_path, RUN), 1)
    with pytest.raises(ArtifactError, match="of another run"):
        Checkpoints(tmp_path, replace(RUN, sha256="c" * 64)).newest(lambda text: None)
    with pytest.raises(ArtifactError, match="of another run"):
        Checkpoints(tmp_path, replace(RUN, read={"vocab": "d" * 64})).newest(lambda text: None)


def test_good_weights_stay_as_long_as_a_checkpoint_names_them(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, RUN)
    for step, best in ((10, 4), (20, 4), (30, 4), (40, 33), (50, 33)):
        good = Good(best, {"W": np.full(3, best, np.float32)}, {"valid_perplexity_striped": 9.5})
        checkpoints.write(step, tensors(step), {"step": step}, good)
        there = {path.name for path in tmp_path.glob("best-*")}
        assert there == {f"best-{n:012}" for n in ({4} if step < 40 else {4, 33} if step == 40 else {33})}
    checkpoint = Checkpoints(tmp_path, RUN).newest(lambda text: None)
    assert checkpoint is not None
    assert (checkpoint.good.step, checkpoint.good.report) == (33, {"valid_perplexity_striped": 9.5})


def test_tensors_are_written_as_the_format_has_them(tmp_path: Path) -> None:
    """The same bytes as the library's own writer, which makes a copy of everything first."""
    kinds = ("u8", "i8", "f8", "f4", "u4", "i4", "f2", "u2", "i2", "i1", "u1", "?")
    some = {f'{kind} "{n}" é': (np.arange(2 * n) % 2).astype(kind).reshape(n, 2).T for n in (0, 3) for kind in kinds}
    some["scalar"] = np.array(1.5, np.float32)
    for metadata in (None, {"b": "é\n"}):
        path = tmp_path / "x.safetensors"
        write_tensors(path, some, metadata)
        plain = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in some.items()}
        assert path.read_bytes() == safetensors.numpy.save(plain, metadata=metadata)


def test_logs_on_a_full_disk_end_the_run_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=f"cannot write {tmp_path}"), Log(tmp_path) as log:
        log.write({"step": 1}, 0.5)
    path = tmp_path / "journal.tsv"
    with Path("/dev/full").open("wb") as full, Journal(path, Header({}, {}, None)) as journal:
        os.dup2(full.fileno(), journal._file.fileno())
        journal.write(0, 0.0, 0.1, 9)
        with pytest.raises(StorageError, match=f"cannot write {path}"):
            journal.sync()
        with pytest.raises(StorageError, match=f"cannot write {path}"):
            for step in range(1, 10_000):
                journal.write(step, step / 10_000, 0.1, 9)


def test_a_log_is_cut_in_place_at_a_step_and_at_a_line_that_was_not_finished(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [f'{{"step": {step}, "loss": 1.5}}\n' for step in (3, 5, 5, 9)]
    node = None
    for step, ending, kept in ((5, "", 3), (9, '{"step": 9, "lo', 4), (2, "", 0), (99, "no JSON\n" + lines[3], 4)):
        path.write_text("".join(lines) + ending)
        node = node or path.stat().st_ino
        cut_log(path, step)
        assert path.read_text() == "".join(lines[:kept])
        assert path.stat().st_ino == node


def traced(
    call: str, error: str, number: int, command: list[str], *arguments: object
) -> subprocess.CompletedProcess[str]:
    """The command under strace, whose `number`-th such system call fails."""
    inject = ("-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}")
    return subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", *inject, *command, *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def tracing() -> bool:
    """Whether system calls can be made to fail here."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"], check=False
    )
    return tried.returncode == 0


@pytest.mark.skipif(not tracing(), reason="strace is not here, or may not trace; the shim above does the same")
@pytest.mark.parametrize(("call", "error", "numbers"), SYSTEM_CALLS)
def test_a_system_call_that_fails_ends_training_in_one_line_and_it_goes_on(
    tmp_path: Path, command: list[str], run: Any, corpus: Path, contents: Callable[[Path], dict[str, bytes]],
    call: str, error: str, numbers: list[int],
) -> None:  # fmt: skip
    flags = (
        "--hidden",
        16,
        "--batch-size",
        2,
        "--bptt",
        8,
        "--steps",
        40,
        "--set",
        "checkpoint_steps=7",
        "--name",
        "one",
    )
    run("train", corpus, "--out", tmp_path / "whole", *flags).ok()
    expected = contents(tmp_path / "whole" / "models" / "one")
    work = tmp_path / "work"
    for number in numbers:
        shutil.rmtree(work, ignore_errors=True)
        run("vocab", corpus, "--out", work).ok()
        ended = traced(call, error, number, command, "train", work, *flags)
        assert ended.returncode == 5, (number, ended.stderr)
        last = ended.stderr.splitlines()[-1]
        assert last.startswith("rnnlm: cannot write ") and "Traceback" not in ended.stderr
        run("train", work, *flags, "--resume").ok()
        assert contents(work / "models" / "one") == expected
