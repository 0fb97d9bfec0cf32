"""The documents of the uses say what happens: their commands are run and compared as those of the lecture are."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from test_lecture import Session, blocks, compare

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCKS = {
    name: blocks((DOCS / f"{name}.md").read_text("utf-8"))
    for name in (
        "scoring",
        "speech",
        "ngram",
        "ladder",
        "cells",
        "processes",
        "reading-studies",
        "forecasting",
        "voices",
    )
}
CASES = [(name, number) for name, found in BLOCKS.items() for number in range(len(found))]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are written for bash")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Session]]:
    """`session(name)`: one run of the document of that name."""
    sessions: dict[str, Session] = {}
    with ExitStack() as stack:

        def of(name: str) -> Session:
            if name not in sessions:
                sessions[name] = stack.enter_context(Session(tmp_path_factory.mktemp(name), BLOCKS[name]))
            return sessions[name]

        yield of


@pytest.mark.parametrize(
    ("name", "number"), CASES, ids=[f"{name}, line {BLOCKS[name][number].line}" for name, number in CASES]
)
def test_block(session: Callable[[str], Session], name: str, number: int) -> None:
    block = BLOCKS[name][number]
    for (_, shown), printed in zip(block.commands, session(name).outputs(number), strict=True):
        compare(block.rule, printed, shown)


def test_agreement_is_learned_with_neighbours_first(session: Callable[[str], Session]) -> None:
    found = BLOCKS["scoring"]
    (number,) = [
        number for number, block in enumerate(found) if any("rnnlm pairs" in each for each, _ in block.commands)
    ]
    rows = [re.split(r" {2,}", line) for line in session("scoring").outputs(number)[-1].splitlines()]
    accuracy = {cells[0]: float(cells[3].rstrip("%")) for cells in rows[1:]}
    assert accuracy["distance 1"] > 95 > accuracy["distance 5-8"] > 50
