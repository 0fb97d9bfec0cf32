"""Flags, commands and variables of earlier versions are refused with what to type; `--set` and its errors."""

import json
from pathlib import Path
from typing import Any

import pytest

from rnnlm.renamed import GONE, MOVED, MOVED_COMMANDS

OWNERS = {"ladder": "evaluate", "slices": "evaluate", "pairs": "score", "interactive": "generate",
          "neighbours": "embed", "analogy": "embed", "map": "embed"}  # fmt: skip


@pytest.mark.parametrize("name", MOVED)
def test_a_flag_that_is_a_command_now_names_it(run: Any, name: str) -> None:
    run(OWNERS[name], "work", f"--{name}").refused(2, f"--{name} is a command now: use {MOVED[name]}")


@pytest.mark.parametrize("name", MOVED_COMMANDS)
def test_a_command_that_is_an_option_now_names_it(run: Any, name: str) -> None:
    run(name, "work").refused(2, f"rnnlm {name} is no longer a command: use {MOVED_COMMANDS[name]}")


@pytest.mark.parametrize("name", GONE)
def test_a_setting_that_was_removed_is_refused_where_it_is_typed(run: Any, name: str) -> None:
    run("train", "work", f"--{name.replace('_', '-')}", "3").refused(2, "was removed")
    run("train", "work", env={f"RNNLM_{name.upper()}": "3"}).refused(2, f"RNNLM_{name.upper()}", "unset it")


def test_a_setting_without_a_flag_is_typed_with_set(run: Any, corpus: Path, tmp_path: Path) -> None:
    size = ("--steps", 2, "--hidden", 8, "--batch-size", 2)
    run("train", corpus, "--out", tmp_path / "w", *size, "--set", "momentum=0.5", "--set", "warmup=0").ok()
    shown = run("status", "--settings", tmp_path / "w", "--json").ok().json["train"]
    assert (shown["momentum"], shown["warmup"]) == (
        {"value": 0.5, "origin": "workspace"}, {"value": 0.0, "origin": "workspace"},
    )  # fmt: skip
    run("train", "none", "--momentum", "0.5").refused(2, "--momentum is not a flag: use --set momentum=VALUE")
    run("train", "none", "--set", "momentm=0.5").refused(2, "did you mean momentum=0.5?")
    run("train", "none", "--set", "momentum").refused(2, "no value")
    run("train", "none", "--set", "momentum=7").refused(2, "--set momentum is 7.0", "below 1")
    run("clean", "none", "--set", "momentum=0.5").refused(2, "no such setting")


def test_a_value_with_another_name_is_read_and_named(run: Any, corpus: Path, tmp_path: Path) -> None:
    settings = tmp_path / "old.toml"
    settings.write_text('[train]\nschedule = "passes"\nhead = "steps"\nsamples = 9\n[tokenize]\nsample_megabytes = 3\n')
    size = ("--steps", 2, "--hidden", 8, "--batch-size", 2, "--config", settings)
    model = Path(run("train", corpus, "--out", tmp_path / "w", *size, "--json").ok().json["model"])
    training = json.loads((model / "config.json").read_text())["training"]
    assert (training["schedule"], training["pooling"]) == ("epochs", "steps") and "samples" not in training
    run("train", corpus, env={"RNNLM_SCHEDULE": "passes"}).refused(2, "RNNLM_SCHEDULE", "it is epochs now")
