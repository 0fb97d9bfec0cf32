"""Files edited by hand: rebuilt with `--force`, or adopted with `status --accept`, on request only."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from rnnlm.artifacts import MANIFEST


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, run: Any, story_lines: Any) -> Path:
    """A workspace with every stage of a text; tests work on copies of it."""
    root = tmp_path_factory.mktemp("built")
    (root / "corpus.txt").write_text("\n".join(story_lines(90)) + "\n", "utf-8")
    run("pad", root / "corpus.txt", "--out", root / "text").ok()
    run("embed", root / "text", "--embedding", "8").ok()
    return root / "text"


@pytest.mark.parametrize("stage", ["clean", "tokenize", "vocab", "pad", "embed"])
def test_what_was_changed_is_rebuilt_when_that_is_asked_for(tmp_path: Path, built: Path, run: Any, stage: str) -> None:
    work = tmp_path / "work"
    shutil.copytree(built, work)
    largest = max((work / stage).iterdir(), key=lambda path: path.stat().st_size)
    for path in (largest, work / stage / MANIFEST):
        path.write_bytes(path.read_bytes()[:-40])
        run(stage, work, "--quiet").refused(4, f"{stage}/{path.name}", "--force")
        run(stage, work, "--force").ok()
        assert path.read_bytes() == (built / stage / path.name).read_bytes()


def test_a_text_that_was_edited_is_adopted_when_that_is_asked_for(tmp_path: Path, built: Path, run: Any) -> None:
    work = tmp_path / "work"
    shutil.copytree(built, work)
    path = work / "clean" / "train.txt"
    path.write_text(path.read_text().replace("cat", "cow"))
    run("vocab", work, "--quiet").refused(
        4, "clean/train.txt has changed since it was written", f"rnnlm status {work} --accept"
    )
    assert run("status", work, "--accept", "--json").ok().json["adopted"] == {"clean": ["train.txt"]}
    run("vocab", work).ok()
    assert "cow" in (work / "vocab" / "vocabulary.tsv").read_text()
    ids = work / "vocab" / "train.ids.npy"
    ids.write_bytes(ids.read_bytes()[:-2])
    run("status", work, "--accept", "--quiet").refused(4, "train.ids.npy cannot be adopted", "--force")
