"""Help pages and result tables on a terminal of 80 columns: no header, choice or fixed word is broken inside."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import needs

from rnnlm.app.request import SECTIONS
from rnnlm.cli.commands import COMMANDS
from rnnlm.cli.options import described, fields_of

WIDTH = 80
_PROGRAM = """
import sys
from rnnlm.cli.run import run
for arguments in {calls!r}:
    print("\\x00" + " ".join(map(str, arguments)), flush=True)
    code = run([*map(str, arguments)])
    if code:
        sys.exit(f"{{arguments}}: {{code}}")
"""


def on_a_terminal(calls: list[list[Any]]) -> list[list[str]]:
    """What each command of one process shows on a pseudo-terminal of 80 columns, colors taken off, line by line."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color"}
    program = _PROGRAM.format(calls=[[str(each) for each in call] for call in calls])
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=follower, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env=environment,
    )  # fmt: skip
    os.close(follower)
    content = b""
    while True:
        ready, _, _ = select.select([leader], [], [], 300)
        try:
            block = os.read(leader, 65536) if ready else b""
        except OSError:  # what Linux says when the last writer has gone
            break
        if not block:
            break
        content += block
    os.close(leader)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said.decode()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", content.decode()).replace("\r\n", "\n")
    return [part.split("\n", 1)[1].split("\n") for part in plain.split("\x00")[1:]]


def words_of(text: str) -> set[str]:
    """The words of a text that a page must not break: long ones are broken where they have to be."""
    return {word for word in re.findall(r"[^\s│]+", text) if len(word) <= 30}


def test_no_word_of_a_help_page_is_broken() -> None:
    calls = [[each.name, flag] for each in COMMANDS for flag in ("--help", "--help-all")]
    for call, lines in zip(calls, on_a_terminal(calls), strict=True):
        assert max(map(len, lines)) <= WIDTH, call
        if call[1] == "--help":
            assert len(lines) <= 61, call
        shown = words_of(" ".join(lines))
        (command,) = [each for each in COMMANDS if each.name == call[0]]
        assert words_of(command.help) <= shown, call
        for section, field, kind in fields_of((*command.sections, "run")):
            if call[1] == "--help-all" and field.name not in command.arguments:
                missing = words_of(described(field, kind)) - shown
                assert not missing, (call, section, field.name, missing)
    assert {each for command in COMMANDS for each in command.sections} <= set(SECTIONS)


@pytest.fixture(scope="module")
def zoo(
    tmp_path_factory: pytest.TempPathFactory, trained: Path, run: Any, story_lines: Callable[..., list[str]]
) -> Path:
    """A workspace of text with an n-gram model and two networks, one of labeled texts, and one of a table."""
    needs("tables")
    root = tmp_path_factory.mktemp("narrow")
    shutil.copytree(trained, root / "w")
    run("ngram", root / "w", "--order", "3").ok()
    run("train", root / "w", "--name", "two", "--steps", 4, "--hidden", 8).ok()
    texts = [f"{line}\t{'good' if number % 2 else 'bad'}" for number, line in enumerate(story_lines(60))]
    (root / "t.tsv").write_text("text\tlabel\n" + "\n".join(texts) + "\n")
    run("train", root / "t.tsv", "--task", "classify", "--out", root / "t", "--steps", 3, "--hidden", 8).ok()
    (root / "a.csv").write_text("temp,rain\n" + "".join(f"{n % 7},{n % 3}\n" for n in range(200)))
    run("window", root / "a.csv", "--out", root / "a", "--target", "temp", "--steps", 5).ok()
    run("train", root / "a", "--hidden", 8, "--epochs", 1).ok()
    (root / "p.tsv").write_text("the old cat sees milk\tcat milk old sees the\torder\n")
    return root


# The headings of each result, as they must stand in one line.
RESULTS: dict[str, tuple[list[str], list[str]]] = {
    "clean": (["clean", "w"], ["split", "units", "characters", "documents", "blank lines", "emptied lines"]),
    "tokenize": (["tokenize", "w"], ["split", "lines", "tokens", "tokens/line"]),
    "vocab": (["vocab", "w"], ["split", "tokens with </s>", "unknown", "fraction", "out of vocabulary"]),
    "pad": (["pad", "w"], ["split", "rows N", "length T", "longer lines", "tokens cut"]),
    "embed": (["embed", "w"], ["embedding layer", "rows V", "numbers D", "rows from vectors"]),
    "window": (["window", "a"], ["split", "rows", "sequences", "windows N", "steps T", "inputs F"]),
    "plan": (["train", "w", "--plan", "--name", "x"], ["what", "planned"]),
    "train": (["train", "w", "--steps", "3", "--hidden", "8", "--name", "y"],
              ["model", "parameters", "epochs", "tokens/s", "of peak", "valid perplexity"]),
    "ngram": (["ngram", "w", "--order", "3"], ["order", "n-grams", "D₁", "D₂", "D₃₊"]),
    "evaluate": (["evaluate", "w", "--model", "lstm"], ["perplexity", "nats/token", "bits/char", "predictions"]),
    "labels": (["evaluate", "t"], ["accuracy", "macro-F1", "nats/label"]),
    "forecast": (["evaluate", "a"], ["method", "RMSE temp", "MAE temp"]),
    "ladder": (["ladder", "w", "--model", "lstm", "--resamples", "100"],
               ["perplexity", "95 %", "bits/char", "valid", "seconds", "fitting", "weights"]),
    "slices": (["slices", "w", "--model", "lstm"], ["predictions", "fraction", "perplexity", "fraction of loss"]),
    "compare": (["compare", "w", "lstm", "two"], ["pair", "difference", "95 %", "p", "better"]),
    "inspect": (["inspect", "w", "--model", "lstm", "--positions", "4", "--lags", "6"],
                ["recurrent weights", "spectral radius", "largest singular value"]),
    "neighbors": (["neighbors", "w", "cat", "--model", "lstm"], ["neighbors of cat", "cosine"]),
    "pairs": (["pairs", "w", "p.tsv", "--model", "lstm"], ["type", "pairs", "correct", "accuracy", "margin, bits"]),
    "next": (["next", "w", "--model", "lstm"], ["next", "probability"]),
    "status": (["status", "w"], ["stage", "now", "reads", "holds"]),
    "config": (["status", "w", "--settings"], ["setting", "value", "from"]),
    "recipes": (["status", "--recipes"], ["recipe", "what", "reaches", "source"]),
}  # fmt: skip


def test_no_heading_or_fixed_word_of_a_result_is_broken(zoo: Path) -> None:
    files = {"w", "t", "a", "p.tsv"}
    calls = [[zoo / each if each in files else each for each in call] for call, _ in RESULTS.values()]
    for (name, (_, headings)), lines in zip(RESULTS.items(), on_a_terminal(calls), strict=True):
        assert max(map(len, lines)) <= WIDTH, name
        whole = [line for line in lines if all(heading in line for heading in headings)]
        assert whole, (name, lines[:12])
