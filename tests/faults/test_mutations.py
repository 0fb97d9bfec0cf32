"""Bytes of artifacts changed at random: named and refused; where somebody made the manifest agree, no worse than that.

`make soak` asks for 100,000 of them (RNNLM_MUTATIONS).
"""

import json
import os
import random
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from conftest import installed, needs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealing import reseal, sealed_json

from rnnlm.artifacts import MANIFEST
from rnnlm.errors import ArtifactError
from rnnlm.training.checkpoint import Checkpoints, Good
from rnnlm.training.identity import Identity
from rnnlm.training.journal import Header, Journal, read_journal

MUTATIONS = int(os.environ.get("RNNLM_MUTATIONS", "240"))  # in all; `make soak-mutations` asks for 100,000
_PATIENCE = 60  # seconds after which a command that hangs is ended; none is measured by it
_MORE_MEMORY = 200 * 10**6
Mutation = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Kind:
    """Artifacts of one kind: where their files are, the command that verifies them, and one that reads them.

    `reads` is what runs after somebody has made the manifest agree.
    """

    files: str
    verifies: tuple[str, ...]
    reads: tuple[str, ...]


SCORE = ("score", "text/models/lstm", "corpus.txt")
KINDS = {
    "workspace": Kind("text/workspace.json", ("pad", "text"), ("pad", "text")),
    "raw": Kind("text/raw/*", ("clean", "text"), ("pad", "text")),
    "clean": Kind("text/clean/*", ("clean", "text"), ("pad", "text")),
    "tokens": Kind("text/tokenize/*", ("tokenize", "text"), ("pad", "text")),
    "vocabulary and ids": Kind("text/vocab/*", ("vocab", "text"), ("pad", "text")),
    "rows": Kind("text/pad/*", ("pad", "text"), ("embed", "text", "--split", "valid")),
    "layer": Kind("text/embed/*", ("embed", "text"), ("neighbors", "text", "cat", "--initial")),
    "the last model's name": Kind("text/models/LATEST", ("generate", "text"), ("generate", "text")),
    "network": Kind("text/models/lstm/*", ("generate", "text/models/lstm"), SCORE),
    "n-grams": Kind("text/models/ngram/*", ("generate", "text/models/ngram"),
                    ("score", "text/models/ngram", "corpus.txt")),
    "labels": Kind("tags/raw/*", ("clean", "tags"), ("evaluate", "tags")),
    "tagger": Kind("tags/models/lstm/*", ("evaluate", "tags"), ("evaluate", "tags")),
    "table": Kind("air/table/*", ("window", "air"), ("window", "air")),
    "windows": Kind("air/window/*", ("window", "air"), ("evaluate", "air")),
    "forecaster": Kind("air/models/lstm/*", ("evaluate", "air"), ("evaluate", "air")),
}  # fmt: skip
TABLES = ("table", "windows", "forecaster")  # kinds that are made of a table, which the extra `tables` reads
UNSEALED = {"timing.jsonl"}  # which no manifest covers, for times are never the same twice


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory, run: Any, story_lines: Any) -> Path:
    """A folder with an artifact of every kind; each test puts back what it changes."""
    root = tmp_path_factory.mktemp("zoo")
    size = ("--hidden", "8", "--steps", "4", "--batch-size", "2", "--bptt", "8")
    (root / "corpus.txt").write_text("\n".join(story_lines(90)) + "\n", "utf-8")
    run("train", root / "corpus.txt", "--out", root / "text", *size, "--embedding", "8").ok()
    run("pad", root / "text").ok()
    run("ngram", root / "text", "--order", "3").ok()
    run("embed", root / "text").ok()
    tagged = "\n\n".join("the\tD\ncat\tN\nsees\tV" if n % 2 else "a\tD\ndog\tN\nruns\tV" for n in range(50))
    (root / "tags.txt").write_text(tagged + "\n")
    run("train", root / "tags.txt", "--task", "tag", "--out", root / "tags", *size).ok()
    if installed("tables"):
        rows = "".join(f"{n},{n * 7 % 13},{n * 3 % 5}\n" for n in range(150))
        (root / "air.csv").write_text("t,x,y\n" + rows)
        run("window", root / "air.csv", "--out", root / "air", "--target", "x", "--steps", "4").ok()
        run("train", root / "air", *size[:-2]).ok()
    for name, kind in KINDS.items():
        if name in TABLES and not installed("tables"):
            continue
        for command in (kind.verifies, kind.reads):
            run(*at(root, command)).ok()  # all that a command imports is there before its memory is bounded
    return root


def kind_of(name: str) -> Kind:
    """The kind of that name; a test of one that the zoo lacks is skipped."""
    if name in TABLES:
        needs("tables")
    return KINDS[name]


def at(root: Path, command: tuple[str, ...]) -> list[str]:
    """A command with the names of files in the zoo made whole."""
    return [command[0], *(str(root / each) if (root / each).exists() else each for each in command[1:]), "--quiet"]


def files_of(root: Path, kind: Kind) -> list[Path]:
    """The files of a kind."""
    return sorted(path for path in root.glob(kind.files) if path.is_file() and path.name not in UNSEALED)


@contextmanager
def bounded(size: int) -> Iterator[None]:
    """A command that waits without end is ended; memory above three times the file and 200 MB is not there."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it hangs")

    before, limits = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 3 * size + _MORE_MEMORY, limits[1]))
    signal.alarm(_PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def restored(root: Path) -> Iterator[None]:
    """The files below `root` are put back as they were."""
    kept = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    try:
        yield
    finally:
        for path in [path for path in root.rglob("*") if path.is_file() and path not in kept]:
            path.unlink()
        for path, content in kept.items():
            if not path.is_file() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)


def flipped(offset: int, bits: int) -> Mutation:
    """One byte changed."""

    def mutate(content: bytes) -> bytes:
        place = offset % len(content)
        return content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :]

    return mutate


def cut(length: int) -> Mutation:
    """The end cut off."""
    return lambda content: content[: length % len(content)]


OFFSETS = st.one_of(st.integers(0, 160), st.integers(0, 10**6))  # headers are what is believed first
MUTATED = st.one_of(st.builds(flipped, OFFSETS, st.integers(1, 255)), st.builds(cut, st.integers(0, 10**6)))
EXAMPLES = settings(
    max_examples=max(1, MUTATIONS // (2 * len(KINDS))),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("name", KINDS)
def test_any_byte_changed_and_any_end_cut_off_is_named(zoo: Path, run: Any, name: str) -> None:
    kind = kind_of(name)
    files = files_of(zoo, kind)

    @EXAMPLES
    @given(st.sampled_from(files), MUTATED)
    def check(path: Path, mutate: Mutation) -> None:
        content = path.read_bytes()
        path.write_bytes(mutate(content))
        try:
            with bounded(len(content)):
                finished = run(*at(zoo, kind.verifies))
        finally:
            path.write_bytes(content)
        finished.refused(4, f"{path.parent.name}/{path.name}")
        assert finished.out == ""

    check()


@pytest.mark.parametrize("name", ["workspace", "vocabulary and ids", "network", "table"])
def test_another_blank_in_json_that_bears_its_own_digest_is_named(zoo: Path, run: Any, name: str) -> None:
    """Found by the long form of the test above: the digest is of what is said, and a tab said the same."""
    kind = kind_of(name)
    path = next(path for path in files_of(zoo, kind) if path.name in (MANIFEST, "workspace.json"))
    content = path.read_bytes()
    for other in (
        content.replace(b" ", b"\t", 1),
        content[:-1] + b" ",
        content + b"\n",
        content.replace(b"\n", b"\r\n"),
    ):
        path.write_bytes(other)
        run(*at(zoo, kind.verifies)).refused(4, f"{path.parent.name}/{path.name}")
    path.write_bytes(content)
    run(*at(zoo, kind.verifies)).ok()


LACKING = [
    ("text/raw/manifest.json", "corpus_sha256"), ("text/raw/manifest.json", "fractions"),
    ("air/table/table.json", "sequence_column"),
]  # fmt: skip


@pytest.mark.parametrize("file, key", LACKING)
def test_what_a_forged_file_lacks_or_has_as_another_kind_is_named(zoo: Path, run: Any, file: str, key: str) -> None:
    """Found by the long form of the test below."""
    path = zoo / file
    kind = kind_of("table" if path.name == "table.json" else "raw")
    with restored(path.parents[1]):
        content = json.loads(path.read_bytes())
        if path.name == MANIFEST:
            del content["settings"][key]
        else:
            content[key] = [[]]
        path.write_text(json.dumps(content))
        agree(path)
        assert run(*at(zoo, kind.reads)).code == 4


def test_inputs_that_are_no_numbers_are_named(zoo: Path, run: Any) -> None:
    """Found by the long form of the test below: a NaN that signals, which a copy into float64 tells of."""
    needs("tables")
    path = zoo / "air/window/train.inputs.npy"
    with restored(path.parents[1]):
        content = bytearray(path.read_bytes())
        content[-4:] = b"\x01\x00\x80\x7f"
        path.write_bytes(bytes(content))
        agree(path)
        assert run(*at(zoo, KINDS["windows"].reads)).code == 4


HOSTILE = (None, True, -1, 0, 1, 2**31, 2**63, 10**30, 0.5, 1e308, -1e308, "", "lstm", "../..", "\0", "\ud800",
           "x" * 1000, [], {}, [[]], {"a": 1}, "delete")  # fmt: skip


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside JSON."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from places_in(each, (*path, key))


def changed_json(content: bytes, draw: random.Random) -> bytes:
    """JSON of which one value, anywhere, is something else or is gone."""
    value = json.loads(content)
    *way, last = draw.choice(list(places_in(value)))
    part, other = value, draw.choice(HOSTILE)
    for key in way:
        part = part[key]
    if other == "delete":
        del part[last]
    else:
        part[last] = other
    return json.dumps(value).encode()


def agree(path: Path) -> None:
    """Make the manifest of a changed file, or the file's own digest, say that all is well, where it can be."""
    try:
        if path.name == MANIFEST or path.name == "workspace.json":
            path.write_bytes(sealed_json(json.loads(path.read_bytes())))
        elif (path.parent / MANIFEST).exists():
            reseal(path.parent)
    except (ValueError, AttributeError):  # what is no JSON, or has half a character, stays as it is
        pass


@pytest.mark.parametrize("name", KINDS)
def test_what_agrees_with_its_manifest_is_still_not_believed(zoo: Path, run: Any, name: str) -> None:
    """Forged artifacts do no worse than being refused in one line, where what they say is not simply other data."""
    kind = kind_of(name)
    files = files_of(zoo, kind)

    @EXAMPLES
    @given(st.sampled_from(files), MUTATED, st.randoms(use_true_random=False), st.booleans())
    def check(path: Path, mutate: Mutation, draw: random.Random, whole: bool) -> None:
        with restored(zoo / path.relative_to(zoo).parts[0]):
            content = path.read_bytes()
            path.write_bytes(changed_json(content, draw) if whole and path.suffix == ".json" else mutate(content))
            agree(path)
            with bounded(len(content)):
                finished = run(*at(zoo, kind.reads))
        assert finished.code in (0, 2, 3, 4, 6), finished  # 6 where a network's weights say nothing any more
        assert len(finished.err.splitlines()) == (1 if finished.code else 0), finished

    check()


def with_field(content: bytes, name: str, value: Any) -> bytes:
    """JSON of which one field is something else."""
    return json.dumps({**json.loads(content), name: value}).encode()


# What long forms of the test above found, by kind and file.
FOUND: dict[tuple[str, str], Mutation] = {
    ("table", "air/table/table.json"): lambda content: with_field(content, "sequence_column", True),
    ("vocabulary and ids", "text/vocab/manifest.json"): lambda content: with_field(content, "report", {}),
    ("windows", "air/window/test.starts.npy"): lambda content: content.replace(b"<i8", b"<a8"),
    ("network", "text/models/lstm/config.json"): lambda content: with_field(
        content, "architecture", json.loads(content)["architecture"] | {"hidden": 16384, "layers": 16}
    ),  # 9 GB a layer
    ("n-grams", "text/models/ngram/order-3.log_p.npy"): lambda content: content[:-4] + np.float32(-4e35).tobytes(),
}


@pytest.mark.parametrize(("name", "file"), FOUND)
def test_what_was_found_to_be_believed_is_refused(zoo: Path, run: Any, name: str, file: str) -> None:
    kind, path = kind_of(name), zoo / file
    with restored(zoo / path.relative_to(zoo).parts[0]):
        path.write_bytes(FOUND[name, file](path.read_bytes()))
        agree(path)
        with bounded(path.stat().st_size):
            run(*at(zoo, kind.reads)).refused(4, path.parent.name)


def test_any_change_of_the_only_checkpoint_is_named(tmp_path: Path) -> None:
    run = Identity(
        {"hidden": 3}, {}, {}, "a" * 64, {"format": "a test"}, b"a tokenizer", {"vocab": "b" * 64}, {"threads": 1}
    )
    weights = {"W": np.full((4, 5), 1, np.float32)}
    Checkpoints(tmp_path, run).write(1, {"model.W": weights["W"]}, {"step": 1}, Good(1, weights, {}))
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert len(files) == 7

    @EXAMPLES
    @given(st.sampled_from(files), MUTATED)
    def check(path: Path, mutate: Mutation) -> None:
        content = path.read_bytes()
        path.write_bytes(mutate(content))
        try:
            with bounded(len(content)), pytest.raises(ArtifactError) as error:
                Checkpoints(tmp_path, run).newest(lambda text: None)
        finally:
            path.write_bytes(content)
        assert path.parent.name in str(error.value) and path.name in str(error.value)

    check()


def test_any_change_of_a_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.tsv"
    with Journal(path, Header({"vocab": "b" * 64}, {"threads": 1}, 100)) as journal:
        for step in range(9):
            journal.write(step, step / 9, 0.01, 35)
        journal.finish()
    content = path.read_bytes()
    assert len(read_journal(path)) == 9

    @EXAMPLES
    @given(MUTATED)
    def check(mutate: Mutation) -> None:
        path.write_bytes(mutate(content))
        with bounded(len(content)), pytest.raises(ArtifactError, match=r"journal\.tsv"):
            read_journal(path)

    check()


@pytest.mark.parametrize("content", [b'{"a":[' + b"{}," * 1_300_000 + b"{}]}", b'{"a":' * 700_000])
def test_a_large_manifest_takes_little_memory(zoo: Path, run: Any, content: bytes) -> None:
    """Of a form that takes the most memory for its bytes, or the most depth."""
    kind = KINDS["vocabulary and ids"]
    with restored(zoo / "text"):
        (zoo / "text" / "vocab" / MANIFEST).write_bytes(content)
        with bounded(len(content)):
            finished = run(*at(zoo, kind.verifies))
    finished.refused(4, "vocab/manifest.json")
