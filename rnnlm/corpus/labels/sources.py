"""Where labels come from: tagged words, and texts with a label each, as pairs of a line and its labels.

The line of a sentence is its words joined by one space, that of its labels the tags likewise. How the pairs are split,
and what ids they become, is not known here.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rnnlm.builtin.stories import tagged_lines
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.paths import BUILTIN
from rnnlm.corpus.settings import FIELD, LABEL, Labels
from rnnlm.corpus.sources import JSON_LINES, csv_rows, plain_name, read_lines, tsv_rows
from rnnlm.errors import InputError

LabelledPair = tuple[str, str]
BUILTIN_TAGGED: dict[str, Callable[[], Iterator[list[LabelledPair]]]] = {"stories": tagged_lines}
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")  # what cleaning reads as a space
_LINE_END = re.compile(r"\r\n|\r|\n")
_RANGE = re.compile(r"\d+[-.]\d+")
_KEY = re.compile(r"# *[^\s=]+\s*=")  # of a comment in CoNLL-U
_FASTTEXT = "__label__"
_CONLLU_COLUMNS = 10


@dataclass(frozen=True)
class LabelledReading:
    """How a labeled corpus is read: a label for each 'token' or each 'text', and what holds text and label.

    `field` and `label` are names, or numbers (from 1) of columns of a file without a header.
    """

    labels: Labels
    field: str = FIELD
    label: str = LABEL
    decoding: Decoding = dataclasses.field(default_factory=Decoding, compare=False)

    @property
    def columns(self) -> tuple[int, int] | None:
        """The indices (from 0) of text and label where they are given by number."""
        numbered = self.field.isdecimal() and self.label.isdecimal()
        return (int(self.field) - 1, int(self.label) - 1) if numbered else None


def labelled_lines(
    name: str, reading: LabelledReading, *, labels_in: Literal["names", "folders"] | None = None
) -> Iterator[LabelledPair]:
    """Each sentence or text of one source with its tags or its label; of a blank text both are ''.

    `labels_in` as in `CorpusFiles`. Raises InputError, with the line's number, for what cannot be read.
    """
    if reading.labels == "token":
        yield from _sentences(name, reading)
        return
    for number, text, label in _texts(name, reading, labels_in):
        text, label = (reading.decoding.line(each, f"{name}, line {number}") for each in (text, label))
        line, kept = _LINE_END.sub(" ", text).strip(), " ".join(label.split())
        if line and not kept:
            raise InputError(f"{name}, line {number}: the text has no label", "every text needs one")
        yield (line, kept) if line else ("", "")


def _sentences(name: str, reading: LabelledReading) -> Iterator[LabelledPair]:
    """Sentences of tagged words, a word a line, ended by a blank line, a `-DOCSTART-` line or the end of the source.

    The first word's line decides whether columns are separated by tabs or by spaces. Word and tag are the two
    columns between tabs, the first and the last between spaces, or those that --field and --label number. In a word
    between tabs a space becomes _, with a notice.
    """
    if name.startswith(BUILTIN):
        sentences = BUILTIN_TAGGED.get(name.removeprefix(BUILTIN))
        if sentences is None:
            raise InputError(f"{name} has no tagged words", f"{BUILTIN}stories has them")
        yield from (_joined(words) for words in sentences())
        return
    if plain_name(name).endswith((*JSON_LINES, ".csv")):
        raise InputError(f"{name} is not a file of tagged words", "give a word and its tag a line, separated by a tab")
    separator, indices, spaces = "", reading.columns, 0
    for rows in _blocks(read_lines(name, reading.decoding)):
        usual = next((line for _, line in rows if not line.startswith("# ")), rows[-1][1])
        separator = separator or ("\t" if "\t" in usual else " ")
        width = len(_columns(usual, separator))
        words: list[LabelledPair] = []
        for number, line in rows:
            columns = _columns(line, separator)
            if line.startswith("# ") and (
                (not words and (_KEY.match(line) or len(columns) != width)) or (separator == "\t" and "\t" not in line)
            ):
                continue  # a comment
            if len(columns) == _CONLLU_COLUMNS and _RANGE.fullmatch(columns[0]):
                continue  # CoNLL-U: a row for several words that have rows too, or for a word that is not in the text
            word, tag = columns[0], columns[-1]
            if indices is not None:
                word, tag = (columns[index] if index < len(columns) else "" for index in indices)
            if len(columns) < 2 or (separator == "\t" and len(columns) > 2 and indices is None):
                raise InputError(
                    f"{name}, line {number}: {len(columns)} column{'s' * (len(columns) != 1)}",
                    "a line is a word, a tab and its tag; of more columns, number the two: --field 2 --label 4",
                )
            spaces += bool(_SPACE.search(word))
            word = _SPACE.sub("_", word)
            if not word or not tag or _SPACE.search(tag):
                raise _no_pair(word, tag, f"{name}, line {number}")
            words.append((word, tag))
        if words:
            yield _joined(words)
    if spaces:
        reading.decoding.notice(f"{name}: {spaces:,} words with a space in them are read with _ for it")


def _blocks(lines: Iterable[str]) -> Iterator[list[tuple[int, str]]]:
    """The lines of each sentence with their numbers, without those that are comments wherever they stand."""
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("-DOCSTART-"):
            if line.strip() != "#" and not line.startswith(("#begin document", "#end document")):
                rows.append((number, line))
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def _columns(line: str, separator: str) -> list[str]:
    return [column.strip() for column in line.split(separator) if column or separator == "\t"]


def _no_pair(word: str, tag: str, where: str) -> InputError:
    """What is wrong with a word or its tag."""
    for what, value in (("word", word), ("tag", tag)):
        if not value:
            return InputError(f"{where}: there is no {what}", "a line is a word, a tab and its tag")
        if _SPACE.search(value):
            return InputError(f"{where}: the {what} {value!r} has a space in it", "write it as several, or with a _")
    raise AssertionError(where)


def _joined(words: list[LabelledPair]) -> LabelledPair:
    return " ".join(word for word, _ in words), " ".join(tag for _, tag in words)


def _texts(name: str, reading: LabelledReading, labels_in: str | None) -> Iterator[tuple[int, str, str]]:
    """Line number, text and label of each record."""
    if name.startswith(BUILTIN):
        raise InputError(f"{name} has no labels for its texts", "rnnlm corpus lists what is built in")
    plain = plain_name(name)
    if labels_in == "names":
        label, lines = Path(plain).stem, read_lines(name, reading.decoding)
        yield from ((number, line, label) for number, line in enumerate(lines, 1))
    elif labels_in == "folders":
        yield 1, " ".join(read_lines(name, reading.decoding)), Path(name).parent.name
    elif plain.endswith(JSON_LINES):
        yield from _json_records(name, reading)
    elif plain.endswith((".csv", ".tsv")) or name == "-":
        lines = read_lines(name, reading.decoding)
        rows = csv_rows(name, lines) if plain.endswith(".csv") else tsv_rows(lines)
        yield from _table_records(name, rows, reading)
    else:
        yield from _fasttext_records(name, reading)


def _fasttext_records(name: str, reading: LabelledReading) -> Iterator[tuple[int, str, str]]:
    """Lines of fastText, `__label__pos a good film`."""
    for number, line in enumerate(read_lines(name, reading.decoding), 1):
        labels = [word for word in line.split() if word.startswith(_FASTTEXT)]
        if line.strip() and not labels:
            raise InputError(
                f"{name}, line {number} is no table of texts and labels",
                "give a .tsv, .csv or .jsonl file, lines with __label__NAME, or a directory with files or folders",
            )
        if len(labels) > 1:
            raise InputError(f"{name}, line {number}: {len(labels)} labels", "a text has one")
        text = " ".join(word for word in line.split() if not word.startswith(_FASTTEXT))
        yield number, text, labels[0].removeprefix(_FASTTEXT) if labels else ""


def _json_records(name: str, reading: LabelledReading) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(read_lines(name, reading.decoding), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            text, label = record[reading.field], record[reading.label]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(
                f"{name}, line {number}: no JSON object with fields {reading.field!r} and {reading.label!r}",
                "name them with --field and --label",
            ) from None
        if not isinstance(text, str):
            raise InputError(f"{name}, line {number}: the field {reading.field!r} is not text", "name it with --field")
        if not isinstance(label, str | int):
            raise InputError(
                f"{name}, line {number}: the field {reading.label!r} is no label",
                "a label is text, a whole number or true or false; name it with --label",
            )
        yield number, text, label if isinstance(label, str) else json.dumps(label)


def _table_records(
    name: str, rows: Iterable[tuple[int, list[str]]], reading: LabelledReading
) -> Iterator[tuple[int, str, str]]:
    """The columns that a header names, or those given by number of a table without one."""
    indices, width = reading.columns, 0
    for number, row in rows:
        if indices is None:
            header = [column.strip() for column in row]
            absent = [each for each in (reading.field, reading.label) if header.count(each) != 1]
            if absent:
                raise InputError(
                    f"{name} has the columns {', '.join(header)}, not one {absent[0]!r}",
                    "name those of text and label with --field and --label, or by number where there is no header",
                )
            indices, width = (header.index(reading.field), header.index(reading.label)), len(header)
            continue
        width = width or max(len(row), *(index + 1 for index in indices))
        if len(row) != width:
            raise InputError(f"{name}, line {number}: {len(row)} columns instead of {width}", "fix the line")
        yield number, row[indices[0]], row[indices[1]]
