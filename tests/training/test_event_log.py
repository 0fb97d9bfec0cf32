"""Events for TensorBoard: every line of the log once, whatever happens to the run."""

import errno
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import needs

from rnnlm.errors import InputError, StorageError
from rnnlm.training.event_log import EventLog, check_event_log
from rnnlm.training.progress import Progress


def events(directory: Path) -> list[tuple[int, str, float]]:
    """Step, name and value of each event; a record is its length, a checksum, the event, a checksum."""
    needs("tensorboard")
    from tensorboardX.proto.event_pb2 import Event

    (path,) = directory.glob("events.out.tfevents.*")
    content, found, place = path.read_bytes(), [], 0
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        event = Event.FromString(content[place + 12 : place + 12 + length])
        found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
        place += length + 16
    return found


def logged(path: Path) -> list[tuple[int, str, float]]:
    """The same of a `metrics.jsonl`."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [(row["step"], name, value) for row in rows for name, value in row.items() if name != "step"]


def same(directory: Path, log: Path) -> None:
    """Events and lines are the same, up to float32."""
    ours, theirs = sorted(logged(log)), sorted(events(directory))
    assert [each[:2] for each in ours] == [each[:2] for each in theirs]
    assert [each[2] for each in theirs] == pytest.approx([each[2] for each in ours], rel=1e-6)


class Silent:
    """An observer that counts."""

    steps = 0

    def progress(self, progress: Progress) -> None:
        self.steps += 1

    def notice(self, text: str) -> None:
        raise AssertionError

    def stop_signal(self) -> int | None:
        return 15


def test_lines_become_events_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("tensorboard")
    monkeypatch.setattr("rnnlm.training.event_log._BETWEEN", 0.0)
    log, target, watcher = tmp_path / "metrics.jsonl", tmp_path / "events", Silent()
    done = Progress(1, 0.1, 0.1, 1.0, 10, 1.0, "valid", None)
    lines = [json.dumps({"step": n, "loss": 1 / n, "epoch": n / 7}) + "\n" for n in range(1, 10)]
    with EventLog(watcher, tmp_path, target) as observer:
        assert observer.stop_signal() == 15
        observer.progress(done)
        log.write_text("".join(lines[:3]) + lines[3][:5])
        observer.progress(done)
        log.write_text("".join(lines[:6]))
        observer.progress(done)
    assert watcher.steps == 3
    same(target, log)
    log.write_text("".join(lines[:4]))  # a checkpoint was of step 4
    with EventLog(watcher, tmp_path, target) as observer:
        observer.progress(done)
        log.write_text("".join(lines))
    same(target, log)


def test_a_full_disk_is_an_error_and_no_end_of_the_run_hides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("tensorboard")
    from tensorboardX.record_writer import RecordWriter

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rnnlm.training.event_log._BETWEEN", 0.0)
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n')
    with pytest.raises(StorageError), EventLog(Silent(), tmp_path, tmp_path / "events") as observer:
        monkeypatch.setattr(RecordWriter, "write", full)
        observer.progress(Progress(1, 0.1, 0.1, 1.0, 10, 1.0, "valid", None))
    monkeypatch.undo()
    with pytest.raises(ValueError, match="of the run"), EventLog(Silent(), tmp_path, tmp_path / "events"):
        monkeypatch.setattr(RecordWriter, "write", full)
        raise ValueError("of the run")
    monkeypatch.undo()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        EventLog(Silent(), tmp_path, tmp_path / "file" / "events")


def test_a_killed_run_that_goes_on_has_each_step_once(corpus: Path, tmp_path: Path, run: Any) -> None:
    needs("tensorboard")
    work = tmp_path / "work"
    flags = ["--hidden", "8", "--embedding", "8", "--steps", "3000", "--set", "checkpoint_steps=20", "--name", "lstm"]
    command = [sys.executable, "-m", "rnnlm", "train", corpus, "--out", work, *flags, "--log-to", "tensorboard"]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while len(list(work.glob("models/lstm/checkpoints/step-*"))) < 2:
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    run("train", work, "--name", "lstm", "--resume", "--log-to", "tensorboard").ok()
    same(work / "tensorboard" / "lstm", work / "models" / "lstm" / "metrics.jsonl")


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(InputError, match="needs tensorboardX"):
        check_event_log()
