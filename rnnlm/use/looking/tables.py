"""What a table is: a series of numbers, sentences with a label or other columns, or minimal pairs."""

import tempfile
from pathlib import Path
from typing import Any

from rnnlm.corpus.sources import plain_name
from rnnlm.errors import InputError
from rnnlm.files import is_regular
from rnnlm.model.sealed import Sealed
from rnnlm.tables.source import describe_source
from rnnlm.tables.table import Column
from rnnlm.use.looking.coverage import coverage
from rnnlm.use.looking.parts import PART, first_lines, listed, quoted
from rnnlm.use.scoring.pairs import is_header

_SENTENCE = 2.5  # words on average in a column of sentences


def look_at_table(path: Path, model: Sealed | None) -> dict[str, Any]:
    """The columns of a table, how they are read, what they could be, and what of their sentences a model knows."""
    if not path.is_dir() and not is_regular(path):
        raise InputError(f"{path} is a device or a pipe", "save it as a file first")
    whole = True
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        part = path
        if plain_name(path.name.lower()).endswith((".csv", ".tsv")):
            lines, whole = first_lines(str(path))
            part = Path(directory, plain_name(path.name))
            part.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        try:
            columns, readings, rows, falling = describe_source(part)
        except InputError as error:
            raise InputError(error.message.replace(str(part), str(path)), error.hint) from None
    found: dict[str, Any] = {
        "what": "a table", "read": "all" if whole else PART, "rows": rows,
        "columns": listed({column.name: column.kind for column in columns}), "read as": "; ".join(readings),
    }  # fmt: skip
    return found | _use(path, columns, rows, falling, model)


def _use(
    file: Path, columns: tuple[Column, ...], rows: int, falling: list[str], model: Sealed | None
) -> dict[str, Any]:
    """What a table is for, and the command; `falling` are the columns that do not increase from row to row."""
    path = quoted(file)
    names = [column.name for column in columns]
    texts = [column for column in columns if column.kind == "text"]
    few = [column.name for column in texts if 1 < len(column.values) <= max(2, rows // 20)]
    if len(texts) == len(columns) and is_header(names):
        return {"what": "minimal pairs", "command": f"rnnlm pairs MODEL {path}"}
    if {"text", "label"} <= set(names):
        return {"what": "texts with a label each", "command": f"rnnlm train {path} --task classify --out work"}
    sentences = [column.name for column in texts if _words(column) >= _SENTENCE]
    others = [name for name in names if name not in sentences]
    if sentences and len(others) == 1 and others[0] in few:
        fields = f"--field {quoted(sentences[0])} --label {quoted(others[0])}"
        command = f"rnnlm train {path} --task classify {fields} --out work"
        return {"what": "texts with a label each", "command": command}
    if sentences:
        keep = f" --keep {quoted(','.join(others))}" if others else ""
        column = next(column for column in texts if column.name == sentences[0])
        keep += " --regions '|'" if all(" | " in value for value in column.values) else ""
        command = f"rnnlm score MODEL {path} --field {quoted(sentences[0])}{keep}"
        known = {} if model is None else coverage(str(file), sentences[0], names, model)
        return {"what": "sentences with other columns", **known, "command": command}
    numbers = [column.name for column in columns if column.kind == "number"]
    if not numbers:
        field, label = (*names, "TEXT", "LABEL")[:2]
        fields = f"--field {quoted(field)} --label {quoted(label)}"
        return {"command": f"rnnlm train {path} --task classify {fields} --out work"}
    dates = [column.name for column in columns if column.kind == "date"]
    time = f" --time {quoted(dates[0])}" if dates else ""
    group = f" --group {quoted(few[0])}" if few and dates and dates[0] in falling else ""
    command = f"rnnlm window {path} --target {quoted(numbers[-1])}{time}{group} --out work"
    return {"could be --group or --label": ", ".join(few), "command": command}


def _words(column: Column) -> float:
    return sum(len(value.split()) for value in column.values) / max(1, len(column.values))
