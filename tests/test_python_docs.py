"""`docs/python.md` says what happens: its programs are run in their order and print what is shown below each.

The command is run as those of the lecture are; `output` blocks are compared by the same rules.
"""

import contextlib
import io
import re
import shutil
from pathlib import Path

import pytest
from test_lecture import Session, blocks, compare

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "python.md").read_text("utf-8")
PROGRAM = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```output *(\w*)\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the command is written for bash")


def test_every_program_prints_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Session(tmp_path, blocks(TEXT)).outputs(0)
    monkeypatch.chdir(tmp_path / "work")
    programs = list(PROGRAM.finditer(TEXT))
    assert len(programs) == TEXT.count("```python") > 5
    names: dict[str, object] = {}
    for each in programs:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(each[1], f"docs/python.md, character {each.start()}", "exec"), names)
        compare(each[2] or "", printed.getvalue(), each[3] or "")
