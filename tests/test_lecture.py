"""`docs/lecture.md` says what happens: each of its commands is run, in its order, and prints what is shown.

A block is fenced as `console`, with `$ ` before each command, `> ` before its further lines, and its standard output
below. How the output is compared stands after that word: nothing (the same text), `approximate` (metrics of a trained
network: a decimal number may differ by a third, percentages, speeds and bars are not compared) or `drawn` (only the
number of lines).
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import needs, warm

LECTURE = Path(__file__).resolve().parents[1] / "docs" / "lecture.md"
TOLERANCE = 1 / 3
_BLOCK = re.compile(r"^```console *(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DECIMAL = re.compile(r"\d[\d,]*\.\d+(?:e[+-]\d+)?(?![\d ]*%)")
_PERCENTAGE = re.compile(r"\d[\d.,]* ?%")
_EXTRA = re.compile(r"pip install 'rnnlm\[(\w+)\]'")
_OUT = re.compile(r"--out (\S+)")
_BARS = re.compile(r"[▁-█]+")
_MEASURED = ("tokens/s", "of peak")  # columns that depend on the machine and its load

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the lecture's commands are written for bash")


@dataclass(frozen=True)
class Block:
    """Commands with the output that the lecture shows for each, how it is compared, and the line where it stands."""

    line: int
    rule: str
    commands: tuple[tuple[str, str], ...]


def blocks(text: str) -> list[Block]:
    """The console blocks of a document, in order."""
    found = []
    for match in _BLOCK.finditer(text):
        pieces = re.split(r"^\$ (.*(?:\n> .*)*)\n", match[2], flags=re.MULTILINE)
        assert not pieces[0], f"a console block begins with a command: {pieces[0]!r}"
        typed = [each.replace("\n> ", "\n") for each in pieces[1::2]]
        commands = tuple(zip(typed, pieces[2::2], strict=True))
        found.append(Block(text.count("\n", 0, match.start()) + 1, match[1], commands))
    return found


BLOCKS = blocks(LECTURE.read_text("utf-8"))


class Session:
    """A document's commands run in one directory. A block that is asked for has all earlier ones run before it.

    Use it in a `with` statement. Where an extra is missing, a block whose command asks for it, or reads a workspace
    that it makes, is skipped.
    """

    def __init__(self, directory: Path, blocks: list[Block]) -> None:
        self._blocks = blocks
        self._work, programs = directory / "work", directory / "bin"
        self._work.mkdir()
        programs.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RNNLM_")}
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self._env = kept | {"PATH": path, "OMP_NUM_THREADS": "1", "RNNLM_THREADS": "1", "LC_ALL": "C.UTF-8"}
        self._open = ExitStack()
        once = self._open.enter_context(warm(directory, self._env))
        for name, run in (
            ("rnnlm", [*once, "rnnlm"]), ("python", [*once, "python"]),
            ("torchrun", [sys.executable, "-m", "torch.distributed.run"]),
        ):  # fmt: skip
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {shlex.join(run)} "$@"\n', "utf-8")
            program.chmod(0o755)
        self._done: list[list[subprocess.CompletedProcess[str]]] = []
        self._not_made: dict[str, str] = {}  # workspaces, each with the extra that making it needs

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def outputs(self, number: int) -> list[str]:
        """What each command of a block printed on standard output; each must have ended well, or lacks an extra."""
        while len(self._done) <= number:
            block = self._blocks[len(self._done)]
            self._done.append([self._run(command) for command, _ in block.commands])
        for (command, _), done in zip(self._blocks[number].commands, self._done[number], strict=True):
            for extra in self._extras(command, done):
                needs(extra)
            assert done.returncode == 0, f"{command}\nended with {done.returncode}: {done.stderr}"
        return [done.stdout for done in self._done[number]]

    def _extras(self, command: str, done: subprocess.CompletedProcess[str]) -> set[str]:
        """The extras that a command failed without: its message names one, or it reads what one makes."""
        if done.returncode == 0:
            return set()
        read = {extra for name, extra in self._not_made.items() if re.search(rf"\b{re.escape(name)}\b", command)}
        return read | set(_EXTRA.findall(done.stderr))

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        shell = ["bash", "-o", "pipefail", "-c", command]
        done = subprocess.run(shell, cwd=self._work, env=self._env, capture_output=True, encoding="utf-8", check=False)
        for extra in _EXTRA.findall(done.stderr):
            self._not_made |= dict.fromkeys(_OUT.findall(command), extra)
        return done


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One run of the lecture."""
    with Session(tmp_path_factory.mktemp("lecture"), BLOCKS) as session:
        yield session


def lines_of(output: str) -> list[str]:
    """Lines without the spaces at their ends, which a table may have."""
    return [line.rstrip() for line in output.rstrip("\n").split("\n")] if output.rstrip("\n") else []


def masked(output: str) -> tuple[list[list[str]], list[float]]:
    """The cells of each line, cut at two spaces or more, without decimals, percentages and speeds; and the decimals."""
    rows: list[list[str]] = []
    for line in lines_of(output):
        cells = re.split(r" {2,}", line)
        for column in _MEASURED:
            if rows and column in rows[-1]:
                cells[rows[-1].index(column)] = "#"
        rows.append(cells)
    decimals = [float(each.replace(",", "")) for row in rows for cell in row for each in _DECIMAL.findall(cell)]
    return [[_DECIMAL.sub("#", _PERCENTAGE.sub("# %", _BARS.sub("#", cell))) for cell in row] for row in rows], decimals


def compare(rule: str, printed: str, shown: str) -> None:
    """Assert that the output is as shown, by the rule of the block."""
    if rule == "":
        assert lines_of(printed) == lines_of(shown)
    elif rule == "approximate":
        (rows, decimals), (expected_rows, expected_decimals) = masked(printed), masked(shown)
        assert rows == expected_rows
        assert decimals == pytest.approx(expected_decimals, rel=TOLERANCE)
    else:
        assert rule == "drawn", f"no rule {rule!r}"
        assert len(lines_of(printed)) == len(lines_of(shown)) > 0


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[f"line {block.line}" for block in BLOCKS])
def test_block(session: Session, number: int) -> None:
    block = BLOCKS[number]
    for (_, shown), printed in zip(block.commands, session.outputs(number), strict=True):
        compare(block.rule, printed, shown)


# What the lecture concludes from its metrics, where their tolerance would not show it.


def printed_by(session: Session, part: str) -> list[str]:
    """What each command that holds `part` printed."""
    return [
        printed
        for number, block in enumerate(BLOCKS)
        if any(part in command for command, _ in block.commands)
        for (command, _), printed in zip(block.commands, session.outputs(number), strict=True)
        if part in command
    ]


def rows(output: str, name: str) -> list[list[float]]:
    """The numbers in each line of a table that begins with the cell `name`; a fraction in percent."""
    lines = [re.split(r" {2,}", line) for line in lines_of(output)]
    return [
        [float(cell.replace(",", "").rstrip(" %")) for cell in cells[1:] if not _BARS.fullmatch(cell)]
        for cells in lines
        if cells[0] == name
    ]


def test_a_chain_cut_after_every_step_costs_perplexity_and_no_memory_costs_more(session: Session) -> None:
    carried, cut, bigram = (masked(printed)[1][-1] for printed in printed_by(session, "--bptt"))
    assert 1.1 * carried < cut
    assert 2 * cut < bigram


def test_forcing_learns_sooner_and_leaves_a_gap(session: Session) -> None:
    (evaluated,) = printed_by(session, "evaluate who")
    ((own, *_),) = rows(evaluated, "its own labels fed back")
    ((true, *_),) = rows(evaluated, "true labels fed back")
    assert own + 2 < true
    forced, free = printed_by(session, "train who")
    assert rows(free, "who/models/free")[0][-1] + 30 < rows(forced, "who/models/forced")[0][-1]


def test_gradients_reach_back_through_a_gated_state_alone(session: Session) -> None:
    plain, gated = printed_by(session, "inspect far")
    (norms,) = rows(plain, "layer 1, h")
    assert 1e4 * norms[-1] < norms[0]
    (norms,) = rows(gated, "layer 1, s")
    assert norms[-1] > norms[0] / 10
    (*_, growth), half_lives = rows(gated, "layer 1")
    assert abs(growth) < 0.05
    assert half_lives[1] > 14


def test_a_network_forecasts_what_a_regression_cannot(session: Session) -> None:
    (evaluated,) = printed_by(session, "evaluate henon")
    assert 2 * rows(evaluated, "lstm")[0][0] < rows(evaluated, "linear, own past")[0][0]


def test_rules_tell_apart_what_they_should() -> None:
    table = "model  parameters  tokens/s  perplexity\nlstm         232   {}  {}\n{} above"
    shown = table.format("2,688", "4.16", "94.1%")
    compare("approximate", table.format("  312", "4.30", "102%"), shown)
    for other in (
        table.format("2,688", "8.16", "94.1%"),
        table.format("2,688", "4.16", "9"),
        shown.replace("232", "233"),
    ):
        with pytest.raises(AssertionError):
            compare("approximate", other, shown)
    compare("drawn", " one story\n", " another\n")
    with pytest.raises(AssertionError):
        compare("drawn", "\n", " a story\n")
    with pytest.raises(AssertionError):
        compare("", "[4, 8]\n", "[4, 9]\n")


def test_the_whole_lecture_is_read() -> None:
    text = LECTURE.read_text("utf-8")
    assert sum(len(block.commands) for block in BLOCKS) == len(re.findall(r"^\$ ", text, re.MULTILINE)) > 20
