"""What a file or folder is, and the command to type: the checks of the stages on a bounded part; writes nothing."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.look import READ, TextLook, unlike
from rnnlm.corpus.paths import CorpusFiles, find_corpus
from rnnlm.corpus.sources import JSON_LINES, plain_name, read_blocks, whole_lines
from rnnlm.corpus.text import encode_text
from rnnlm.errors import InputError
from rnnlm.files import is_regular
from rnnlm.model.sealed import Sealed
from rnnlm.tables.source import describe_source

_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".npy")
_PART = f"the first {READ:,} bytes"
_TAGGED = 0.95  # of the lines have a word, a tab and a tag


def look(path: str, model: Sealed | None) -> dict[str, Any]:
    """Facts by their names, the last one the command to type; InputError for what is not there or cannot be read."""
    place = Path(path)
    if place.is_dir() and any(place.glob("*.npy")):
        return _table(place)
    if place.is_dir():
        return _folder(path)
    if path.lower().endswith(_TABLES) and path != "-":
        if not is_regular(place):
            raise InputError(f"{path} is a device or a pipe", "save it as a file first")
        return _table(place)
    return _text(path, model)


def _table(path: Path) -> dict[str, Any]:
    """The columns of a table, and what they could be."""
    whole = True
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        part = path
        if not path.is_dir() and plain_name(path.name).endswith((".csv", ".tsv")):
            lines, whole = _first_lines(str(path))
            part = Path(directory, plain_name(path.name))
            part.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        try:
            columns, readings, rows = describe_source(part)
        except InputError as error:
            raise InputError(error.message.replace(str(part), str(path)), error.hint) from None
    kinds = {column.name: column.kind for column in columns}
    found: dict[str, Any] = {
        "what": "a table", "read": "all" if whole else _PART, "rows": rows, "columns": _listed(kinds),
        "read as": "; ".join(readings),
    }  # fmt: skip
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    if {"text", "label"} <= set(kinds) or not numbers:
        texts = [name for name, kind in kinds.items() if kind == "text"]
        field, label = (*texts, "TEXT", "LABEL")[:2]
        named = "" if {"text", "label"} <= set(kinds) else f" --field {_quoted(field)} --label {_quoted(label)}"
        return {**found, "command": f"rnnlm train {_quoted(path)} --task classify{named} --out work"}
    dates = [name for name, kind in kinds.items() if kind == "date"]
    few = [column.name for column in columns if column.kind == "text" and 1 < len(column.values) <= max(2, rows // 20)]
    time = f" --time {_quoted(dates[0])}" if dates else ""
    found["could be --group"] = ", ".join(few)
    return {**found, "command": f"rnnlm window {_quoted(path)} --target {_quoted(numbers[-1])}{time} --out work"}


def _folder(path: str) -> dict[str, Any]:
    """The splits or labels of a folder."""
    try:
        corpus, task = find_corpus([path]), ""
    except InputError as error:
        try:
            corpus, task = find_corpus([path], label_files=True), " --task classify"
        except InputError:
            corpus = CorpusFiles()
        if corpus.labels_in is None:
            return {"what": "a folder", "problem": error.message, "command": error.hint}
    names = {split: len(files) for split, files in corpus.splits} or {"labels": len(corpus.stream)}
    what = "a folder of labels" if task else "a folder of splits"
    return {"what": what, "files": _listed(names), "command": f"rnnlm train {_quoted(path)}{task} --out work"}


def _text(path: str, model: Sealed | None) -> dict[str, Any]:
    """The lines of a text."""
    lines, whole = _first_lines(path)
    size = Path(path).stat().st_size if Path(path).exists() else 0
    found: dict[str, Any] = {"what": "a text in UTF-8", "bytes": size, "read": "all" if whole else _PART}
    if plain_name(path).endswith(JSON_LINES):
        fields = _fields(lines[0])
        field = next((each for each in fields if each in ("text", "sentence", "content")), "FIELD")
        command = f"rnnlm train {_quoted(path)} --field {field} --out work"
        return {**found, "what": "JSON Lines", "records": len(lines), "fields": ", ".join(fields), "command": command}
    seen = TextLook.of(lines)
    full = [line for line in lines if line.strip()]
    tagged = sum(line.count("\t") == 1 for line in full) >= _TAGGED * len(full) > 0
    flags = [
        ("--task tag", tagged), ("--sentences", seen.wrapped and not tagged),
        ("--kind char", bool(full) and not tagged and sum(len(line.split()) == 1 for line in full) > 0.9 * len(full)),
        ("--fold-quotes", 1000 * seen.curly > seen.characters), ("--shuffle", _mixed(full)),
    ]  # fmt: skip
    found |= {
        "lines": seen.lines, "blank lines": seen.blank, "repeated lines": seen.repeated, "sorted": seen.sorted,
        "wrapped prose": seen.wrapped, "word and tag in each line": tagged, "special strings": seen.specials,
        "format characters": seen.invisible, "curly quotes and dashes": seen.curly,
        "parts of different kinds": _mixed(full),
    }  # fmt: skip
    if model is not None:
        with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
            text = encode_text([("\n".join(lines) + "\n").encode()], model.rules, Path(directory))
        found["unknown to the model"] = f"{text.unknown_tokens / len(text.ids.ids):.2%} of {len(text.ids.ids):,} tokens"
        text.unseen.tell(lambda words: found.update({"unseen by the model": words.partition(": ")[2]}), path)
    wanted = "".join(f" {flag}" for flag, yes in flags if yes)
    return {**found, "command": f"rnnlm train {_quoted(path)}{wanted} --out work"}


def _first_lines(path: str) -> tuple[list[str], bool]:
    """The lines in the first megabyte of a text, and whether that is all; InputError for what is not UTF-8."""
    find_corpus([path])
    content = bytearray()
    for block in whole_lines(read_blocks(path, None, Decoding())):
        content += block
        if len(content) >= READ:
            break
    lines = content[:READ].decode("utf-8", "ignore").split("\n")
    whole = len(content) < READ
    return lines[:-1] or lines, whole


def _mixed(lines: list[str]) -> bool:
    """Whether the last twentieth of the lines is of another kind than the rest."""
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        parts = (Path(directory, "train"), Path(directory, "valid"))
        for part, some in zip(parts, (lines[: -len(lines) // 20], lines[-len(lines) // 20 :]), strict=True):
            part.write_text("".join(f"{line}\n" for line in some), "utf-8")
        return unlike(*parts)


def _fields(line: str) -> list[str]:
    """The names in a JSON object; none of anything else."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return list(record) if isinstance(record, dict) else []


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} ({value})" for name, value in values.items())


def _quoted(name: object) -> str:
    text = str(name)
    return f'"{text}"' if " " in text else text
