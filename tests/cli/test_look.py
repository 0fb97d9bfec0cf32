"""`rnnlm look`: what a path is, in facts, and a command that works."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

PROSE = "It was a day on which the rain fell without an end over\nthe town and the fields and nobody came to see\n"
WANTED: dict[str, tuple[str, dict[str, Any], str]] = {
    "plain.txt": ("the cat sat. it ran.\n" * 40, {"what": "a text in UTF-8", "lines": 40, "repeated lines": 39}, ""),
    "wrapped.txt": (PROSE * 60, {"wrapped prose": True}, "--sentences"),
    "tagged.tsv": ("the\tDET\ncat\tNOUN\n\n" * 9, {"what": "a table"}, "--task classify"),
    "tagged.txt": ("the\tDET\ncat\tNOUN\n\n" * 9, {"word and tag in each line": True}, "--task tag"),
    "names.txt": ("".join(f"name{k % 26}x\n" for k in range(99)), {"lines": 99}, "--kind char"),
    "marked.txt": ("<s> a b </s>\n" * 9, {"special strings": 18}, ""),
    "curly.txt": ("“a b” – ‘c’\n" * 9, {"curly quotes and dashes": 45}, "--fold-quotes"),
    "soft.txt": ("a\u00adb c d e f g h\n" * 9, {"format characters": 9}, ""),
    "records.jsonl": ('{"id": 1, "text": "a b"}\n' * 9, {"what": "JSON Lines", "fields": "id, text"}, "--field text"),
    "table.csv": ("day;x;y\n1.2.2020;1,5;a\n2.2.2020;2,5;b\n" * 1, {"what": "a table", "rows": 2}, "--target x"),
}


@pytest.mark.parametrize("name", WANTED)
def test_a_file_is_described(run: Any, tmp_path: Path, name: str) -> None:
    needs("tables")
    content, facts, flags = WANTED[name]
    path = tmp_path / name
    path.write_text(content, "utf-8")
    before = sorted(tmp_path.iterdir())
    found = run("look", path, "--json").ok().json[str(path)]
    assert found.items() >= facts.items()
    assert flags in found["command"]
    assert sorted(tmp_path.iterdir()) == before
    assert found["command"] in " ".join(run("look", path).ok().out.split())
    program, command, *_ = shlex.split(found["command"])
    assert (program, command) == ("rnnlm", "window" if name == "table.csv" else "train")


def test_folders_models_and_what_is_not_there(run: Any, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("train.txt", "valid.txt"):
        (folder / name).write_text("the cat sees ćats\n")
    assert "a folder of splits" in run("look", folder).ok().out
    (folder / "train.log").write_text("x\n")
    assert "train could be train.log" in " ".join(run("look", folder).ok().out.split())
    found = run("look", folder / "train.txt", "--model", trained, "--json").ok().json[str(folder / "train.txt")]
    assert found["unknown to the model"].endswith("of 5 tokens")
    assert "ć (U+0107)" in found["unseen by the model"]
    run("look", tmp_path / "none.txt").refused(3, "none.txt does not exist")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    run("look", tmp_path / "latin.txt").refused(3, "latin.txt", "not UTF-8", "iconv")
    np.save(folder / "a.npy", np.zeros((9, 3)))
    assert "a table" in run("look", folder).ok().out


def test_only_a_part_of_a_large_file_is_read(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_text("the cat sat on the mat\n" * 200_000)
    found = run("look", path, "--json").ok().json[str(path)]
    assert (found["read"], found["bytes"]) == ("the first 1,048,576 bytes", path.stat().st_size)
    assert found["lines"] < 50_000
