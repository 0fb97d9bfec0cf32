"""The table of cases, one test for each: the exit code, the one line, and nothing that was there harmed."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cases import CASES
from conftest import needs
from places import GOOD, Place

from rnnlm import files

ENDINGS = {".zst": "zstd", ".csv.gz": "tables"}  # of files that only an extra reads
_PATIENCE = 120  # seconds after which a case that hangs is ended; none is measured by it


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """A case that waits for something that does not come fails."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", CASES)
def test_a_case(
    tmp_path: Path,
    run: Any,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(files, "_PATIENCE", 0.05)
    case = CASES[name]
    place = Place(tmp_path, trained, run)
    command = case.command(place)
    for extra in {extra for ending, extra in ENDINGS.items() for each in command if str(each).endswith(ending)}:
        needs(extra)
    if case.code:
        corpus = tmp_path / "corpus.txt"
        before = corpus.read_bytes() if corpus.exists() else None
        finished = run(*command, "--quiet")
        finished.refused(case.code, *case.words)
        assert finished.out == "" or command[0] == "score"  # whose header comes before it opens the text
        assert before is None or corpus.read_bytes() == before
    else:
        finished = run(*command).ok()
        assert case.holds(place, finished), finished
    assert capfd.readouterr() == ("", "")  # what libraries would write past Python


@pytest.mark.parametrize(("stream", "code", "said"), [("closed", 141, ""), ("/dev/full", 5, "No space left")])
def test_standard_output_that_takes_nothing(
    trained: Path, command: list[str], tmp_path: Path, stream: str, code: int, said: str
) -> None:
    text = tmp_path / "a.txt"
    text.write_bytes(GOOD * 20)
    if stream == "closed":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(stream, os.O_WRONLY)
    score = [*command, "score", str(trained), str(text), "--quiet"]
    done = subprocess.run(score, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == code, done.stderr
    assert said in done.stderr and len(done.stderr.splitlines()) == (1 if said else 0)


def test_a_read_only_directory_is_found_before_anything_is_read(run: Any, trained: Path) -> None:
    """As somebody who may not write there: root may write anywhere."""
    with tempfile.TemporaryDirectory(prefix="rnnlm-test-") as name:
        root = Path(name)
        (root / "corpus.txt").write_bytes(GOOD)
        (root / "closed").mkdir()
        (root / "closed").chmod(0o555)
        root.chmod(0o755)
        run("clean", root / "corpus.txt", "--out", root / "open").ok()  # all modules are there now
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            out = run("train", root / "corpus.txt", "--out", root / "closed" / "work", "--quiet")
            picture = run("cells", "lstm", "--plot", root / "closed" / "lstm.png", "--quiet")
        finally:
            os.seteuid(user)
        out.refused(5, "cannot write", "closed/work", "--out")
        picture.refused(5, "cannot write", "closed/lstm.png")


def test_a_model_outlives_a_directory_that_vanishes(tmp_path: Path, run: Any) -> None:
    """What was trained is written where it was to be, though the workspace was removed meanwhile."""
    import shutil

    from rnnlm.training.checkpoint import Checkpoints

    work, write, calls = tmp_path / "work", Checkpoints.write, []

    def vanish(self: Checkpoints, *arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            shutil.rmtree(work)
        write(self, *arguments)

    (tmp_path / "corpus.txt").write_bytes(GOOD)
    size = ("--hidden", "8", "--batch-size", "2", "--bptt", "8", "--steps", "6", "--set", "checkpoint_steps=2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "write", vanish)
        run("train", tmp_path / "corpus.txt", "--out", work, *size).ok()
    assert len(calls) == 2
    run("generate", work / "models" / "lstm").ok()
