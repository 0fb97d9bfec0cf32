"""`rnnlm corpus`: the list, the forms it writes, and what is refused."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnlm.builtin.catalogue import CATALOGUE
from rnnlm.builtin.melodies import MELODIES_SHA256
from rnnlm.builtin.stories import STORIES_SHA256, corpus_lines

TASKS = ["recall", "copy", "adding"]
FIXED = {"stories": STORIES_SHA256, "melodies": MELODIES_SHA256}


def test_the_list_names_each_with_the_command_that_reads_it(run: Any) -> None:
    out = run("corpus").ok().out
    for name, row in CATALOGUE.items():
        assert f"{name} " in out
        assert row.use in out
    rows = {row["name"]: row for row in run("corpus", "--json").ok().json["corpora"]}
    assert list(rows) == list(CATALOGUE)
    assert rows["stories"]["stories"] == 5400
    assert {name: rows[name]["sha256"] for name in FIXED} == FIXED


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_corpus_has_its_bytes_and_their_digest_beside_it(tmp_path: Path, run: Any, name: str) -> None:
    written = run("corpus", name, "--out", tmp_path, "--json").ok().json
    content = (tmp_path / f"{name}.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == written["sha256"] == FIXED[name]
    assert (tmp_path / f"{name}.sha256").read_text() == f"{FIXED[name]}  {name}.txt\n"
    assert run("corpus", name).ok().out.encode() == content


def test_tagged_stories_are_pairs_with_a_blank_line_after_each_story(tmp_path: Path, run: Any) -> None:
    run("corpus", "stories", "--tagged", "--out", tmp_path).ok()
    assert [path.name for path in tmp_path.iterdir()] == ["stories.tagged.txt"]
    stories = (tmp_path / "stories.tagged.txt").read_text().removesuffix("\n\n").split("\n\n")
    assert len(stories) == 5400
    words, tags = zip(*(line.split("\t") for line in stories[0].split("\n")), strict=True)
    assert set(tags) <= {"ADJ", "ADV", "CONJ", "DET", "NAME", "NOUN", "NUM", "PREP", "PRON", "VERB"}
    assert " ".join(words) == re.sub(r"[^a-z]+", " ", next(corpus_lines()).lower()).strip()


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_the_same_for_a_seed_to_a_file_or_to_standard_output(
    tmp_path: Path, run: Any, contents: Callable[[Path], dict[str, bytes]], name: str
) -> None:
    flags = ("--lag", 12, "--count", 7)
    out = run("corpus", name, *flags).ok().out
    assert run("corpus", name, *flags, "--seed", 1).ok().out == out
    assert run("corpus", name, *flags, "--seed", 2).ok().out != out
    written = run("corpus", name, *flags, "--out", tmp_path / "new" / "folder", "--json").ok().json
    assert contents(tmp_path) == {f"new/folder/{CATALOGUE[name].file}": out.encode()}
    assert written["bytes"] == len(out)
    assert written["sha256"] == hashlib.sha256(out.encode()).hexdigest()


def test_lag_and_count_decide_the_size(run: Any) -> None:
    header, *recall = run("corpus", "recall", "--lag", 12, "--count", 7).ok().out.splitlines()
    assert header == "label\ttext"
    assert [len(row.split("\t")[1].split()) for row in recall] == [13] * 7
    copies = run("corpus", "copy", "--lag", 12, "--count", 7).ok().out.removesuffix("\n\n").split("\n\n")
    assert [len(sequence.split("\n")) for sequence in copies] == [12 + 20] * 7
    header, *adding = run("corpus", "adding", "--lag", 12, "--count", 7).ok().out.splitlines()
    assert header == "sequence,value,marker,sum"
    assert len(adding) == 12 * 7
    assert len(run("corpus", "recall").ok().out.splitlines()) == 1 + 10000


def test_the_seed_may_come_from_the_environment_or_a_file(tmp_path: Path, run: Any) -> None:
    wanted = run("corpus", "recall", "--lag", 3, "--count", 4, "--seed", 8).ok().out
    settings = tmp_path / "settings.toml"
    settings.write_text("[corpus]\nlag = 3\ncount = 4\n")
    assert run("corpus", "recall", "--config", settings, env={"RNNLM_SEED": "8"}).ok().out == wanted
    run("corpus", "melodies", "--config", settings, env={"RNNLM_SEED": "8"}).ok()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tales"], ["'tales'", "rnnlm corpus"]),
        (["stories", "--lag", "3"], ["--lag with stories", "recall"]),
        (["melodies", "--seed", "3"], ["--seed with melodies", "recall"]),
        (["--count", "3"], ["--count with no corpus"]),
        (["pairs", "--lag", "3"], ["--lag with pairs", "recall"]),
        (["recall", "--tagged"], ["--tagged with recall", "stories"]),
        (["melodies", "--tagged"], ["--tagged with melodies", "stories"]),
        (["--tagged"], ["--tagged with no corpus"]),
        (["recall", "--lag", "0"], ["--lag", "1 or more"]),
        (["copy", "--count", "0"], ["--count", "1 or more"]),
        (["adding", "--lag", "1"], ["adding", "at least 2"]),
    ],
)
def test_flags_that_cannot_be_meant_are_refused_before_anything_is_written(
    tmp_path: Path, run: Any, arguments: list[str], words: list[str]
) -> None:
    result = run("corpus", *arguments, "--out", tmp_path / "out")
    result.refused(2, *words)
    assert result.out == ""
    assert not (tmp_path / "out").exists()


def test_a_file_of_that_name_is_replaced_only_by_force(
    tmp_path: Path, run: Any, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    flags = ("--lag", 3, "--count", 4, "--out", tmp_path)
    run("corpus", "recall", *flags).ok()
    before = contents(tmp_path)
    run("corpus", "recall", *flags).ok()
    run("corpus", "recall", *flags, "--seed", 2).refused(2, "exists and differs", "--force")
    assert contents(tmp_path) == before
    run("corpus", "recall", *flags, "--seed", 2, "--force").ok()
    assert contents(tmp_path) != before


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path: Path, run: Any) -> None:
    (tmp_path / "file").write_text("")
    run("corpus", "recall", "--count", 1, "--out", tmp_path / "file").refused(5, "cannot write")
    (tmp_path / "recall.tsv").mkdir()
    run("corpus", "recall", "--count", 1, "--out", tmp_path).refused(5, "cannot write")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "recall.tsv"]


@pytest.mark.parametrize("name", ["stories", *TASKS])
def test_a_reader_that_leaves_ends_the_stream_silently(quick_command: list[str], name: str) -> None:
    """A count that would take minutes: lines are drawn as they are read."""
    more = [] if name == "stories" else ["--count", "100000000"]
    process = subprocess.Popen([*quick_command, "corpus", name, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_one_object_for_a_program_and_the_next_command_for_a_person(tmp_path: Path, run: Any) -> None:
    flags = ("--lag", 3, "--count", 4, "--out", tmp_path)
    use = f"rnnlm train {tmp_path / 'copy.tagged.txt'} --task tag"  # as it can be typed where one stands
    assert use in run("corpus", "copy", *flags).ok().out.splitlines()
    assert set(json.loads(run("corpus", "copy", *flags, "--json").ok().out)) == {"path", "bytes", "sha256", "use"}
