"""The long form of `test_processes.py`: processes killed and stopped at random; `make soak-processes` runs it."""

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from test_processes import RUN, end_of, numbered, started

KILLS = 20


def test_a_run_whose_processes_are_killed_at_random_ends_in_the_same_bytes(
    tmp_path: Path, corpus: Path, run: Any, contents: Any
) -> None:
    run("train", corpus, "--out", tmp_path / "alone", *RUN).ok()
    work, draw, killed = tmp_path / "work", random.Random(7), 0
    run("vocab", corpus, "--out", work).ok()
    for _ in range(10 * KILLS):
        process = started("train", work, *RUN, "--resume")
        time.sleep(draw.uniform(2, 9))
        if process.poll() is None:
            number = draw.choice((signal.SIGKILL, signal.SIGTERM))
            try:
                os.kill(numbered(process, draw.randrange(2)), number)
                killed += 1
            except (AssertionError, ProcessLookupError):  # it has not begun, or has ended
                process.terminate()
        code, lines = end_of(process)
        assert len(lines) <= 2, lines
        if code == 0 and killed >= KILLS:
            break
        if code == 0:
            shutil.rmtree(work / "models")
    assert killed >= KILLS
    assert contents(tmp_path / "alone" / "models" / "one") == contents(work / "models" / "one")
