"""Training killed, stopped and crowded at random moments: what is resumed ends in the bytes of a run left alone."""

import contextlib
import os
import random
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import Forker, Running

KILLS = int(os.environ.get("RNNLM_KILLS", "20"))  # of each kind; `make soak-kills` asks for 200
FLAGS = ("--hidden", 16, "--batch-size", 2, "--bptt", 8, "--steps", 150, "--dropout-recurrent", 0.2, "--average", 0.99,
         "--set", "checkpoint_steps=13", "--name", "one")  # fmt: skip
Contents = Callable[[Path], dict[str, bytes]]


@pytest.fixture(scope="module")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    with Forker(tmp_path_factory.mktemp("forker")) as one:
        yield one


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, run: Any, story_lines: Any) -> Path:
    """A workspace that can be trained on at once; to be copied."""
    directory = tmp_path_factory.mktemp("prepared")
    text = directory / "corpus.txt"
    text.write_text("\n".join(story_lines(150)) + "\n", "utf-8")
    run("vocab", text, "--out", directory / "work").ok()
    return directory / "work"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, forker: Forker, prepared: Path) -> tuple[Path, float]:
    """The model of a run that was left alone, and how long it took."""
    work = tmp_path_factory.mktemp("undisturbed") / "work"
    shutil.copytree(prepared, work)
    started_at = time.monotonic()
    code, message = forker.start("train", work, *FLAGS).wait()
    assert code == 0, message
    return work / "models" / "one", time.monotonic() - started_at


def disturbed(
    forker: Forker, work: Path, wait: Callable[[], float], numbers: tuple[int, ...], ends: set[int]
) -> tuple[int, str]:
    """Resume the run and send it signals, the first after some time; its exit code, which is 0 or in `ends`."""
    running = forker.start("train", work, *FLAGS, "--resume")

    def disturb() -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            for number in numbers:
                time.sleep(wait())
                os.kill(running.process_id, number)

    thread = threading.Thread(target=disturb)
    thread.start()
    code, message = running.wait()
    thread.join()
    assert code in ends | {0}, (code, message)
    return code, message


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_disturbed_at_any_moment_ends_in_the_same_bytes(
    tmp_path: Path, forker: Forker, prepared: Path, undisturbed: tuple[Path, float], contents: Contents,
    number: signal.Signals,
) -> None:  # fmt: skip
    model, seconds = undisturbed
    draw = random.Random(number)
    expected = contents(model)
    done, runs = 0, 0
    ends = {-signal.SIGKILL} if number == signal.SIGKILL else {128 + number, -number}
    while done < KILLS:
        work, runs = tmp_path / f"work-{runs}", runs + 1
        shutil.copytree(prepared, work)
        for _ in range(10):
            code, message = disturbed(forker, work, lambda: draw.uniform(0, 0.5 * seconds), (number,), ends)
            if code == 0:
                break
            done += 1
            if code == 128 + number and "a checkpoint is saved" in message:
                assert shlex.split(message.splitlines()[-1].partition("continue with: ")[2]) == [
                    "rnnlm", "train", str(work), "--name", "one", "--resume",
                ]  # fmt: skip
        code, message = forker.start("train", work, *FLAGS, "--resume").wait()
        assert code == 0, message
        assert contents(work / "models" / "one") == expected, f"run {runs}"
        assert (work / "models" / "LATEST").read_text() == "one\n"
        assert not [path for path in work.rglob("*") if path.name.endswith((".partial", ".old"))]
        shutil.rmtree(work)


def test_a_second_interrupt_stops_at_once_and_does_no_harm(
    tmp_path: Path, forker: Forker, prepared: Path, undisturbed: tuple[Path, float], contents: Contents
) -> None:
    model, seconds = undisturbed
    draw = random.Random(2)
    work = tmp_path / "work"
    shutil.copytree(prepared, work)
    stopped_at_once, tries = 0, 0
    while not stopped_at_once or tries < 5:
        tries += 1
        assert tries < 50, "the second one is always late"
        waits = iter([draw.uniform(0.1, 0.3) * seconds, draw.uniform(0, 0.003)])
        two = (signal.SIGINT, signal.SIGINT)
        code, message = disturbed(forker, work, lambda waits=waits: next(waits), two, {130})  # type: ignore[misc]
        stopped_at_once += "stopped at once" in message
        assert "Traceback" not in message
        if code == 0:
            shutil.rmtree(work / "models")
    code, message = forker.start("train", work, *FLAGS, "--resume").wait()
    assert code == 0, message
    assert contents(work / "models" / "one") == contents(model)


def begun(forker: Forker, work: Path, *flags: object) -> Running:
    """A training that continues until it is stopped, and has saved a checkpoint."""
    running = forker.start("train", work, "--hidden", 16, "--steps", 10**6, "--set", "checkpoint_steps=9", *flags)
    running.until(lambda: bool(list(work.glob("models/lstm/checkpoints/step-*"))))
    return running


def test_a_hangup_saves_and_names_the_command_that_continues(
    tmp_path: Path, forker: Forker, prepared: Path, run: Any
) -> None:
    work = tmp_path / "work"
    shutil.copytree(prepared, work)
    running = begun(forker, work)
    same = ("train", work, "--hidden", 16, "--steps", 10**6, "--quiet")
    run(*same, "--resume").refused(2, "another rnnlm trains", str(work / "models" / "lstm"))
    run("train", work, "--name", "lstm", "--force", "--quiet").refused(2, "another rnnlm trains")
    os.kill(running.process_id, signal.SIGHUP)
    code, message = running.wait()
    assert code == 129
    assert "stopped by SIGHUP, a checkpoint is saved" in message
    assert f"rnnlm train {work} --name lstm --resume" in message.splitlines()[-1]


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    """As nohup has it."""
    from rnnlm.cli.show.train import Watcher
    from rnnlm.cli.terminal import Terminal, console

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Watcher(Terminal(json_output=False, quiet=True), console(sys.stderr)).watching() as watcher:
            os.kill(os.getpid(), signal.SIGHUP)
            assert watcher.stop_signal() is None
            os.kill(os.getpid(), signal.SIGTERM)
            assert watcher.stop_signal() == signal.SIGTERM
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_goes_on_with_nothing_but_its_own_data_and_settings(
    tmp_path: Path, forker: Forker, prepared: Path, run: Any, story_lines: Any
) -> None:
    work = tmp_path / "work"
    shutil.copytree(prepared, work)
    running = begun(forker, work)
    os.kill(running.process_id, signal.SIGKILL)
    assert running.wait()[0] == -signal.SIGKILL
    same = ("train", work, "--hidden", 16, "--steps", 10**6, "--resume", "--quiet")
    run(*same, "--hidden", 17).refused(2, "hidden 16, now 17", "--force")
    run(*same, "--dropout", 0.5, "--seed", 4).refused(2, "now 0.5; seed 1, now 4")
    run("vocab", work, "--min-count", 3).ok()
    run(*same).refused(2, "was begun with other settings or data", "the data of vocab")
    run("vocab", work, "--min-count", 2).ok()
    checkpoints = work / "models" / "lstm" / "checkpoints"
    running = forker.start("train", work, "--hidden", 16, "--steps", 10**6, "--resume", "--threads", 2)
    running.until(lambda: "continuing after step" in forker.errors.read_text("utf-8"))
    os.kill(running.process_id, signal.SIGTERM)
    code, message = running.wait()
    assert code == 143
    assert "threads 1 is 2 now: the bytes may differ from those of an undisturbed run" in message
    newest = max(checkpoints.glob("step-*"))
    (newest / "state.safetensors").write_bytes(b"\0" * 100)
    running = forker.start("train", work, "--hidden", 16, "--steps", 10**6, "--resume")
    running.until(lambda: "continuing after step" in forker.errors.read_text("utf-8"))
    os.kill(running.process_id, signal.SIGTERM)
    code, message = running.wait()
    assert code == 143
    assert f"{newest} is damaged: " in message and "; the checkpoint before it is used" in message
