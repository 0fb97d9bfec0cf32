"""What a text is: running text, tagged words, n-best lists, an n-gram model, vectors, or records in JSON Lines."""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlm.corpus.look import TextLook, unlike
from rnnlm.corpus.sources import JSON_LINES, plain_name
from rnnlm.corpus.text import encode_text
from rnnlm.errors import InputError
from rnnlm.model.sealed import Sealed
from rnnlm.use.looking.coverage import coverage
from rnnlm.use.looking.parts import PART, first_lines, quoted
from rnnlm.use.rescoring.form import ListForm
from rnnlm.use.rescoring.kaldi import KaldiLists
from rnnlm.use.rescoring.srilm import SrilmLists

_MOST = 0.95  # of the lines have a word and a tag
_CONLLU = 10  # columns of CoNLL-U; CoNLL-2011 and 2012 have more
_NARROW = 5  # columns that are no vector yet


def look_at_text(path: str, model: Sealed | None) -> dict[str, Any]:
    """The lines of a text, and what they are."""
    lines, whole = first_lines(path)
    size = Path(path).stat().st_size if Path(path).exists() else 0
    found: dict[str, Any] = {"what": "a text in UTF-8", "bytes": size, "read": "all" if whole else PART}
    if plain_name(path.lower()).endswith(JSON_LINES):
        return found | _records(path, lines, model)
    full = [line for line in lines if line.strip()]
    special = _special(path, full)
    if special:
        return {**found, "lines": len(lines), **special}
    return found | ({} if model is None else _unknown(path, lines, model)) | _running(path, lines, full)


def is_tagged_file(path: Path) -> bool:
    """Whether a .tsv file has blank lines between its rows, as no table has: words with tags."""
    if not plain_name(path.name.lower()).endswith(".tsv") or not path.is_file():
        return False
    lines, _ = first_lines(str(path))
    full = [line for line in lines if line.strip()]
    return len(full) < len("\n".join(lines).strip().split("\n")) and bool(_tagged(lines, full))


def _records(path: str, lines: Sequence[str], model: Sealed | None) -> dict[str, Any]:
    """What the fields of the first record say."""
    try:
        record = json.loads(lines[0])
    except (ValueError, RecursionError):
        record = None
    fields = list(record) if isinstance(record, dict) else []
    found = {"what": "JSON Lines", "records": len(lines), "fields": ", ".join(fields)}
    if {"sentence_good", "sentence_bad"} <= set(fields):
        return {**found, "what": "minimal pairs in JSON Lines", "command": f"rnnlm pairs MODEL {quoted(path)}"}
    if {"id", "text", "scores"} <= set(fields):
        return {**found, "what": "n-best lists in JSON Lines", "command": f"rnnlm rescore MODEL {quoted(path)}"}
    if {"text", "label"} <= set(fields):
        return {**found, "command": f"rnnlm train {quoted(path)} --task classify --out work"}
    field = next((each for each in fields if each in ("text", "sentence", "content")), "FIELD")
    if field == "sentence" and len(fields) > 1:  # items of an experiment
        found |= {} if model is None else coverage(path, field, fields, model)
        keep = quoted(",".join(each for each in fields if each != field))
        return {**found, "command": f"rnnlm score MODEL {quoted(path)} --field {field} --keep {keep}"}
    return {**found, "command": f"rnnlm train {quoted(path)} --field {field} --out work"}


def _special(path: str, full: list[str]) -> dict[str, Any] | None:
    """What a text is that is no running text; None where it is that."""
    rows = [line.split() for line in full]
    if full and full[0].strip() == "\\data\\":
        return {"what": "an n-gram model in ARPA format", "command": f"rnnlm ngram WORK --from {quoted(path)}"}
    vectors = rows[1:] if rows and len(rows[0]) == 2 and all(map(str.isdecimal, rows[0])) else rows
    if vectors and len(vectors[0]) > _NARROW and _are_numbers(vectors):
        command = f"rnnlm train CORPUS --vectors {quoted(path)} --out work"
        return {"what": "vectors of words", "columns": len(vectors[0]) - 1, "command": command}
    if full and _reads(SrilmLists(), path, full):
        command = f"rnnlm rescore MODEL {quoted(path)} --format srilm --write best"
        return {"what": "an n-best list of SRILM", "hypotheses": len(full), "command": command}
    if full and _reads(KaldiLists(), path, full):
        if _are_numbers(rows):
            command = f"rnnlm rescore MODEL LISTS --format kaldi --costs NAME={quoted(path)}"
            return {"what": "costs of n-best lists of Kaldi", "hypotheses": len(full), "command": command}
        command = f"rnnlm rescore MODEL {quoted(path)} --format kaldi --write best"
        return {"what": "n-best lists of Kaldi", "hypotheses": len(full), "command": command}
    return None


def _are_numbers(rows: list[list[str]]) -> bool:
    """Whether each row is a name and numbers, as many in each."""
    try:
        return all(1 < len(row) == len(rows[0]) and [float(each) for each in row[1:]] for row in rows)
    except ValueError:
        return False


def _reads(form: ListForm, path: str, lines: list[str]) -> bool:
    """Whether all lines are hypotheses of a format."""
    try:
        return bool(list(form.read(path, lines)))
    except InputError:
        return False


def _tagged(lines: list[str], full: list[str]) -> str:
    """The flags for tagged words, a word a line, sentences between blank lines; '' for another text."""
    tabs = 2 * sum("\t" in line for line in full) > len(full)
    rows = [line.split("\t" if tabs else None) for line in full if not line.startswith(("#", "-DOCSTART-"))]
    width, count = Counter(map(len, rows)).most_common(1)[0] if rows else (0, 0)
    if width < 2 or count < _MOST * len(rows) or not (tabs or 1 < len(full) < len(lines)):
        return ""
    if width == 2 or (not tabs and width < _CONLLU):
        return "--task tag"  # the first and the last column
    columns = (2, 4) if width == _CONLLU else (4, 5) if width > _CONLLU else (1, width)
    return f"--task tag --field {columns[0]} --label {columns[1]}"


def _running(path: str, lines: list[str], full: list[str]) -> dict[str, Any]:
    """Counts of a text's lines, and the flags for what they show."""
    seen, tagged, mixed = TextLook.of(lines), _tagged(lines, full), _mixed(full)
    single = 10 * sum(len(line.split()) == 1 for line in full) > 9 * len(full)
    flags = [
        (tagged, bool(tagged)), ("--sentences", seen.wrapped and not tagged),
        ("--kind char --batching sentences", single and not tagged),
        ("--fold-quotes", 1000 * seen.curly > seen.characters), ("--shuffle", mixed),
    ]  # fmt: skip
    wanted = "".join(f" {flag}" for flag, yes in flags if yes)
    return {
        "lines": seen.lines, "blank lines": seen.blank, "repeated lines": seen.repeated, "sorted": seen.sorted,
        "wrapped prose": seen.wrapped and not tagged, "word and tag in each line": bool(tagged),
        "special strings": seen.specials, "format characters": seen.invisible, "curly quotes and dashes": seen.curly,
        "parts of different kinds": mixed, "command": f"rnnlm train {quoted(path)}{wanted} --out work",
    }  # fmt: skip


def _unknown(path: str, lines: list[str], model: Sealed) -> dict[str, Any]:
    """What of a text a model does not know."""
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        text = encode_text([("\n".join(lines) + "\n").encode()], model.rules, Path(directory))
    unknown = f"{text.unknown_tokens / len(text.ids.ids):.2%} of {len(text.ids.ids):,} tokens"
    found = {"unknown to the model": unknown}
    text.unseen.tell(lambda words: found.update({"unseen by the model": words.partition(": ")[2]}), path)
    return found


def _mixed(lines: list[str]) -> bool:
    """Whether the last twentieth of the lines is of another kind than the rest."""
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        parts = (Path(directory, "train"), Path(directory, "valid"))
        for part, some in zip(parts, (lines[: -len(lines) // 20], lines[-len(lines) // 20 :]), strict=True):
            part.write_text("".join(f"{line}\n" for line in some), "utf-8")
        return unlike(*parts)
