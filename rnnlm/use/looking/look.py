"""What a file or folder is, and the command to type: the checks of the stages on a bounded part; writes nothing."""

import re
from pathlib import Path
from typing import Any

from rnnlm.corpus.paths import CorpusFiles, find_corpus, names_split, sized
from rnnlm.corpus.sources import plain_name
from rnnlm.errors import InputError
from rnnlm.model.sealed import Sealed, is_sealed
from rnnlm.use.looking.parts import listed, quoted
from rnnlm.use.looking.tables import look_at_table
from rnnlm.use.looking.texts import is_tagged_file, look_at_text
from rnnlm.workspace import Workspace

_TABLES = (".csv", ".tsv", ".parquet", ".npy")


def look(path: str, model: Sealed | None) -> dict[str, Any]:
    """Facts by their names, the last one the command to type; InputError for what is not there or cannot be read."""
    place = Path(path)
    ours = Workspace.exists(place) or (place.is_dir() and is_sealed(place))
    if ours or (place.is_dir() and not any(place.glob("*.npy"))):
        return _folder(place, model)
    table = place.is_dir() or plain_name(path.lower()).endswith(_TABLES)
    if path != "-" and table and not is_tagged_file(place):
        return look_at_table(place, model)
    return look_at_text(path, model)


def _folder(path: Path, model: Sealed | None) -> dict[str, Any]:
    """The splits or labels of a folder; its one file; or what lies in it."""
    if Workspace.exists(path):
        return {"what": "a workspace", "command": f"rnnlm status {quoted(path)}"}
    if is_sealed(path):
        return {"what": "a model", "command": f"rnnlm inspect {quoted(path)}"}
    try:
        splits = find_corpus([str(path)]).splits
    except InputError as error:
        return _without_train(path, model, error)
    found = listed({split: len(files) for split, files in splits})
    return {"what": "a folder of splits", "files": found, "command": f"rnnlm train {quoted(path)} --out work"}


def _without_train(path: Path, model: Sealed | None, error: InputError) -> dict[str, Any]:
    """A folder that has no files of splits, or some that could be read in several ways, which `error` says."""
    try:
        labels = find_corpus([str(path)], label_files=True)
    except InputError:
        labels = CorpusFiles()
    names = _labels(labels)
    if len(names) > 1:
        command = f"rnnlm train {quoted(path)} --task classify --out work"
        return {"what": "a folder of labels", "files": len(labels.stream or labels.splits[0][1]),
                "labels": f"{len(names)}: {', '.join(names)}", "command": command}  # fmt: skip
    inside = sorted(each for each in path.iterdir() if not each.name.startswith("."))
    files = [each for each in inside if each.is_file()]
    if any(names_split(each.name) == "train" for each in files):
        return {"what": "a folder", "problem": error.message, "command": error.hint}
    if len(inside) == len(files) == 1:
        return look(str(files[0]), model)
    folders = ", ".join(each.name for each in inside if each.is_dir())
    command = f"rnnlm look {quoted(path)}/*" if inside else error.hint
    return {"what": "a folder", "files": sized(files), "folders": folders, "command": command}


def _labels(corpus: CorpusFiles) -> list[str]:
    """The names of files or folders that could be labels: all of them hold texts, and none is named after a split."""
    files = [Path(name) for name in corpus.stream or [name for _, names in corpus.splits for name in names]]
    if not all(re.fullmatch(r"|\.txt", Path(plain_name(each.name)).suffix.lower()) for each in files):
        return []
    if any(names_split(each.name) for each in files):
        return []
    named = (each.parent.name if corpus.labels_in == "folders" else Path(plain_name(each.name)).stem for each in files)
    return list(dict.fromkeys(named))
