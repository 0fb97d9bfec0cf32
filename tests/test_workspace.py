"""Lineage: what is current, stale, changed or damaged, found by content alone and reported by name."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnlm.edits import check_text
from rnnlm.errors import UsageError
from rnnlm.graph import STAGES, later_stages
from rnnlm.workspace import Workspace

Contents = Callable[[Path], dict[str, bytes]]
CHAIN = ("raw", "clean", "tokenize", "vocab")


@pytest.fixture
def work(tmp_path: Path, trained: Path) -> Path:
    """A copy of the trained workspace, to be changed."""
    shutil.copytree(trained, tmp_path / "work")
    return tmp_path / "work"


def states(run: Any, work: Path) -> dict[str, str]:
    """What `status` says of every stage."""
    found: dict[str, str] = run("status", work, "--json").ok().json["stages"]
    return found


def flipped(content: bytes, offset: int) -> bytes:
    """`content` with one bit of one byte turned."""
    return content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]


def test_every_stage_names_its_inputs_before_itself() -> None:
    seen: set[str] = set()
    for stage in STAGES.values():
        assert set(stage.inputs) <= seen
        seen.add(stage.name)
    assert later_stages("clean") == ["tokenize", "vocab", "pad", "embed"]
    assert later_stages("pad") == []


def test_a_fresh_workspace_is_current(run: Any, work: Path) -> None:
    report = run("status", work, "--json").ok().json
    assert report["stages"] == {**dict.fromkeys([*CHAIN, "pad"], "current"), "embed": "missing"}
    assert report["models"]["lstm"]["state"] == "current"


def test_a_flipped_byte_in_any_file_is_refused_by_name(run: Any, work: Path) -> None:
    draw = random.Random(1)
    files = [path for stage in (*CHAIN, "pad") for path in sorted((work / stage).iterdir())]
    assert len(files) > 30
    for path in files:
        content = path.read_bytes()
        if content:
            # The last byte of a manifest is a line end, which says nothing.
            offset = draw.choice([0, len(content) - 2, draw.randrange(len(content) - 1)])
            path.write_bytes(flipped(content, offset))
            run("pad", work, "--quiet").refused(4, str(path.relative_to(work)))
            assert Workspace.open(work).state(path.parent.name) in ("changed", "damaged")
            path.write_bytes(content)
    run("pad", work).ok()


def test_a_flipped_byte_in_the_description_is_refused(run: Any, work: Path) -> None:
    """A corrupted setting must not rebuild the workspace with another value."""
    path = work / "workspace.json"
    content = path.read_bytes()
    for offset in range(0, len(content) - 1, 5):
        path.write_bytes(flipped(content, offset))
        run("pad", work, "--dry-run", "--quiet").refused(4, "workspace.json")


def test_a_file_that_is_gone_is_refused_by_name(run: Any, work: Path) -> None:
    (work / "clean" / "valid.txt").unlink()
    run("vocab", work).refused(4, "clean/valid.txt")
    assert states(run, work)["clean"] == "changed"


@pytest.mark.parametrize("stage", ["clean", "tokenize", "vocab", "pad"])
def test_a_stage_run_again_is_up_to_date_with_the_same_object(
    run: Any, work: Path, contents: Contents, stage: str
) -> None:
    before = contents(work)
    first = run(stage, work, "--json").ok()
    again = run(stage, work, "--json").ok()
    assert f"{stage}: up to date" in first.err
    assert first.json == again.json
    assert contents(work) == before
    shutil.rmtree(work / stage)
    assert run(stage, work, "--json").ok().json == first.json
    assert contents(work) == before


def test_a_changed_setting_makes_later_stages_stale_and_says_so(run: Any, work: Path) -> None:
    result = run("clean", work, "--case", "keep").ok()
    assert "stale now: tokenize, vocab, pad" in result.err
    assert states(run, work) == {
        "raw": "current", "clean": "current", "tokenize": "stale", "vocab": "stale", "pad": "stale", "embed": "missing",
    }  # fmt: skip
    result = run("vocab", work).ok()
    assert "tokenize: ran first" in result.err
    assert run("status", "--settings", work, "--json").ok().json["clean"]["case"] == {
        "value": "keep",
        "origin": "workspace",
    }
    assert run("status", work, "--json").ok().json["models"]["lstm"]["state"] != "current"
    run("clean", work, "--case", "lower").ok()
    run("pad", work).ok()
    assert run("status", work, "--json").ok().json["models"]["lstm"]["state"] == "current"


def test_new_fractions_split_the_same_corpus_again(run: Any, work: Path) -> None:
    def raw() -> bytes:
        return b"".join((work / "raw" / f"{split}.txt").read_bytes() for split in ("train", "valid", "test"))

    before = raw()
    run("clean", work, "--fractions", "0.5,0.5,0").ok()
    assert raw() == before
    assert (work / "raw" / "test.txt").read_bytes() == b""
    assert abs((work / "raw" / "train.txt").stat().st_size / len(before) - 0.5) < 0.02


def test_an_edit_by_hand_is_refused_adopted_and_makes_later_stages_stale(run: Any, work: Path) -> None:
    path = work / "clean" / "train.txt"
    path.write_bytes(path.read_bytes().replace(b"milk", b"honey"))
    run("vocab", work).refused(4, "clean/train.txt", f"rnnlm status {work} --accept")
    assert states(run, work)["clean"] == "changed"
    report = run("status", work, "--accept", "--json").ok().json
    assert report["adopted"] == {"clean": ["train.txt"]}
    assert report["stale"] == ["tokenize", "vocab", "pad"]
    run("vocab", work).ok()
    assert b"\thoney\t" in (work / "vocab" / "vocabulary.tsv").read_bytes()
    assert states(run, work)["clean"] == "current"
    assert run("status", work, "--accept", "--json").ok().json == {"adopted": {}, "stale": ["pad"]}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("clean/train.txt", lambda content: content + b"one more line\n"),
        ("clean/train.txt", lambda content: content[: content.index(b"\n") + 1]),
        ("vocab/vocabulary.tsv", lambda content: content + b"x"),
        ("vocab/train.ids.npy", lambda content: flipped(content, len(content) - 1)),
        ("clean/train.lines.npy", lambda content: flipped(content, len(content) - 1)),
    ],
)
def test_what_cannot_be_adopted(run: Any, work: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    path = work / name
    path.write_bytes(change(path.read_bytes()))
    before = (path.parent / "manifest.json").read_bytes()
    run("status", work, "--accept").refused(4, name)
    assert (path.parent / "manifest.json").read_bytes() == before


def test_an_adopted_text_that_is_no_text_is_refused(run: Any, work: Path) -> None:
    path = work / "clean" / "train.txt"
    path.write_bytes(path.read_bytes().replace(b"milk", b"m\xffk"))
    assert run("status", work, "--accept").code in (3, 4)
    run("vocab", work).refused(4, "clean/train.txt")


@pytest.mark.parametrize("stage", ["raw", "clean"])
@pytest.mark.parametrize(
    ("damage", "good"),
    [
        (lambda text: text.replace(b"milk", b"m\xffk"), False),
        (lambda text: text[:-1] + b"\xc3\n", False),
        (lambda text: text[:-1] + b"\xc3", False),  # half a character at the very end
        (lambda text: text.replace(b"milk", "m\u00efl\u4e2dk".encode()), True),
    ],
)
def test_an_adopted_text_is_utf8(
    run: Any, work: Path, stage: str, damage: Callable[[bytes], bytes], good: bool
) -> None:
    path = work / stage / "train.txt"
    path.write_bytes(damage(path.read_bytes()))
    finished = run("status", work, "--accept", "--quiet")
    if good:
        assert finished.ok().code == 0 and states(run, work)[stage] == "current"
    else:
        finished.refused(4, f"{stage}/train.txt cannot be adopted", "save it as UTF-8 lines")


def test_a_character_may_lie_across_the_blocks_in_which_an_edited_text_is_read(tmp_path: Path) -> None:
    for before in range(4):
        path = tmp_path / f"{before}.txt"
        path.write_bytes(b"x" * (2**20 - before) + "\U0001f600 \u4e2d\n".encode())
        check_text(path, no_specials=False)


def test_a_stage_is_rebuilt_by_force(run: Any, work: Path, contents: Contents) -> None:
    before = contents(work)
    path = work / "vocab" / "tokenizer.json"
    path.write_bytes(flipped(path.read_bytes(), 40))
    run("vocab", work).refused(4, "vocab/tokenizer.json", "--force")
    run("vocab", work, "--force").ok()
    assert contents(work) == before


def test_a_damaged_manifest_is_rebuilt_by_force(run: Any, work: Path, contents: Contents) -> None:
    before = contents(work)
    path = work / "vocab" / "manifest.json"
    path.write_bytes(flipped(path.read_bytes(), 40))
    run("vocab", work).refused(4, "vocab/manifest.json", f"rnnlm vocab {work} --force")
    run("vocab", work, "--force").ok()
    assert contents(work) == before


def test_a_second_run_is_kept_out(run: Any, work: Path) -> None:
    with Workspace.open(work).lock():
        run("vocab", work).refused(2, "another rnnlm is using")
        with pytest.raises(UsageError), Workspace.open(work).lock():
            pass
    run("vocab", work).ok()


def test_settings_come_from_flag_environment_file_workspace_default(tmp_path: Path, run: Any, corpus: Path) -> None:
    work, file = tmp_path / "work", tmp_path / "settings.toml"
    file.write_text("[vocab]\nmin_count = 4\n")

    def seen(*arguments: object, env: dict[str, str] | None = None) -> tuple[object, str]:
        found = run("status", "--settings", *arguments, "--json", env=env).ok().json["vocab"]["min_count"]
        return found["value"], found["origin"]

    assert seen() == (None, "default")
    run("vocab", corpus, "--out", work, "--min-count", "3").ok()
    assert seen(work) == (3, "workspace")
    assert seen(work, "--config", file) == (4, "file")
    assert seen(work, "--config", file, env={"RNNLM_MIN_COUNT": "5"}) == (5, "environment")
    assert seen(work, "--config", file, "--min-count", "6", env={"RNNLM_MIN_COUNT": "5"}) == (6, "flag")
    assert run("vocab", work, "--json").ok().json["min_count"] == 3


def test_a_dry_run_writes_nothing(tmp_path: Path, run: Any, work: Path, contents: Contents) -> None:
    before = contents(work)
    report = run("embed", work, "--dry-run", "--json").ok().json
    assert report["stages"] == {**dict.fromkeys(CHAIN, "up to date"), "embed": "would run"}
    report = run("pad", work, "--dry-run", "--min-count", "7", "--json").ok().json
    assert report["stages"] == {**dict.fromkeys(CHAIN, "up to date"), "vocab": "would run", "pad": "would run"}
    other = tmp_path / "other.txt"
    other.write_text("one line\nanother\n")
    for out in (work, tmp_path / "none"):
        run("clean", other, "--out", out, "--force", "--dry-run").ok()
    assert contents(work) == before
    assert not (tmp_path / "none").exists()


def test_the_manifest_digest_is_of_its_own_other_fields(work: Path) -> None:
    import hashlib

    for stage in CHAIN:
        content = json.loads((work / stage / "manifest.json").read_text("utf-8"))
        assert list(content)[-1] == "sha256"
        digest = content.pop("sha256")
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        for name, expected in content["outputs"].items():
            assert hashlib.sha256((work / stage / name).read_bytes()).hexdigest() == expected
        assert set(content["outputs"]) | {"manifest.json"} == {path.name for path in (work / stage).iterdir()}
