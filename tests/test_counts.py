"""What one request costs beside its work: each section resolved once, each manifest and artifact read once."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import rnnlm.app.request
import rnnlm.artifacts
import rnnlm.model.sealed
import rnnlm.workspace


@dataclass
class Counts:
    """How often a section was resolved, a manifest that is there was read, and a file was hashed."""

    sections: Counter[str] = field(default_factory=Counter)
    manifests: Counter[str] = field(default_factory=Counter)
    hashed: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counts]:
    found = Counts()
    resolve, read, digest = rnnlm.app.request.resolve, rnnlm.workspace.read_manifest, rnnlm.artifacts.sha256_file

    def resolved(kind: type[Any], **sources: Any) -> Any:
        found.sections[kind.__name__] += 1
        return resolve(kind, **sources)

    def manifest(directory: Path, *arguments: Any, **more: Any) -> Any:
        result = read(directory, *arguments, **more)
        found.manifests[directory.name] += result is not None
        return result

    def hashed(path: Path) -> str:
        # A file is hashed under a temporary name when it is sealed, and under its own when it is checked.
        found.hashed["/".join(path.parts[-2:])] += 1
        return digest(path)

    monkeypatch.setattr(rnnlm.app.request, "resolve", resolved)
    monkeypatch.setattr(rnnlm.workspace, "read_manifest", manifest)
    monkeypatch.setattr(rnnlm.artifacts, "sha256_file", hashed)
    yield found


FLAGS = ("--steps", 4, "--hidden", 8, "--batch-size", 2, "--bptt", 8, "--quiet")
AGAIN: dict[str, Callable[[Path], tuple[Any, ...]]] = {
    "train": lambda work: ("train", work, *FLAGS, "--name", "other"),
    "train, found": lambda work: ("train", work, "--quiet"),
    "pad": lambda work: ("pad", work, "--quiet"),
    "embed": lambda work: ("embed", work, "--quiet"),
    "status": lambda work: ("status", work),
}


def test_a_new_workspace_resolves_each_section_once_and_hashes_what_it_writes_once(
    counts: Counts, run: Any, corpus: Path, tmp_path: Path
) -> None:
    run("train", corpus, "--out", tmp_path / "work", *FLAGS).ok()
    assert set(counts.sections.values()) == {1}, counts.sections
    assert max(counts.hashed.values()) == 1, counts.hashed


@pytest.mark.parametrize("command", AGAIN)
def test_a_workspace_that_is_there_is_read_once(
    counts: Counts, run: Any, corpus: Path, tmp_path: Path, command: str
) -> None:
    work = tmp_path / "work"
    run("train", corpus, "--out", work, *FLAGS).ok()
    counts.sections.clear(), counts.manifests.clear(), counts.hashed.clear()
    run(*AGAIN[command](work)).ok()
    assert max(counts.sections.values(), default=0) <= 1, counts.sections
    assert max(counts.manifests.values()) == 1, counts.manifests
    assert max(counts.hashed.values()) == 1, counts.hashed
