"""What the cases are made of: a place with files, workspaces and models, and what somebody has done to them."""

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from conftest import Finished, sentences
from sealing import forge, sealed_json

from rnnlm.errors import StoppedError

GOOD = ("\n".join(sentences(150)) + "\n").encode()


@dataclass(frozen=True)
class Place:
    """Where a case makes what it needs. `trained` is a workspace with every stage and a model, not to be changed."""

    root: Path
    trained: Path
    run: Callable[..., Finished]

    @property
    def out(self) -> Path:
        """A workspace that is not there yet."""
        return self.root / "out"

    @property
    def work(self) -> Path:
        """A copy of the trained workspace, to be changed."""
        if not (self.root / "work").exists():
            shutil.copytree(self.trained, self.root / "work")
        return self.root / "work"

    @property
    def model(self) -> Path:
        """The model in that copy."""
        return self.work / "models" / "lstm"

    def file(self, name: str, content: bytes = GOOD) -> Path:
        """A file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def link(self, name: str, target: Path) -> Path:
        """A symbolic link."""
        (self.root / name).symlink_to(target)
        return self.root / name


def clean(name: str, content: bytes, *flags: str) -> Callable[[Place], list[Any]]:
    """A corpus of this content, read into a new workspace."""
    return lambda place: ["clean", place.file(name, content), "--out", place.out, *flags]


def vocab(name: str, content: bytes, *flags: str) -> Callable[[Place], list[Any]]:
    """The same, up to the vocabulary."""
    return lambda place: ["vocab", place.file(name, content), "--out", place.out, "--json", *flags]


def cleaned(place: Place) -> str:
    """The cleaned text of train."""
    return (place.out / "clean" / "train.txt").read_text("utf-8")


def same_as(content: bytes) -> Callable[[Place, Finished], bool]:
    """What came of a text in another form is what comes of `content`."""

    def holds(place: Place, finished: Finished) -> bool:
        plain = place.root / "plain"
        place.run("clean", place.file("plain.txt", content), "--out", plain).ok()
        return cleaned(place) == (plain / "clean" / "train.txt").read_text("utf-8")

    return holds


def fifo(place: Place) -> Path:
    """A named pipe."""
    os.mkfifo(place.root / "pipe.txt")
    return place.root / "pipe.txt"


def fake_model(name: str, content: bytes) -> Callable[[Place], list[Any]]:
    """A model one of whose files somebody has replaced, the manifest agreeing, is asked to speak."""

    def command(place: Place) -> list[Any]:
        forge(place.model / name, content)
        return ["generate", place.model]

    return command


def forged(stage: str, name: str, content: bytes, *command: str) -> Callable[[Place], list[Any]]:
    """The same of a stage's file, and a command that reads the stage."""

    def build(place: Place) -> list[Any]:
        forge(place.work / stage / name, content)
        return [command[0], place.work, *command[1:]]

    return build


def npy(array: Any) -> bytes:
    """An array as a file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def config_with(**changes: Any) -> Callable[[Place], list[Any]]:
    """A model whose architecture somebody has changed."""

    def command(place: Place) -> list[Any]:
        content = json.loads((place.model / "config.json").read_bytes())
        content["architecture"] |= changes
        forge(place.model / "config.json", json.dumps(content).encode())
        return ["generate", place.model]

    return command


def other_workspace(place: Place) -> Path:
    """A workspace of another corpus, up to its ids."""
    text = place.file("other.txt", ("\n".join(sentences(80, seed=3)) + "\n").encode())
    place.run("vocab", text, "--out", place.root / "other").ok()
    return place.root / "other"


def mixed(stage: str) -> Callable[[Place], list[Any]]:
    """A workspace one stage of which was taken from another."""

    def command(place: Place) -> list[Any]:
        other = other_workspace(place)
        shutil.rmtree(place.work / stage)
        shutil.copytree(other / stage, place.work / stage)
        return ["vocab", place.work, "--json"]

    return command


def made_anew(place: Place, finished: Finished) -> bool:
    """The foreign stage was found stale and made again: the vocabulary is that of this workspace's own text."""
    tokenizer = "vocab/tokenizer.json"
    return (place.work / tokenizer).read_bytes() == (place.trained / tokenizer).read_bytes()


def version(path: Callable[[Place], Path], *command: str) -> Callable[[Place], list[Any]]:
    """A manifest or `workspace.json` of a version to come."""

    def build(place: Place) -> list[Any]:
        content = json.loads(path(place).read_bytes())
        path(place).write_bytes(sealed_json({**content, "version": 99}))
        return [command[0], place.work, *command[1:]]

    return build


def train(*flags: str, toml: bytes | None = None) -> Callable[[Place], list[Any]]:
    """Training with settings that cannot be; of a corpus that is not looked at, for settings come first."""

    def command(place: Place) -> list[Any]:
        config = ["--config", place.file("settings.toml", toml)] if toml is not None else []
        return ["train", place.root / "none.txt", "--out", place.out, *flags, *config]

    return command


def report_to(path: Callable[[Place], Path]) -> Callable[[Place], list[Any]]:
    """Scores of a text, their report to be written somewhere."""

    def command(place: Place) -> list[Any]:
        place.file("corpus.txt")
        return ["score", place.model, place.root / "corpus.txt", "--report", path(place)]

    return command


def writing(*command: str, inside: str = "") -> Callable[[Place], list[Any]]:
    """A command that is to write its last flag's file where its settings are read from, or the directory `inside`."""

    def build(place: Place) -> list[Any]:
        settings = place.file(f"{inside}/s.toml" if inside else "s.toml", b"quiet = false\n")
        texts = [place.file("corpus.txt")] if command[0] == "score" else []
        return [command[0], place.work, *texts, *command[1:], settings.parent if inside else settings, "--config",
                settings]  # fmt: skip

    return build


def own_settings(place: Place) -> list[Any]:
    """The settings that a workspace wrote, edited and given back to it with a flag."""
    path = place.work / "settings.toml"
    path.write_text("# mine\n" + path.read_text("utf-8"), "utf-8")
    return ["vocab", place.work, "--config", path, "--min-count", "3"]


def hard_link(place: Place) -> Path:
    """Another name of the text that is scored."""
    (place.root / "hard.txt").hardlink_to(place.root / "corpus.txt")
    return place.root / "hard.txt"


def out_at(path: Callable[[Place], Path], *flags: str) -> Callable[[Place], list[Any]]:
    """A corpus read into some place."""
    return lambda place: ["clean", place.file("corpus.txt"), "--out", path(place), *flags]


def bomb(name: str, pack: Callable[[bytes], bytes]) -> Callable[[Place], list[Any]]:
    """Ninety million bytes of one sentence, packed into some thousands."""
    return lambda place: ["clean", place.file(name, pack(b"the cat sat on it\n" * 5_000_000)), "--out", place.out]


def replaced(place: Place, count: int) -> bool:
    """Whether the raw stage says that so many sequences were replaced."""
    report = json.loads((place.out / "raw" / "manifest.json").read_bytes())["report"]
    return bool(report["replaced_sequences"] == count)


def only_one_line_end(place: Place, finished: Finished) -> bool:
    """Special strings of a text never become the ids of special tokens: `</s>` stands at the line ends alone."""
    ids = np.load(place.out / "vocab" / "train.ids.npy")
    return bool((ids == 2).sum() == 60 and not np.isin(ids, (0, 1)).any() and (ids == 3).sum() == 4 * 60)


def pipe_in_place_of(path: Path) -> None:
    """A named pipe where a file was."""
    path.unlink()
    os.mkfifo(path)


def piped_manifest(place: Place) -> list[Any]:
    """A stage whose manifest is a pipe."""
    pipe_in_place_of(place.work / "clean" / "manifest.json")
    return ["pad", place.work]


def endless_manifest(place: Place) -> list[Any]:
    """A stage whose manifest has a terabyte, none of it on the disk."""
    os.truncate(place.work / "clean" / "manifest.json", 2**40)
    return ["pad", place.work]


def outside_ids(place: Place) -> list[Any]:
    """Ids one of which the vocabulary does not have."""
    ids = np.load(place.work / "vocab" / "train.ids.npy")
    ids[np.flatnonzero(ids > 3)[0]] = 60_000
    return forged("vocab", "train.ids.npy", npy(ids), "pad")(place)


def other_tokenizer(place: Place) -> list[Any]:
    """A model with the tokenizer of another."""
    other = other_workspace(place)
    return fake_model("tokenizer.json", (other / "vocab" / "tokenizer.json").read_bytes())(place)


def tokenizer_with(**changes: Any) -> Callable[[Place], list[Any]]:
    """A model whose tokenizer somebody has changed."""

    def command(place: Place) -> list[Any]:
        content = json.loads((place.model / "tokenizer.json").read_bytes())
        return fake_model("tokenizer.json", json.dumps(content | changes).encode())(place)

    return command


# Parts of a tokenizer that can be read: one makes the library panic where it is used, one cuts what it encodes.
PANICKING = {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": ""}, "content": "x"},
                                                 {"type": "NFKC"}]}  # fmt: skip
CUTTING = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}


SIZE = ("--hidden", "8", "--embedding", "8", "--batch-size", "2", "--bptt", "8", "--name", "cut", "--steps", "9",
        "--set", "checkpoint_steps=3")  # fmt: skip


def begun(place: Place) -> Path:
    """The directory of a training that broke off after its last step, two checkpoints being kept."""
    with mock.patch("rnnlm.app.train.run.finish", side_effect=StoppedError("stopped", "go on", 1)):
        assert place.run("train", place.work, *SIZE).code == 129
    return place.work / "models" / "cut"


def resumed(*flags: str) -> Callable[[Place], list[Any]]:
    """A training that broke off goes on with other flags."""
    return lambda place: [begun(place), ["train", place.work, *SIZE, "--resume", *flags]][1]  # type: ignore[return-value]


def resumed_with_other_data(place: Place) -> list[Any]:
    """The same after the vocabulary has changed."""
    begun(place)
    place.run("vocab", place.work, "--min-count", "4").ok()
    return ["train", place.work, *SIZE, "--resume"]


def resumed_damaged(count: int) -> Callable[[Place], list[Any]]:
    """The same after the newest checkpoints were damaged."""

    def command(place: Place) -> list[Any]:
        found = sorted((begun(place) / "checkpoints").glob("step-*"))
        assert len(found) == 2
        for checkpoint in found[-count:]:
            content = (checkpoint / "state.safetensors").read_bytes()
            (checkpoint / "state.safetensors").write_bytes(content[:-9])
        return ["train", place.work, *SIZE, "--resume"]

    return command
