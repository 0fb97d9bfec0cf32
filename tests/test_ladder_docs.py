"""`docs/ladder.md` says what happens: its commands are run and compared as those of the lecture are."""

import shutil
from pathlib import Path

import pytest
from test_lecture import Session, blocks, compare

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "ladder.md"
BLOCKS = blocks(DOCUMENT.read_text("utf-8"))

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are written for bash")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """One run of the document."""
    return Session(tmp_path_factory.mktemp("ladder"), BLOCKS)


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[f"line {block.line}" for block in BLOCKS])
def test_block(session: Session, number: int) -> None:
    block = BLOCKS[number]
    for (_, shown), printed in zip(block.commands, session.outputs(number), strict=True):
        compare(block.rule, printed, shown)
