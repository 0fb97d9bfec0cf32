"""What the paths on a command line name: one stream of text, a file for each split, or files and folders of labels."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rnnlm.builtin.melodies import melody_lines
from rnnlm.builtin.stories import corpus_lines
from rnnlm.errors import InputError

BUILTIN = "builtin:"
BUILTIN_TEXTS = {"stories": corpus_lines, "melodies": melody_lines}
_SPLIT_NAMES = {"train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid",
                "dev": "valid", "test": "test"}  # fmt: skip
_NAMED = re.compile(r"(train|valid|test)=(.+)", re.DOTALL)
_NO_TEXT = re.compile(
    r"\.(py|pyc|ipynb|log|sh|c|h|cpp|js|css|html?|xml|ya?ml|toml|cfg|ini|md|rst|pdf|docx?|png|jpe?g|gif|svg|wav|mp3|npy|"
    r"npz|pt|pth|bin|pkl|pickle|h5|parquet|safetensors|zip|tar|tgz|7z|sha256|md5|lock)$"
)
_SHOWN = 6
_ORDER = ("train", "valid", "test")


@dataclass(frozen=True)
class CorpusFiles:
    """The parts of a corpus in reading order: one stream, or the paths of each split.

    With `labels_in` 'names' each file holds the texts of the label that it is named after, a line each; with 'folders'
    each file is a text, and its folder is named after the label.
    """

    stream: tuple[str, ...] = ()
    splits: tuple[tuple[str, tuple[str, ...]], ...] = ()
    labels_in: Literal["names", "folders"] | None = None

    def listed(self) -> str | None:
        """The files of a directory's splits with their sizes, where a split has several; None otherwise."""
        if self.labels_in is not None or all(len(names) == 1 for _, names in self.splits):
            return None
        return "; ".join(f"{split} is {sized(map(Path, names))}" for split, names in self.splits)


def find_corpus(paths: list[str], *, label_files: bool = False) -> CorpusFiles:
    """What the paths name; InputError for one that does not exist, holds no corpus, or could be read in several ways.

    `train=FILE`, `valid=FILE` and `test=FILE` name the splits, and so do the names of several files. With `label_files`
    a directory without a train file has a file or a folder for each label, or such folders in a folder for each split.
    """
    if not paths:
        raise InputError("no corpus given", "name a text file, a directory, builtin:stories, or - for standard input")
    named = [_NAMED.fullmatch(path) for path in paths if not Path(path).exists()]
    if len(named) == len(paths) and all(named):
        splits: dict[str, list[str]] = {}
        for match in named:
            assert match is not None
            splits.setdefault(match[1], []).append(match[2])
        if "train" not in splits:
            raise InputError("no train=FILE among the paths", "name the training text too")
        for name in (name for names in splits.values() for name in names):
            check_path(name)
        return _of_splits(splits)
    for name in paths:
        check_path(name)
    directories = [name for name in paths if name != "-" and Path(name).is_dir()]
    if not directories:
        kinds = [names_split(Path(name).name) for name in paths]
        if len(paths) > 1 and "train" in kinds and None not in kinds and len(set(kinds)) > 1:
            return _of_splits({kind: [n for n, k in zip(paths, kinds, strict=True) if k == kind] for kind in _ORDER})
        return CorpusFiles(stream=tuple(paths))
    if len(paths) > 1:
        raise InputError(f"{directories[0]} is a directory among several paths", "name one directory, or files")
    return _of_directory(Path(paths[0]), label_files=label_files)


def check_path(name: str) -> None:
    """InputError for a source that is not there."""
    if name.startswith(BUILTIN) and name.removeprefix(BUILTIN) not in BUILTIN_TEXTS:
        known = " and ".join(f"{BUILTIN}{each}" for each in BUILTIN_TEXTS)
        raise InputError(f"there is no built-in corpus {name!r}", f"there are {known}")
    if name != "-" and not name.startswith(BUILTIN) and not Path(name).exists():
        raise InputError(f"{name} does not exist", "check the path")


def names_split(name: str) -> str | None:
    """The split that a file is named after, train for `ptb.train.txt`; None where it is after none."""
    return next((_SPLIT_NAMES[word] for word in re.split(r"[._\-]", name.lower()) if word in _SPLIT_NAMES), None)


def _of_directory(directory: Path, *, label_files: bool) -> CorpusFiles:
    found: dict[str, list[str]] = {}
    files, folders = [], []
    for entry in sorted(directory.iterdir()):
        split = names_split(entry.name)
        leftover = entry.name.startswith(".") or entry.name.endswith(("~", ".bak", ".orig", ".tmp"))
        if entry.is_dir() and not leftover:
            folders.append(entry)
        if entry.is_file() and not leftover:
            files.append(str(entry))
            if split:
                found.setdefault(split, []).append(str(entry))
    if label_files and "train" not in found and folders:
        return _of_folders(directory, folders)
    if label_files and files and "train" not in found:
        odd = [name for name in files if _NO_TEXT.search(name.lower())]
        if odd:
            raise InputError(f"{odd[0]} is no text, and every file here is a label", "move it to another folder")
        return CorpusFiles(stream=tuple(files), labels_in="names")
    if "train" not in found and len(files) == 1 and not folders:
        raise InputError(f"{directory} has no train file", f"name its one file: {files[0]}")
    if "train" not in found:
        raise InputError(
            f"{directory} has no train file",
            "name the files train.txt, valid.txt and test.txt, list the files themselves, or, where each file is "
            "a label, use --task classify",
        )
    for split, names in found.items():
        shapes = {re.sub(r"\d+", "0", Path(name).name) for name in names}
        odd = [name for name in names if _NO_TEXT.search(name.lower())]
        if len(shapes) > 1 or odd:
            one = " ".join(f"{each}=FILE" for each in _ORDER if each in found)
            raise InputError(f"{directory}: {split} could be {sized(map(Path, names))}", f"name the files: {one}")
    return _of_splits(found)


def _of_folders(directory: Path, folders: list[Path]) -> CorpusFiles:
    """Texts in a folder for each label, in `directory` itself, or in folders for the splits."""
    splits = {_SPLIT_NAMES[each.name.lower()]: each for each in folders if each.name.lower() in _SPLIT_NAMES}
    if "train" not in splits:
        return CorpusFiles(stream=tuple(_texts_in(directory)), labels_in="folders")
    found = {split: _texts_in(each) for split, each in splits.items()}
    return CorpusFiles(splits=_of_splits(found).splits, labels_in="folders")


def _texts_in(directory: Path) -> list[str]:
    """The files in the folders of a directory, in order."""
    found = [str(path) for path in sorted(directory.glob("*/*")) if path.is_file() and not path.name.startswith(".")]
    if not found:
        raise InputError(f"{directory} has no texts in folders", "give a folder for each label with texts in it")
    return found


def _of_splits(found: dict[str, list[str]]) -> CorpusFiles:
    ordered = [(split, tuple(found[split])) for split in _ORDER if found.get(split)]
    return CorpusFiles(splits=tuple(ordered))


def sized(paths: Iterable[Path]) -> str:
    """Names of files with their sizes, the first few of many."""
    named = [f"{path.name} ({path.stat().st_size:,} bytes)" for path in paths]
    return ", ".join(named[:_SHOWN]) + (f" and {len(named) - _SHOWN:,} more" if len(named) > _SHOWN else "")
