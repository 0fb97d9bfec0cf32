"""`docs/python.md` says what happens: its programs are run in their order and print what is shown below each.

Its commands are run as those of the lecture are; `output` blocks are compared by the same rules.
"""

import contextlib
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_lecture import Session, blocks, compare

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "python.md").read_text("utf-8")
BLOCKS = blocks(TEXT)
PROGRAM = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```output *(\w*)\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are written for bash")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is run."""
    return tmp_path_factory.mktemp("python")


@pytest.fixture(scope="module")
def session(directory: Path) -> Iterator[Session]:
    """One run of the document's commands."""
    with Session(directory, BLOCKS) as session:
        yield session


def test_every_program_prints_what_is_shown(session: Session, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session.outputs(0)
    monkeypatch.chdir(directory / "work")
    programs = list(PROGRAM.finditer(TEXT))
    assert len(programs) == TEXT.count("```python") > 5
    names: dict[str, object] = {}
    for each in programs:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(each[1], f"docs/python.md, character {each.start()}", "exec"), names)
        compare(each[2] or "", printed.getvalue(), each[3] or "")


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[f"line {block.line}" for block in BLOCKS])
def test_block(session: Session, number: int) -> None:
    block = BLOCKS[number]
    for (_, shown), printed in zip(block.commands, session.outputs(number), strict=True):
        compare(block.rule, printed, shown)
