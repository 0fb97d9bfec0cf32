"""Standard streams that are closed, full or of a small character set; what names and texts cannot do to a terminal."""

import json
import os
import pty
import select
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rnnlm.cli.streams import visible

COMMANDS = (["score", "TEXT"], ["train", "--epochs", "1", "--hidden", "8", "--name", "other"])
ESCAPE = "\x1b]0;owned\x07\x1b[35;1;4m"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("the cat sees – ćat\n", "utf-8")
    return path


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_streams_that_are_closed_or_full(
    trained: Path, tmp_path: Path, command: list[str], text: Path, arguments: list[str]
) -> None:
    name, *more = arguments
    work = shutil.copytree(trained, tmp_path / "work")  # training changes it, which other tests read
    line = shlex.join([*command, name, str(work), *(str(text) if each == "TEXT" else each for each in more)])
    kinds = ((">&-", 5), ("2>&-", 0), ("<&- >&- 2>&-", 5), (">/dev/full 2>/dev/full", 5))
    for streams, code in kinds if name == "score" else kinds[1::2]:
        ended = subprocess.run(f"{line} {streams}", shell=True, capture_output=True, check=False)
        assert ended.returncode == code, (streams, ended.stderr)
        if name == "score" and code == 0:
            assert ended.stdout == subprocess.run(line, shell=True, capture_output=True, check=True).stdout
        assert b"Traceback" not in ended.stderr


def test_what_an_encoding_lacks_is_escaped(trained: Path, spawn: Any, text: Path) -> None:
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    out = spawn("score", trained, text, "--level", "region", "--format", "jsonl", env=environment).ok().out
    words = [json.loads(line)["word"] for line in out.splitlines()]
    assert words == ["the", "cat", "sees", "–", "ćat", "</s>"]
    spawn("status", trained, env=environment).ok()


def test_names_that_are_not_utf_8(tmp_path: Path, command: list[str]) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(path)).mkdir()
    Path(os.fsdecode(path + b"/\xff.txt")).write_text("the cat sees the dog\n" * 40)
    flags = [b"--out", path + b"/W", b"--hidden", b"4", b"--steps", b"2"]
    for arguments in ([b"train", path + b"/\xff.txt", *flags], [b"status", path + b"/W"], [b"evaluate", path + b"/W"]):
        for more in ([b"--json"],) if arguments[0] == b"train" else ([],):
            environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
            ended = subprocess.run([*command, *arguments, *more], capture_output=True, check=False, env=environment)
            assert ended.returncode == 0, ended.stderr
            if more:
                json.loads(ended.stdout)


def on_a_terminal(command: list[str], *arguments: object) -> bytes:
    """All that a command writes to a pseudo-terminal, both streams."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*command, *map(str, arguments)], stdout=follower, stderr=follower, stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(follower)
    content = b""
    while select.select([leader], [], [], 120)[0]:
        try:
            block = os.read(leader, 65536)
        except OSError:
            break
        content += block
    os.close(leader)
    process.wait(60)
    return content


def test_control_characters_never_reach_a_terminal(tmp_path: Path, quick_command: list[str], run: Any) -> None:
    path = tmp_path / f"a{ESCAPE}.txt"
    path.write_text(f"the {ESCAPE} cat\n" * 60, "utf-8")
    out = tmp_path / f"w{ESCAPE}"
    flags = ("--kind", "char", "--prepared", "--steps", 3, "--hidden", 4, "--fractions", "0.8,0.1,0.1")
    shown = on_a_terminal(quick_command, "train", path, "--out", out, *flags)
    prompt = f"the {ESCAPE}"
    shown += on_a_terminal(quick_command, "status", out) + on_a_terminal(quick_command, "vocab", out)
    shown += on_a_terminal(quick_command, "generate", out, "--prompt", prompt, "--max-tokens", 80)
    shown += on_a_terminal(quick_command, "next", out, "--prompt", prompt) + on_a_terminal(
        quick_command, "score", out, path
    )
    shown += on_a_terminal(quick_command, "score", out, path, "--level", "token")
    shown += on_a_terminal(quick_command, "evaluate", tmp_path / f"none{ESCAPE}")
    assert b"owned" in shown and b"\x1b[" in shown
    assert b"\x1b]0" not in shown
    assert b"\x07" not in shown
    assert b"\x1b[35;1;4m" not in shown
    assert ESCAPE in run("generate", out, "--prompt", prompt, "--max-tokens", 2).ok().out


def test_visible_keeps_tabs_and_line_ends() -> None:
    assert visible("a\tb\nc\x1b[1m\x9b\r\x7f é") == "a\tb\nc\\x1b[1m\\x9b\\x0d\\x7f é"
