"""What the tests share: the command line in this process and as a process of its own, small texts, a small model."""

import importlib.util
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# One thread each: the tests are small, and others may be at work on the same cores.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RNNLM_THREADS"] = "1"
for variable in ("RNNLM_DEBUG", "RNNLM_JSON", "RNNLM_QUIET"):
    os.environ.pop(variable, None)

settings.register_profile("rnnlm", deadline=None, derandomize=True, database=None)
settings.load_profile("rnnlm")

# The packages of each extra that tests import or make a command import. `make test-core` has none of them.
EXTRAS = {
    "dev": ("hatchling", "kenlm"),
    "midi": ("mido",),
    "onnx": ("onnx", "onnxruntime"),
    "plots": ("matplotlib",),
    "tables": ("pyarrow",),
    "tensorboard": ("tensorboardX",),
    "zstd": ("zstandard",),
}


def installed(extra: str) -> bool:
    """Whether the packages of an extra are here."""
    return all(importlib.util.find_spec(package) for package in EXTRAS[extra])


def needs(extra: str) -> None:
    """Skip the test or module that calls this, or that uses the fixture that calls it, where an extra is missing."""
    if not installed(extra):
        pytest.skip(f"needs the extra {extra}: pip install 'rnnlm[{extra}]'", allow_module_level=True)


def zstandard_frame(content: bytes) -> bytes:
    """Compressed content; nothing where the extra `zstd` is missing, and then what reads it is skipped."""
    if not installed("zstd"):
        return b""
    import zstandard

    return zstandard.compress(content)


SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON object that it must be."""
        return json.loads(self.out)

    def ok(self) -> "Finished":
        """The same, after a check that it ended well."""
        assert self.code == 0, self.err
        return self

    def refused(self, code: int, *words: str) -> "Finished":
        """The same, after a check that it ended with `code` and one line that holds `words`."""
        assert self.code == code, (self.code, self.err)
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("rnnlm: ")
        for word in words:
            assert word in lines[0], (word, lines[0])
        return self


Run = Callable[..., Finished]


@pytest.fixture(scope="session")
def run() -> Run:
    """The command line run in this process: `run("clean", path, stdin=b"…", env={…})`."""

    def call(*arguments: object, stdin: bytes = b"", env: dict[str, str] | None = None) -> Finished:
        from rnnlm.cli.run import run as run_command_line

        names = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
        handlers = {name: signal.getsignal(name) for name in names}
        streams, environment = (sys.stdin, sys.stdout, sys.stderr), dict(os.environ)
        out, err = io.BytesIO(), io.BytesIO()
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        sys.stdout = io.TextIOWrapper(out, "utf-8", newline="\n")
        sys.stderr = io.TextIOWrapper(err, "utf-8", newline="\n", write_through=True)
        os.environ.update(env or {})
        try:
            code = run_command_line([str(argument) for argument in arguments])
            sys.stdout.flush()
        finally:
            written, said = sys.stdout, sys.stderr
            sys.stdin, sys.stdout, sys.stderr = streams
            os.environ.clear()
            os.environ.update(environment)
            for name, handler in handlers.items():
                signal.signal(name, handler)
        result = Finished(code, out.getvalue().decode(), err.getvalue().decode())
        written.detach()
        said.detach()
        return result

    return call


@pytest.fixture(scope="session")
def command() -> list[str]:
    """What starts the command line as a process; warnings are errors there too.

    All but one: torch 2.6 makes a temporary directory that is removed, with a warning, when the process ends.
    """
    return [sys.executable, "-W", "error", "-W", "ignore:Implicitly cleaning up:ResourceWarning", "-m", "rnnlm"]


@contextmanager
def warm(directory: Path, env: dict[str, str] | None = None) -> Iterator[list[str]]:
    """What starts a program, `rnnlm` or `python`, as a fork of a server that runs meanwhile: see `warm.py`."""
    program, listening = Path(__file__).with_name("warm.py"), directory / "socket"
    server = subprocess.Popen([sys.executable, program, listening], stdin=subprocess.PIPE, env=env)
    while not listening.exists():
        assert server.poll() is None
        time.sleep(0.01)
    yield [sys.executable, "-S", "-E", str(program), str(listening)]
    server.communicate()  # it ends where its input ends


@pytest.fixture(scope="session")
def quick_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What starts the command line as a process that need not import everything first: a fork of one that has."""
    with warm(tmp_path_factory.mktemp("warm")) as client:
        yield [*client, "rnnlm"]


@pytest.fixture(scope="session")
def spawn(command: list[str]) -> Run:
    """The command line run as a process of its own, for what only the real process shows."""

    def call(*arguments: object, stdin: bytes = b"", env: dict[str, str] | None = None, **more: Any) -> Finished:
        finished = subprocess.run(
            [*command, *map(str, arguments)], input=stdin, capture_output=True, env={**os.environ, **(env or {})},
            check=False, **more,
        )  # fmt: skip
        return Finished(finished.returncode, finished.stdout.decode(), finished.stderr.decode())

    return call


def sentences(count: int, seed: int = 0) -> list[str]:
    """Simple sentences with some structure to learn: a number that verb and subject agree in, names, rare words."""
    draw = random.Random(seed)
    lines = []
    for number in range(count):
        plural = draw.random() < 0.5
        subject = draw.choice(("cats", "dogs", "birds") if plural else ("cat", "dog", "bird"))
        verb = draw.choice(("see", "like", "find") if plural else ("sees", "likes", "finds"))
        thing = draw.choice(("milk", "bread", "Anna's ball", "a tree", f"thing{draw.randrange(12)}"))
        lines.append(f"The {draw.choice(('old ', 'small ', ''))}{subject} {verb} {thing}.")
        if number % 9 == 8:
            lines.append("")
    return lines


@pytest.fixture(scope="session")
def story_lines() -> Callable[..., list[str]]:
    """`story_lines(count, seed)`: simple sentences, a blank line after every ninth."""
    return sentences


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A text file of some kilobytes."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(sentences(150)) + "\n", "utf-8")
    return path


TRAIN_FLAGS = ("--hidden", "24", "--embedding", "16", "--layers", "2", "--steps", "120", "--batch-size", "4", "--bptt",
               "12", "--dropout", "0.1")  # fmt: skip


@pytest.fixture(scope="session")
def train_flags() -> tuple[str, ...]:
    """Flags of a network that trains in a second."""
    return TRAIN_FLAGS


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """A workspace with every stage and a trained model, to be read only; copy it to change it."""
    directory = tmp_path_factory.mktemp("trained")
    text = directory / "corpus.txt"
    text.write_text("\n".join(sentences(300, seed=7)) + "\n", "utf-8")
    work = directory / "work"
    run("train", text, "--out", work, "--fractions", "0.8,0.1,0.1", *TRAIN_FLAGS).ok()
    run("pad", work).ok()
    return work


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """`contents(directory)`: the bytes of every file below it, but for locks and timings."""

    def read(directory: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(directory)): path.read_bytes()
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.name != "timing.jsonl" and not path.name.endswith(".lock")
        }

    return read


@pytest.fixture
def shared_data() -> Path:
    """The folder of data sets that do not come with the project; the test is skipped where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not here")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Torch, where it has been imported, uses one thread."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    yield
