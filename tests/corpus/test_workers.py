"""Preparation by several processes: the same bytes, bounded reading, an error for a killed one, and nobody is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from working import Killed, Refusing, Shout

import rnnlm.corpus.clean
import rnnlm.corpus.tokenize
import rnnlm.corpus.vocabulary
import rnnlm.workers
from rnnlm.corpus.clean import UnitRule, clean
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.settings import CleanSettings
from rnnlm.corpus.sources import line_blocks
from rnnlm.corpus.tokenize import tokenize
from rnnlm.corpus.vocabulary import VocabRule, vocab
from rnnlm.errors import InputError, OutOfMemoryError
from rnnlm.workers import Pool, Workers

PROGRAM = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
sys.path.insert(0, sys.argv[1])
import rnnlm.workers as workers
from working import Slow
workers.LEAST = 0
if sys.argv[2] == "stop":
    from rnnlm.cli.signals import raise_for_signals
    raise_for_signals()
print("ready", flush=True)
with workers.Pool(2) as pool:
    list(workers.Workers(Slow, pool=pool).map(((b"x", None) for _ in range(9)), 1))
"""


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little there is to do."""
    monkeypatch.setattr(rnnlm.workers, "LEAST", 0)


@pytest.fixture(scope="module")
def two() -> Iterator[Pool]:
    """Two processes, for one test after the other."""
    with Pool(2) as pool:
        yield pool


def blocks(count: int, read: list[int] | None = None) -> Iterator[tuple[bytes, int]]:
    """Small blocks, each with its number; `read` records those that were asked for."""
    for number in range(count):
        if read is not None:
            read.append(number)
        yield str(number).encode(), number


def test_results_come_in_order_and_reading_is_bounded() -> None:
    read: list[int] = []
    with Pool(2) as pool:
        found = Workers(Shout, "!", pool=pool).map(blocks(40, read), 1)
        assert next(found) == ((b"0!", False), 0)
        assert len(read) <= 10
        assert [rest for _, rest in found] == list(range(1, 40))
        again = list(Workers(Shout, "?", pool=pool).map(blocks(3), 1))
    assert again == [((b"0?", False), 0), ((b"1?", False), 1), ((b"2?", False), 2)]


def test_little_text_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnnlm.workers, "ProcessPoolExecutor", None)
    monkeypatch.setattr(rnnlm.workers, "LEAST", 2)
    with Pool(2) as pool:
        assert len(list(Workers(Shout, "!", pool=pool).map(blocks(3), 1))) == 3


def test_an_error_and_a_killed_process_are_raised() -> None:
    with Pool(2) as pool:
        found = Workers(Refusing, pool=pool).map(blocks(9), 1)
        assert [next(found)[1] for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="three"):
            next(found)
    with Pool(2) as pool, pytest.raises(OutOfMemoryError, match="worker process was killed"):
        list(Workers(Killed, pool=pool).map(blocks(3), 1))


@pytest.mark.parametrize(
    ("number", "how"), [(signal.SIGKILL, "kill"), (signal.SIGTERM, "stop"), (signal.SIGINT, "stop")]
)
def test_no_worker_outlives_the_program(number: signal.Signals, how: str) -> None:
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        until = time.monotonic() + 60
        while len(children := _children(process.pid)) < 3:  # two workers, and what tracks resources for them
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(1)  # the workers have begun
        os.kill(process.pid, number)
        process.wait(60)
    while any(_running(child) for child in children):
        assert time.monotonic() < until + 60
        time.sleep(0.05)


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text("utf-8").rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def _running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


TEXT = "The Cat's old hat — 12 mats.\n\n\n“Café!” said <unk> Zoë\t twice.\n¿Qué?\n" * 60 + "one more <s> line </s>\n"


@pytest.mark.parametrize(
    ("kind", "given"), [("word", {"punctuation": "split", "case": "keep"}), ("char", {}), ("bpe", {"sentences": True})]
)
def test_stages_are_the_same_bytes_with_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, given: dict[str, Any], contents: Any, two: Pool
) -> None:
    for module in (rnnlm.corpus.clean, rnnlm.corpus.tokenize, rnnlm.corpus.vocabulary):
        monkeypatch.setattr(module, "line_blocks", lambda path, size=0: line_blocks(path, 400))
    settings = CleanSettings(**given)
    rule, units = CleanRule.of(settings, kind), UnitRule.of(settings, kind)
    (tmp_path / "raw").mkdir()
    for number, split in enumerate(("train", "valid", "test")):
        (tmp_path / "raw" / f"{split}.txt").write_text(TEXT[13 * number :], "utf-8")
    found = []
    for pool in (None, two):
        place = tmp_path / ("alone" if pool is None else "together")
        stages = [place / name for name in ("clean", "tokenize", "vocab")]
        for stage in stages:
            stage.mkdir(parents=True)
        reports = [
            clean(tmp_path / "raw", stages[0], rule, units, lambda count: None, pool),
            tokenize(
                stages[0], stages[1], kind=kind, rule=rule, vocab_size=300, imported=None,
                progress=lambda count: None, pool=pool,
            ),
            vocab(
                stages[1], stages[2], kind=kind, rule=rule, choice=VocabRule(1, None), progress=lambda count: None,
                pool=pool,
            ),
        ]  # fmt: skip
        found.append((reports, contents(place)))
    assert found[0] == found[1]


def test_a_special_string_is_named_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two: Pool) -> None:
    monkeypatch.setattr(rnnlm.corpus.clean, "line_blocks", lambda path, size=0: line_blocks(path, 20))
    settings = CleanSettings(special_in_text="error")
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_text("a plain line\n" * 30 + "an <unk> one\n" + "another\n" * 30, "utf-8")
    with pytest.raises(InputError, match="line 31 has the special string <unk>"):
        clean(
            tmp_path, tmp_path, CleanRule.of(settings, "word"), UnitRule.of(settings, "word"), lambda count: None, two
        )
