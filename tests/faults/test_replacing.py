"""What is sealed outlives whatever happens to what is to replace it, and to who reads it meanwhile."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sealing import sealed_json

from rnnlm import workspace as workspaces
from rnnlm.directories import check_space, move_in, rebuilt, recover
from rnnlm.errors import ArtifactError, StoppedError, StorageError
from rnnlm.locks import locked
from rnnlm.training.checkpoint import Checkpoints
from rnnlm.workspace import Workspace

Contents = Callable[[Path], dict[str, bytes]]
SIZE = ("--hidden", "8", "--embedding", "8", "--batch-size", "2", "--bptt", "8", "--steps", "9",
        "--set", "checkpoint_steps=3")  # fmt: skip


@pytest.fixture
def work(tmp_path: Path, trained: Path, run: Any) -> Path:
    """A copy of the trained workspace, with an n-gram model and an export beside it."""
    shutil.copytree(trained, tmp_path / "work")
    run("ngram", tmp_path / "work", "--order", "2").ok()
    run("export", tmp_path / "work", "--model", "lstm", "--to", "int8", "--out", tmp_path / "small").ok()
    return tmp_path / "work"


@pytest.fixture
def other(tmp_path: Path, story_lines: Any) -> Path:
    """Another corpus than that of the workspace."""
    path = tmp_path / "other.txt"
    path.write_text("\n".join(story_lines(80, seed=3)) + "\n", "utf-8")
    return path


# Who removes a directory.


@pytest.mark.parametrize("moment", ["before it is made", "before it is locked"])
def test_a_run_that_fails_leaves_a_directory_that_another_has_used(
    tmp_path: Path, run: Any, corpus: Path, other: Path, moment: str
) -> None:
    """`clean` and `train` begin with one new --out; `train` is done when `clean` comes to make or lock it."""
    work, make = tmp_path / "work", workspaces._make_directories
    done: list[bool] = []

    def late(path: Path) -> list[Path]:
        if done:
            return make(path)
        done.append(True)
        made = make(path) if moment == "before it is locked" else []
        run("train", corpus, "--out", work, *SIZE).ok()
        return made or make(path)

    with mock.patch.object(workspaces, "_make_directories", late):
        run("clean", other, "--out", work, "--quiet").refused(2, "the workspace of another corpus")
    run("generate", work).ok()
    assert run("status", work, "--json").ok().json["models"]["lstm"]["state"] == "current"


def test_a_run_that_fails_removes_what_it_alone_has_made(tmp_path: Path, run: Any) -> None:
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9\n")
    (tmp_path / "there").mkdir()
    for out in (tmp_path / "new", tmp_path / "deep" / "new", tmp_path / "there"):
        run("clean", tmp_path / "bad.txt", "--out", out, "--quiet").refused(3, "not UTF-8")
    assert not (tmp_path / "new").exists() and not (tmp_path / "deep").exists()
    assert (tmp_path / "there").is_dir()


def test_a_lock_whose_file_was_removed_locks_nobody_out_and_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with locked(path, "", keep=False), locked(tmp_path / "other", ""):
        pass
    assert not path.exists()
    opened = Path.open

    def slow(self: Path, *arguments: Any, **more: Any) -> Any:
        """Between opening and locking, whoever held the lock removes its file."""
        file = opened(self, *arguments, **more)
        if not seen:
            seen.append(self)
            self.unlink()
        return file

    seen: list[Path] = []
    with mock.patch.object(Path, "open", slow), locked(path, ""):
        assert path.exists()
    with pytest.raises(ArtifactError, match="is gone"), locked(tmp_path / "none" / ".lock", ""):
        pass


def test_natural_races_lose_nothing(tmp_path: Path, command: list[str], corpus: Path, other: Path) -> None:
    """Two commands into one new directory at the same time; in `make soak` more often."""
    for number in range(int(os.environ.get("RNNLM_KILLS", "4")) // 4 + 1):
        work = tmp_path / f"work-{number}"
        both = [
            [*command, "train", str(corpus), "--out", str(work), *SIZE, "--quiet"],
            [*command, "clean", str(other), "--out", str(work), "--quiet"],
        ]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        running = [subprocess.Popen(each, **pipes) for each in both]  # type: ignore[call-overload]
        ends = [(process.communicate()[1], process.returncode) for process in running]
        for said, code in ends:
            assert code in (0, 2, 4) and len(said.splitlines()) <= 1, ends
        assert (work / "workspace.json").exists()
        assert (work / "models" / "lstm" / "manifest.json").exists() == (ends[0][1] == 0)


# What is to replace a sealed model.


def ended(way: str) -> Any:
    """A patch that ends a training before it is sealed."""
    full = OSError(errno.ENOSPC, "No space left on device")
    return {
        "a signal": lambda: mock.patch("rnnlm.app.train.run.finish", side_effect=StoppedError("stopped", "go on", 2)),
        "a full disk": lambda: mock.patch.object(Checkpoints, "write", side_effect=StorageError("cannot write", "x")),
        "a disk that is full at the end": lambda: mock.patch("rnnlm.training.run.write_tensors", side_effect=full),
        "divergence": contextlib.nullcontext,  # it comes by itself
    }[way]()


WAYS = {"a signal": 130, "a full disk": 5, "a disk that is full at the end": 5, "divergence": 6}


@pytest.mark.parametrize("way", WAYS)
def test_a_model_stays_until_its_successor_is_sealed(
    tmp_path: Path, run: Any, work: Path, contents: Contents, way: str
) -> None:
    model, latest = work / "models" / "lstm", work / "models" / "LATEST"
    before = contents(model)
    flags = (*SIZE, "--name", "lstm", "--seed", "5")
    diverging = ("--learning-rate", "1e30", "--clip", "1e30", "--steps", "80") if way == "divergence" else ()
    with ended(way):
        finished = run("train", work, *flags, *diverging, "--force", "--quiet")
    assert finished.code == WAYS[way], finished.err
    assert len(finished.err.splitlines()) == 1 and "Traceback" not in finished.err
    assert contents(model) == before and latest.read_text() == "lstm\n"
    for use in (("evaluate", work, "--model", "lstm"), ("generate", model), ("next", work, "--prompt", "the")):
        run(*use).ok()
    assert run("status", work, "--json").ok().json["models"]["lstm"]["replacement"] == "unfinished"
    assert "current, replacement unfinished" in run("status", work).ok().out
    assert contents(model) == before
    if way == "divergence":
        return
    named = ("--name", "lstm", "--quiet")
    run("train", work, *flags, "--quiet").refused(2, "unfinished run with these settings", "--name lstm --resume")
    run("train", work, "--seed", "6", *named).refused(2, "a sealed model with other settings")
    run("train", work, "--seed", "6", *named, "--resume").refused(2, ".lstm.next", "seed 5, now 6")
    run("train", work, *flags, "--resume").ok()
    assert contents(model) != before and not (work / "models" / ".lstm.next").exists()
    run("train", work, *SIZE, "--name", "apart", "--seed", "5").ok()
    apart, replaced = contents(work / "models" / "apart"), contents(model)
    assert apart["weights.safetensors"] == replaced["weights.safetensors"]
    assert apart.keys() == replaced.keys()


def test_a_successor_begins_again_by_force(run: Any, work: Path, contents: Contents) -> None:
    model = work / "models" / "lstm"
    before = contents(model)
    for seed in ("5", "6"):
        with ended("a signal"):
            assert run("train", work, *SIZE, "--name", "lstm", "--seed", seed, "--force").code == 130
        assert contents(model) == before
    assert b'"seed": 6' in (work / "models" / ".lstm.next" / "run.json").read_bytes()
    run("train", work, *SIZE, "--name", "lstm", "--seed", "7", "--force").ok()
    assert not (work / "models" / ".lstm.next").exists()
    assert b'"seed": 7' in (model / "run.json").read_bytes()


@pytest.mark.parametrize("step", range(5))
def test_the_exchange_is_finished_wherever_it_was_cut_short(
    run: Any, work: Path, contents: Contents, step: int
) -> None:
    """After the new model is sealed: before either rename, between them, after both, and before what follows."""
    model, latest = work / "models" / "lstm", work / "models" / "LATEST"
    old, flags = contents(model), (*SIZE, "--name", "lstm", "--seed", "5")
    run("train", work, *SIZE, "--name", "apart", "--seed", "5").ok()
    new = contents(work / "models" / "apart")["weights.safetensors"]
    calls: list[str] = []

    def cut(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            calls.append(function.__name__)
            if len(calls) == step + 1:
                os._exit(99)
            return function(*arguments, **more)

        return call

    child = os.fork()
    if child == 0:  # a process that is gone at once, as one that was killed
        import rnnlm.training.run as runs

        settle = runs.settle

        def settled(place: Any) -> None:
            Path.rename = cut(Path.rename)  # type: ignore[method-assign]
            runs.write_bytes = cut(runs.write_bytes)
            shutil.rmtree = cut(shutil.rmtree)
            settle(place)

        runs.settle = settled
        run("train", work, *flags, "--force")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 99
    stands = contents(work / "models")
    assert run("evaluate", work, "--model", "lstm", "--json").ok().json["perplexity"] > 1  # one of the two, whole
    assert contents(work / "models") == stands
    run("train", work, *flags, "--resume").ok()
    assert contents(model)["weights.safetensors"] == new != old["weights.safetensors"]
    assert latest.read_text() == "lstm\n"
    assert not list((work / "models").glob(".lstm.*"))
    assert not (model / "checkpoints").exists()


@pytest.mark.parametrize("what", ["ngram", "export"])
def test_other_artifacts_stay_until_their_successors_are_sealed(
    tmp_path: Path, run: Any, work: Path, contents: Contents, what: str
) -> None:
    small, ngram = tmp_path / "small", work / "models" / "ngram"
    made = {
        "ngram": (ngram, ("ngram", work, "--order", "3", "--force"), "rnnlm.model.ngram.making.seal_model"),
        "export": (small, ("export", work, "--model", "lstm", "--to", "int8", "--out", small, "--force"),
                   "rnnlm.model.quantized.seal_model"),
    }  # fmt: skip
    directory, again, sealing = made[what]
    before = contents(directory)
    stop = StoppedError("stopped by SIGTERM", "", signal.SIGTERM)
    for error, code in ((KeyboardInterrupt, 130), (stop, 143), (OSError(errno.ENOSPC, "No space left"), 5)):
        with mock.patch(sealing, side_effect=error):
            finished = run(*again, "--quiet")
        assert finished.code == code and len(finished.err.splitlines()) == 1, finished
        assert contents(directory) == before
        assert not [path for path in directory.parent.iterdir() if path.name.startswith(f".{directory.name}.")]
    run("generate", directory).ok()
    with mock.patch("shutil.disk_usage") as usage:
        usage.return_value.free = 2000
        run(*again, "--quiet").refused(5, "takes up to", "free some space")
        run("train", work, "--name", "lstm", *SIZE, "--force", "--quiet").refused(5, "models/lstm takes up to")
        run("vocab", work, "--force", "--quiet").refused(5, "vocab takes up to")
    assert contents(directory) == before


def test_stages_of_another_corpus_stay_until_they_are_replaced(run: Any, work: Path, other: Path) -> None:
    run("embed", work, "--embedding", "8").ok()
    with mock.patch("rnnlm.app.stages.clean", side_effect=StoppedError("stopped by SIGTERM", "", signal.SIGTERM)):
        assert run("vocab", other, "--out", work, "--force").code == 143
    states = run("status", work, "--json").ok().json["stages"]
    assert states["raw"] == "current" and set(states.values()) == {"current", "stale"}
    run("generate", work, "--model", "lstm").ok()
    run("vocab", work).ok()
    states = run("status", work, "--json").ok().json["stages"]
    assert states["vocab"] == "current" and states["embed"] == "stale"
    run("clean", other, "--out", work, "--case", "keep", "--force").ok()
    third = other.with_name("third.txt")
    third.write_bytes(other.read_bytes() * 2)
    run("vocab", third, "--out", work, "--force").ok()
    states = run("status", work, "--json").ok().json["stages"]
    assert (states["vocab"], states["pad"], states["embed"]) == ("current", "missing", "missing")
    assert run("status", "--settings", work, "--json").ok().json["clean"]["case"]["value"] == "lower"


def test_two_who_write_at_one_place_are_kept_apart(tmp_path: Path, run: Any, work: Path) -> None:
    small = tmp_path / "small"
    with locked(tmp_path / ".small.lock", ""):
        export = ("export", work, "--model", "lstm", "--to", "int8", "--out", small, "--force")
        run(*export, "--quiet").refused(2, "another rnnlm writes", str(small))
    with locked(work / "models" / ".ngram.lock", ""):
        run("ngram", work, "--order", "3", "--force", "--quiet").refused(2, "another rnnlm writes")


def test_space_is_that_of_the_disk(tmp_path: Path) -> None:
    check_space(tmp_path / "not" / "yet", 1000, "a model")
    with pytest.raises(StorageError, match=r"a model takes up to .* GB on the disk of .*, which has .* free"):
        check_space(tmp_path, 2**60, "a model")


# What --resume continues, and what training records.


def test_a_run_that_had_no_checkpoint_yet_begins_as_it_did(run: Any, work: Path) -> None:
    """The start from co-occurrence is part of the run, also where it was stopped before its first checkpoint."""
    flags = (*SIZE, "--embedding-init", "cooccurrence", "--seed", "4")
    shutil.rmtree(work / "models" / "lstm")
    for name in ("whole", "cut"):
        if name == "cut":
            with mock.patch("rnnlm.training.loop.Trainer.run", side_effect=StoppedError("stopped", "", 2)):
                assert run("train", work, *flags, "--name", name).code == 130
            assert not list((work / "models" / name).glob("checkpoints/step-*"))
        run("train", work, *flags, "--name", name, *(("--resume",) if name == "cut" else ())).ok()
    whole, cut = ((work / "models" / name / "weights.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut


def test_resume_continues_nothing_else_than_what_was_asked_for(run: Any, work: Path) -> None:
    resume = ("--resume", "--quiet")
    run("train", work, "--name", "lstm", "--hidden", "16", *resume).refused(2, "is sealed", "hidden 24, now 16")
    run("train", work, "--name", "lstm", *resume).ok()  # of the recorded settings, and finished
    run("ngram", work, "--name", "kn").ok()
    run("train", work, "--name", "kn", *resume).refused(2, "models/kn is sealed", "it was not trained here")
    run("export", work, "--model", "lstm", "--to", "int8", "--out", work / "models" / "small").ok()
    run("train", work, "--name", "small", *resume).refused(2, "models/small is sealed")


def test_a_run_that_is_refused_records_nothing(run: Any, work: Path) -> None:
    before = (work / "workspace.json").read_bytes()
    with locked(work / "models" / ".lstm.lock", ""):
        again = ("train", work, "--name", "lstm", "--hidden", "30", "--force", "--quiet")
        run(*again).refused(2, "another rnnlm trains")
    assert (work / "workspace.json").read_bytes() == before


def test_settings_inside_the_model_to_be_replaced_are_refused(run: Any, work: Path) -> None:
    settings = work / "models" / "lstm" / "settings.toml"
    again = ("train", work, "--name", "lstm", "--config", settings, "--seed", "5", "--force", "--quiet")
    run(*again).refused(2, "settings.toml is part of the model to be replaced", "copy it")
    with ended("a signal"):
        assert run("train", work, *SIZE, "--name", "lstm", "--seed", "5", "--force").code == 130
    resumed = ("train", work, *SIZE, "--name", "lstm", "--config", settings, "--seed", "5", "--resume", "--quiet")
    run(*resumed).refused(2, "settings.toml")


def test_a_run_of_a_later_version_is_not_taken_for_another(run: Any, work: Path) -> None:
    path = work / "models" / "lstm" / "run.json"
    path.write_bytes(sealed_json({**json.loads(path.read_bytes()), "version": 3}))
    for flags in ((), ("--resume",), ("--name", "lstm"), ("--name", "lstm", "--force")):
        run("train", work, "--seed", "8", *flags, "--quiet").refused(4, "run.json has version 3", "1 and 2")


def test_a_short_run_outlives_its_workspace(run: Any, work: Path) -> None:
    from rnnlm.training.loop import Trainer

    trained = Trainer.run

    def vanish(self: Trainer, *, resume: bool) -> Any:
        outcome = trained(self, resume=resume)
        shutil.rmtree(work)
        return outcome

    with mock.patch.object(Trainer, "run", vanish):
        run("train", work, *SIZE, "--name", "kept").ok()
    run("generate", work / "models" / "kept").ok()


# Who reads meanwhile.


def test_readers_find_what_an_exchange_left_aside_and_change_nothing(run: Any, work: Path, contents: Contents) -> None:
    """A rebuild was killed between its two renames."""
    for path in (work / "raw", work / "vocab", work / "models" / "lstm"):
        path.rename(path.with_name(f".{path.name}.old"))
    before = contents(work)
    status = run("status", work, "--json").ok().json
    assert {status["stages"][name] for name in ("raw", "vocab", "pad")} == {"current"}
    assert status["models"]["lstm"]["state"] == "current"
    for use in (
        ("evaluate", work, "--model", "lstm"),
        ("generate", work),
        ("status", work, "--settings"),
        ("status", work),
    ):
        run(*use).ok()
    assert "lstm on test split" in run("evaluate", work).ok().out.splitlines()[2]
    run("evaluate", work, "--model", "none", "--quiet").refused(3, "there are: lstm, ngram")
    assert contents(work) == before
    run("train", work, "--from", "lstm", "--name", "next", "--steps", "2").ok()
    run("vocab", work).ok()
    run("train", work, "--name", "lstm", "--steps", "120", "--resume").ok()
    assert {path.name for path in work.iterdir()} >= {"raw", "vocab"}
    assert not [*work.glob(".*.old"), *(work / "models").glob(".*.old")]


def test_status_during_an_exchange_does_not_disturb_it(run: Any, work: Path) -> None:
    """Every time that a rebuild renames, somebody asks for the status."""
    rename = Path.rename
    asked: list[int] = []

    def watched(self: Path, target: Path) -> Path:
        result = rename(self, target)
        if self.name in ("vocab", ".vocab.partial"):
            asked.append(run("status", work, "--json").code)
        return result

    with mock.patch.object(Path, "rename", watched):
        run("vocab", work, "--force").ok()
    assert asked == [0, 0]
    assert run("status", work, "--json").ok().json["stages"]["vocab"] == "current"


def test_a_model_that_is_replaced_while_it_is_read_is_refused(tmp_path: Path, run: Any, work: Path) -> None:
    import rnnlm.model.quantized as quantized

    run("train", work, *SIZE, "--name", "other").ok()
    read, model = quantized.read_tensors, work / "models" / "lstm"

    def replaced(path: Path, *, remedy: str) -> Any:
        shutil.copytree(work / "models" / "other", tmp_path / "copy")
        move_in(tmp_path / "copy", model)
        return read(path, remedy=remedy)

    with mock.patch.object(quantized, "read_tensors", replaced):
        run("generate", model, "--quiet").refused(4, "models/lstm was replaced while it was read", "same command again")
    run("generate", model).ok()


@pytest.mark.parametrize("command", [("evaluate", "--model", "lstm"), ("train", "--seed", "9", *SIZE)])
def test_a_stage_that_is_replaced_while_it_is_read_is_refused(
    tmp_path: Path, run: Any, work: Path, other: Path, command: tuple[str, ...]
) -> None:
    """Between a command's first look at a stage and opening its files another corpus takes its place."""
    run("vocab", other, "--out", tmp_path / "elsewhere").ok()
    opening, seen = Workspace.opening, []

    def replaced(self: Workspace, *stages: str) -> Any:
        if not seen:
            seen.append(stages)
            for stage in stages:
                self.verified(stage)
                move_in(tmp_path / "elsewhere" / stage, work / stage)
        return opening(self, *stages)

    with mock.patch.object(Workspace, "opening", replaced):
        run(command[0], work, *command[1:], "--quiet").refused(4, "was replaced while it was read")
    assert seen


def test_what_another_run_recorded_is_not_lost(run: Any, work: Path) -> None:
    """A command reads the workspace's settings, another records some, and then the first one does."""
    first = Workspace.open(work)
    run("clean", work, "--case", "keep").ok()
    with first.lock():
        first.record({"pad": {"max_length": 7}})
    assert run("status", "--settings", work, "--json").ok().json["clean"]["case"]["value"] == "keep"


def test_a_rebuild_that_fails_in_either_rename_puts_the_old_one_back(tmp_path: Path) -> None:
    target = tmp_path / "stage"
    with rebuilt(target) as fresh:
        (fresh / "a").write_text("old")
    rename = Path.rename
    for failing in (1, 2):
        calls: list[Path] = []

        def fail(self: Path, to: Path, failing: int = failing, calls: list[Path] = calls) -> Path:
            calls.append(self)
            if len(calls) == failing:
                raise OSError(errno.EIO, "no")
            return rename(self, to)

        with mock.patch.object(Path, "rename", fail), pytest.raises(StorageError), rebuilt(target) as fresh:
            (fresh / "a").write_text("new")
        assert (target / "a").read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["stage"]
    recover(target)
