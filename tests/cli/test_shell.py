"""What only the real process shows: quick help, color, pipes, full disks, signals, and one object for --json."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from rnnlm.app.request import SECTIONS
from rnnlm.cli.commands import COMMANDS

NAMES = [command.name for command in COMMANDS]


def test_help_imports_neither_torch_nor_numpy() -> None:
    program = """
import sys
from rnnlm.cli.run import run
for arguments in ([], ["--version"], *([name, "--help"] for name in sys.argv[1:])):
    assert run([*arguments] or ["--help"]) == 0
heavy = {"torch", "numpy", "tokenizers", "safetensors", "matplotlib"} & set(sys.modules)
print("heavy:", sorted(heavy), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program, *NAMES], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself_and_its_flags(run: Any, name: str) -> None:
    out = run(name, "--help").ok().out
    assert f"rnnlm {name}" in out
    for flag in ("--json", "--quiet", "--config"):
        assert flag in out


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_page_fits_a_screen_and_has_two_examples(run: Any, command: Any) -> None:
    name, narrow = command.name, {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    page, whole = (run(name, flag, env=narrow).ok().out for flag in ("--help", "--help-all"))
    assert len(page.splitlines()) <= 60 and max(map(len, page.splitlines())) <= 80
    assert f"rnnlm {name} --help-all shows every option." in page
    assert run(name, "-h", env=narrow).out == run("help", name, env=narrow).ok().out == page
    assert len(command.examples) >= 2
    flags = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", run(name, "--help-all", env={"COLUMNS": "200"}).out))
    for example in command.examples:
        assert example in page
        program, called, *words = shlex.split(example)
        assert program == "rnnlm" and called in NAMES
        if called == name:
            assert {word for word in words if word.startswith("-") and word != "-"} <= flags
    for option in set(re.findall(r"^│ (--[\w-]+)", page, re.MULTILINE)) - {"--help"}:
        assert option in whole


def test_every_setting_is_on_the_whole_page(run: Any) -> None:
    whole = run("train", "--help-all", env={"COLUMNS": "200"}).ok().out
    for section in ("train", "raw", "clean", "tokenize", "vocab", "pad", "embed", "reading", "run"):
        for field in map(attrgetter("name"), fields(SECTIONS[section])):
            flag = f"--{field.rstrip('_').replace('_', '-')}"
            assert flag in whole or f"\n  {field.rstrip('_')}: " in whole


def test_without_arguments_the_commands_are_listed(run: Any) -> None:
    result = run()
    for name in NAMES:
        assert name in result.out + result.err


def test_the_version(run: Any) -> None:
    from rnnlm.version import __version__

    assert run("--version").ok().out == f"rnnlm {__version__}\n"


@pytest.mark.parametrize("arguments", [["train", "--help"], ["status", "--settings"]])
def test_no_colour_in_a_pipe_whatever_a_ci_says(spawn: Any, arguments: list[str]) -> None:
    for env in (
        {"NO_COLOR": "1", "GITHUB_ACTIONS": "true"},
        {"FORCE_COLOR": "1", "GITHUB_ACTIONS": "true", "NO_COLOR": "1"},
    ):
        result = spawn(*arguments, env=env)
        assert "\x1b" not in result.out + result.err


def with_closed_reader(command: list[str], *arguments: object) -> tuple[int, str]:
    """Exit code and standard error of a command whose standard output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*command, *map(str, arguments)], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["corpus"],
        ["corpus", "--json"],
        ["status", "--settings"],
        ["status", "--settings", "--json"],
    ],
)
def test_a_closed_pipe_ends_a_command_silently(command: list[str], arguments: list[str]) -> None:
    assert with_closed_reader(command, *arguments) == (141, "")


def test_a_closed_pipe_ends_generation_silently(command: list[str], trained: Path) -> None:
    assert with_closed_reader(command, "generate", trained, "-n", 50) == (141, "")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["status", "--settings"], ["status", "--settings", "--json"]]
)
def test_a_full_device_is_an_error_of_its_own(command: list[str], arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*command, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, len(lines)) == (5, 1), lines
    assert lines[0].startswith("rnnlm: ")


def test_windows_is_told_in_one_line() -> None:
    start = "import sys; sys.platform = 'win32'; from rnnlm.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "rnnlm: Windows is not supported: use Linux, macOS, or the Windows Subsystem for Linux"
    ]


LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
from rnnlm.__main__ import main
main()
"""


def test_a_full_disk_is_an_error_of_its_own(tmp_path: Path, command: list[str], corpus: Path) -> None:
    big = tmp_path / "big.txt"
    big.write_bytes(corpus.read_bytes() * 20)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "clean", str(big), "--out", str(tmp_path / "work")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "cannot write" in done.stderr
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_training_is_saved_and_goes_on(
    tmp_path: Path,
    command: list[str],
    run: Any,
    corpus: Path,
    contents: Callable[[Path], dict[str, bytes]],
    number: int,
    code: int,
) -> None:
    """Stopped by a signal, resumed by the command that it prints, and the same bytes as without the stop."""
    work = tmp_path / "work"
    size = ("--hidden", "16", "--batch-size", "2", "--bptt", "8", "--seed", "3")
    run("vocab", corpus, "--out", work).ok()
    process = subprocess.Popen(
        [*command, "train", str(work), *size, "--steps", "1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "best valid perplexity" in line:
            process.send_signal(number)
            break
    out, rest = process.communicate()
    assert process.returncode == code, "".join(said) + rest
    assert out == ""
    last = rest.splitlines()[-1]
    assert last.startswith("rnnlm: stopped")
    assert f"rnnlm train {work} --name lstm --resume" in last
    assert "Traceback" not in rest
    assert run("status", work, "--json").ok().json["models"] == {"lstm": {"state": "unfinished"}}
    run("evaluate", work).refused(3, f"rnnlm train {work}")
    run("train", work, "--quiet").refused(2, "unfinished", "--resume")
    if number != signal.SIGINT:
        return  # from here on they are the same
    resumed = run("train", work, "--name", "lstm", "--resume", "--json").ok()
    assert "continuing after step" in resumed.err
    run("train", corpus, "--out", tmp_path / "other", *size, "--steps", "1000").ok()
    assert contents(work / "models") == contents(tmp_path / "other" / "models")
    assert "finished already" in run("train", work, "--name", "lstm", "--resume").ok().err


def test_an_interrupt_outside_training_is_one_line(tmp_path: Path, command: list[str]) -> None:
    """A command that waits for its input ends at once, with nothing left behind."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = subprocess.Popen(
                [*command, "clean", "-", "--out", str(tmp_path / "work")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            while not (tmp_path / "work" / ".corpus.partial").exists() and process.poll() is None:
                time.sleep(0.02)
            process.send_signal(number)
            assert process.stdin is not None
            out, err = process.communicate()
            assert (process.returncode, out) == (code, b"")
            assert len(err.decode().splitlines()) == 1
            assert err.startswith(b"rnnlm: stopped")
            assert not (tmp_path / "work").exists()
    finally:
        signal.signal(signal.SIGINT, previous)


def test_standard_input_is_a_corpus(
    tmp_path: Path, run: Any, corpus: Path, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    run("clean", "-", "--out", tmp_path / "a", stdin=corpus.read_bytes()).ok()
    run("clean", corpus, "--out", tmp_path / "b").ok()
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_json_is_one_object_and_quiet_leaves_only_it(
    tmp_path: Path, run: Any, corpus: Path, train_flags: tuple[str, ...]
) -> None:
    work = tmp_path / "work"
    commands: list[list[object]] = [
        ["clean", corpus, "--out", work], ["tokenize", work], ["vocab", work], ["pad", work],
        ["embed", work, "--embedding", 16],
        ["train", work, *train_flags], ["evaluate", work], ["generate", work], ["next", work], ["status", work],
        ["status", work, "--accept"], ["status", work, "--settings"], ["corpus"],
    ]  # fmt: skip
    for arguments in commands:
        first = run(*arguments, "--json", "--quiet").ok()
        assert first.err == ""
        assert first.out.endswith("\n")
        assert first.out.count("\n") == 1
        assert isinstance(first.json, dict)
        again = run(*arguments, "--json", "--quiet").ok()
        assert again.out == first.out, arguments[0]
    several = run("generate", work, "-n", 3, "--json").ok().out.splitlines()
    assert len(several) == 3
    assert all({"text", "tokens", "nats"} <= set(json.loads(line)) for line in several)


def test_the_keys_of_the_reports(run: Any, trained: Path) -> None:
    train = run("train", trained, "--json", "--quiet").ok().json
    assert {
        "valid_perplexity",
        "parameters",
        "tokens_seen",
        "epochs",
        "seconds",
        "tokens_per_second",
        "peak_fraction",
        "model",
    } <= set(train)
    report = run("evaluate", trained, "--json").ok().json
    assert {
        "perplexity", "nats_per_token", "bits_per_token", "bits_per_character", "bits_per_byte", "tokens",
        "unknown_tokens", "out_of_vocabulary_tokens", "perplexity_excluding_unknown", "context", "split",
        "raw_sha256", "cleaned_sha256", "model_sha256",
    } <= set(report)  # fmt: skip
    assert {"size", "outputs", "splits"} <= set(run("vocab", trained, "--json").ok().json)


def test_results_go_to_stdout_and_notices_to_stderr(run: Any, trained: Path) -> None:
    result = run("vocab", trained).ok()
    assert "up to date" in result.err
    assert "up to date" not in result.out
    assert f"next: rnnlm train {trained}" in result.err or f"next: rnnlm pad {trained}" in result.err
    assert run("vocab", trained, "--quiet").ok().err == ""


def test_a_traceback_is_shown_only_when_asked_for(run: Any, tmp_path: Path) -> None:
    assert "Traceback" not in run("clean", tmp_path / "none").err
    assert "Traceback" in run("clean", tmp_path / "none", "--debug").err
    assert "Traceback" in run("clean", tmp_path / "none", env={"RNNLM_DEBUG": "1"}).err


def test_help_shows_each_default(run: Any) -> None:
    help_text = " ".join(run("train", "--help-all", env={"COLUMNS": "200"}).ok().out.split())
    for shown in ("(default: lstm)", "(default: 1.0)", "(default: follows from the corpus)", "(default: work)"):
        assert shown in help_text
