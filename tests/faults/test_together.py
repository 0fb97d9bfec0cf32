"""Commands two at a time on one workspace, and flags drawn at random: one line and a code, nothing lost.

`make test` tries a few, `make soak-together` all pairs five times (RNNLM_PAIRS) and 500 invocations (RNNLM_FLAGS).
"""

import itertools
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from rnnlm.cli.commands import COMMANDS
from rnnlm.cli.options import fields_of
from rnnlm.config import optional_type, typed_name
from rnnlm.model.sealed import read_sealed

PAIRS = int(os.environ.get("RNNLM_PAIRS", "0"))
FLAGS = int(os.environ.get("RNNLM_FLAGS", "25"))
TOGETHER: dict[str, tuple[object, ...]] = {
    "clean": ("clean", "WORK", "--force"), "vocab": ("vocab", "WORK", "--force"),
    "train": ("train", "WORK", "--steps", 3, "--hidden", 4, "--name", "new"),
    "train again": ("train", "WORK", "--steps", 3, "--hidden", 4, "--name", "lstm", "--force"),
    "ngram": ("ngram", "WORK", "--force", "--order", 2), "status": ("status", "WORK"),
    "evaluate": ("evaluate", "WORK", "--model", "lstm"),
    "export": ("export", "WORK", "--model", "lstm", "--out", "OUT"),
}  # fmt: skip
ALL = list(itertools.combinations_with_replacement(TOGETHER, 2))
CHOSEN = ALL if PAIRS else random.Random(7).sample(ALL, 4)


@pytest.mark.parametrize("pair", CHOSEN, ids=" and ".join)
def test_two_commands_at_once_lose_nothing(
    trained: Path, tmp_path: Path, quick_command: list[str], pair: tuple[str, str]
) -> None:
    for number in range(max(1, PAIRS)):
        work = tmp_path / f"work{number}"
        shutil.copytree(trained, work)
        running = []
        for place, name in enumerate(pair):
            names = {"WORK": work, "OUT": tmp_path / f"{number}-{place}.onnx"}
            arguments = [str(names.get(each, each)) if isinstance(each, str) else str(each) for each in TOGETHER[name]]
            running.append(
                subprocess.Popen(
                    [*quick_command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                )
            )
        ends = [(process.communicate()[1], process.returncode) for process in running]
        assert all(code in (0, 2, 4) for _, code in ends), (pair, ends)
        read_sealed(work / "models" / "lstm")
        left = [path for path in work.rglob("*") if path.name.endswith((".partial", ".old", ".next"))]
        assert not left, (pair, left)


VALUES = ("1", "0", "-1", "2.5", "nan", "inf", "", "x", "1" * 400, "é\x1b[31m", "10s", "0.8,0.1,0.1", "none.txt")
KEPT = ("budget", "threads", "resume", "device", "precision")  # which would take long, or need what is not here
SLOW = {"corpus", "inspect", "ladder", "compare", "slices", "chat"}  # which take long where a flag asks for much


def drawn(draw: random.Random, default: Any, annotation: Any) -> str:
    """A value for a setting, mostly one of its type."""
    kind = optional_type(annotation)[0]
    if draw.random() < 0.2:
        return draw.choice(VALUES)
    if get_origin(kind) is Literal:
        return str(draw.choice(get_args(kind)))
    few = {int: ("1", "2", "3"), float: ("0.5", "1", "0")}
    return draw.choice(few.get(kind, ("text.txt", "new", str(default or "x"))))


def test_flags_drawn_at_random(trained: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = random.Random(FLAGS)
    work = tmp_path / "work"
    (tmp_path / "text.txt").write_text("the cat sees the dog\n" * 20)
    commands = [each for each in COMMANDS if each.name not in SLOW]
    for number in range(FLAGS):
        if number % 10 == 0:  # some draws leave little of it
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(trained, work)
        chosen = draw.choice(commands)
        flags: list[str] = []
        fields = [(field, kind) for _, field, kind in fields_of((*chosen.sections, "run")) if field.name not in KEPT]
        for field, kind in draw.sample(fields, min(len(fields), draw.randint(0, 4))):
            name, value = typed_name(field.name, rare=bool(field.metadata["rare"])), drawn(draw, field.default, kind)
            switch = optional_type(kind)[0] is bool
            rare = name.removeprefix("--set ")
            flags += ["--set", f"{rare}={value}"] if rare != name else [name] if switch else [name, value]
        more = ["--steps", "1"] if chosen.name == "train" and "--steps" not in flags else []
        paths = {"score": [work, "text.txt"], "pairs": [work, "text.txt"], "rescore": [work, "text.txt"]}
        given = paths.get(chosen.name, [] if chosen.name == "corpus" else [work])
        ended = run(chosen.name, *given, *flags, *more, stdin=b"the cat\n")
        assert ended.code in (0, 2, 3, 4, 5, 6, 7), (number, chosen.name, flags, ended.err)
        assert "this is a bug" not in ended.err, (number, chosen.name, flags, ended.err)
