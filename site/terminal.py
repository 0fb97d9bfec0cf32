"""A picture of a terminal in which a command has run, by Rich's SVG export."""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

_COLUMNS, _ROWS = 80, 50


def picture(command: str, folder: Path, environment: dict[str, str]) -> str:
    """An SVG of what the commands, joined by &&, print on a terminal of 80 columns; no font is asked for by name."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    for each in command.split(" && "):
        console.print(Text(f"$ {each}", style="bold"))
        console.print(Text.from_ansi(printed(each, folder, environment)))
    first = command.partition(" && ")[0]
    drawn = console.export_svg(title=first, unique_id="t" + re.sub(r"\W+", "-", first))
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S)


def printed(command: str, folder: Path, environment: dict[str, str]) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    told = {**environment, "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS)}
    process = subprocess.Popen(command, shell=True, cwd=folder, env=told, stdout=theirs, stderr=theirs)
    os.close(theirs)
    found = b""
    with contextlib.suppress(OSError):  # Linux says so at the end
        while block := os.read(ours, 65536):
            found += block
    os.close(ours)
    if process.wait():
        raise SystemExit(f"{command}: exit code {process.returncode}\n{found.decode()}")
    return found.decode().replace("\r\n", "\n").rstrip("\n")
