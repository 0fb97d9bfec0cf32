"""A signal at any moment from the first lines of the program on: one line, and the exit code that says which."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MOMENTS = max(6, int(os.environ.get("RNNLM_KILLS", "0")))

# The program is asked for the event of its own (PEP 578: imports, files that are opened, code that is run) at which it
# sends itself the signal. There are about 20,000 of them until its work begins, most of them of imports.
PROGRAM = """
import _signal, os, runpy, sys

number, moment, count = int(sys.argv[1]), int(sys.argv[2]), -1
_signal.signal(number, _signal.SIG_IGN if sys.argv[3] == "ignored" else _signal.SIG_DFL)

def hook(event, arguments):
    global count
    if count >= 0:
        count += 1
        if count == moment:
            os.kill(os.getpid(), number)
    elif event == "exec" and getattr(arguments[0], "co_filename", "").endswith("rnnlm/__main__.py"):
        count = 0

sys.argv = ["rnnlm", *sys.argv[4:]]
sys.addaudithook(hook)
runpy.run_module("rnnlm", run_name="__main__", alter_sys=True)
"""
FIRST, LAST = 2, 15_000  # the import by which the handlers come is the first event


def ended(number: int, moment: int, *arguments: object, ignored: bool = False) -> tuple[int, str]:
    """How a command ends that gets a signal at some event, and what it says."""
    how = "ignored" if ignored else "heeded"
    command = [sys.executable, "-c", PROGRAM, str(number), str(moment), how, *map(str, arguments), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_program_starts_is_one_line(trained: Path, number: signal.Signals) -> None:
    draw = random.Random(number)
    moments = [
        FIRST,
        *(round(FIRST * draw.uniform(1, LAST / FIRST) ** draw.choice((0.5, 1))) for _ in range(MOMENTS - 1)),
    ]
    before = signal.signal(number, signal.SIG_DFL)  # where it is ignored, as by nohup, the program would ignore it too
    try:
        for moment in moments:
            code, said = ended(number, moment, "evaluate", trained)
            # Between imports the line may say more: what to do where work had begun.
            assert (code, said.count("\n")) == (128 + number, 1), (moment, said)
            assert said.startswith(f"rnnlm: stopped by {number.name}"), (moment, said)
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_so(trained: Path) -> None:
    """As nohup has it of SIGHUP, and a shell of SIGINT for what it starts in the background."""
    for number in (signal.SIGHUP, signal.SIGINT):
        assert ended(number, 700, "status", trained, ignored=True) == (0, "")


def test_an_interrupt_that_nobody_would_see_ends_the_program(tmp_path: Path) -> None:
    """While an object is destroyed Python swallows an exception; outside everything it prints a traceback."""
    start = "from rnnlm.__main__ import leave; from rnnlm.cli.signals import *; stop_in_one_line(leave)\n"
    destroyed = "class A:\n def __del__(self): raise KeyboardInterrupt\nA()\nprint('went on')"
    for code in (destroyed, "raise KeyboardInterrupt"):
        done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (130, "", "rnnlm: stopped by SIGINT\n")
