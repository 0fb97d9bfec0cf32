"""The README says what happens: its session and its program are run as is, and its pages are there."""

import contextlib
import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import needs
from test_lecture import Session, blocks, compare

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
BLOCKS = blocks(TEXT)
PROGRAM = re.compile(r"^```python\n(.*?)^```$\n\n^```output *(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)\)")

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are written for bash")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is run."""
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def session(directory: Path) -> Iterator[Session]:
    """One run of the README's commands, in a directory with the corpus where a checkout has it."""
    with Session(directory, BLOCKS) as session:
        shutil.copytree(ROOT / "data", directory / "work" / "data")
        yield session


@needs_bash
@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[f"line {block.line}" for block in BLOCKS])
def test_block(session: Session, number: int) -> None:
    block = BLOCKS[number]
    for (_, shown), printed in zip(block.commands, session.outputs(number), strict=True):
        compare(block.rule, printed, shown)


@needs_bash
def test_the_program_prints_what_is_shown(session: Session, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("tables")
    session.outputs(len(BLOCKS) - 1)
    monkeypatch.chdir(directory / "work")
    (program,) = PROGRAM.finditer(TEXT)
    assert TEXT.count("```python") == 1
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program[1], "README.md", "exec"), {})
    compare(program[2], printed.getvalue(), program[3])


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_its_two_commands_are_targets() -> None:
    for command in re.findall(r"^    make (.*?)(?: +#.*)?$", TEXT, re.MULTILINE):
        done = subprocess.run(["make", "-n", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ("--index-url https://download" in done.stdout) <= ("TORCH_INDEX" in command)


def test_it_fits_a_screen() -> None:
    lines = TEXT.splitlines()
    assert len(lines) <= 120
    assert not [line for line in lines if len(line) > 80]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_every_page_that_is_named_is_there(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_the_index_names_every_page() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= set(LINK.findall((ROOT / "docs" / "README.md").read_text("utf-8")))
