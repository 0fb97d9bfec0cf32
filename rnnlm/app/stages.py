"""The stages: for each, the settings that determine its content, how it is built, and its view."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from rnnlm.app.corpus import Corpus
from rnnlm.arrays import open_npy
from rnnlm.artifacts import sha256_bytes
from rnnlm.config import as_dict
from rnnlm.corpus.clean import clean
from rnnlm.corpus.labels.raw import split_labelled
from rnnlm.corpus.look import TextLook, first_lines
from rnnlm.corpus.normalizer import normalizer_json
from rnnlm.corpus.pad import pad, padded_size
from rnnlm.corpus.raw import join_splits, raw_settings, split_raw
from rnnlm.corpus.settings import (
    SPLITS,
    WORD_KINDS,
    CleanSettings,
    EmbedSettings,
    PadSettings,
    RawSettings,
    TokenizeSettings,
)
from rnnlm.corpus.tokenize import SAMPLE_MEGABYTES, tokenize
from rnnlm.corpus.vocabulary import vocab
from rnnlm.errors import InputError, UsageError
from rnnlm.screen import Grid, View, count, percent
from rnnlm.tables.settings import WindowSettings
from rnnlm.tables.table import open_table
from rnnlm.tables.windows import window
from rnnlm.training.settings import TrainSettings

_EXAMPLES, _EXAMPLE_IDS, _NAMES = 3, 12, 40  # lines, ids and names of columns to show
_FILLED = {"forward": "filled with the last known value", "mean": "filled with train's mean",
           "drop": "in no window"}  # fmt: skip


class PipelineStage(ABC):
    """A stage with the settings of a request; `following` is the likely next command."""

    following: ClassVar[str] = "train"

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The settings that determine the artifact, besides its inputs, as JSON."""

    @abstractmethod
    def build(self, directory: Path) -> dict[str, Any]:
        """Fill the directory; returns the report."""

    def view(self, report: Mapping[str, Any], directory: Path) -> list[View]:
        """The tables and lines that show an artifact."""
        return []


class Raw(PipelineStage):
    """The raw text of each split. `opening` reads a corpus; here it is split again, if it did not come in splits.

    Raises InputError without a corpus.
    """

    def settings(self) -> dict[str, Any]:
        """The corpus, and how it is split."""
        workspace = self.corpus.workspace
        manifest = workspace.manifest("raw")
        if manifest is None:
            raise InputError(
                f"{workspace.path} holds no corpus yet", f"name one: rnnlm clean CORPUS --out {workspace.path}"
            )
        given = self.corpus.settings(RawSettings).settings
        cut = manifest.setting("fractions") is not None
        if manifest.settings.get("shuffle") and not given.shuffle:
            raise UsageError("--no-shuffle for a corpus that was shuffled", "read it again: rnnlm clean CORPUS --force")
        return raw_settings(manifest.setting("corpus_sha256"), given, self.corpus.labels, cut=cut)

    def build(self, directory: Path) -> dict[str, Any]:
        """Join the splits, which restores the corpus, and split it again."""
        workspace, labels = self.corpus.workspace, self.corpus.labels
        given, before = self.corpus.settings(RawSettings).settings, workspace.verified("raw").report
        spool, raw = directory / ".spool", workspace.directory("raw")
        spool.mkdir()
        join_splits(raw, spool, one_line=bool(before.get("one_line")))
        if labels is None:
            report = split_raw(spool, directory, given)
        else:
            join_splits(raw, spool, ".labels.txt")
            skipped = {name: before[name] for name in ("blank_texts", "duplicates") if name in before}
            report = split_labelled(spool, directory, labels, given.fractions, given.split_seed, **skipped)
        shutil.rmtree(spool)
        return report


class _TextStage(PipelineStage):
    """A stage that reads the text files of an earlier one; their size is the total of its progress."""

    reads: ClassVar[str]

    def build(self, directory: Path) -> dict[str, Any]:
        """Fill the directory, with progress."""
        source = self.corpus.workspace.directory(self.reads)
        size = sum((source / f"{split}.txt").stat().st_size for split in SPLITS)
        with self.corpus.screen.bytes_progress(type(self).__name__.lower(), size) as advance:
            return self.fill(source, directory, advance)

    @abstractmethod
    def fill(self, source: Path, directory: Path, advance: Any) -> dict[str, Any]:
        """Fill the directory from `source`."""


class Clean(_TextStage):
    """Cleaned text, one unit per line."""

    following, reads = "tokenize", "raw"

    def settings(self) -> dict[str, Any]:
        """The rules of cleaning and of units."""
        rule = self.corpus.rule
        normalizer = sha256_bytes(normalizer_json(rule.normalizer()).encode())
        settings = {"rule": rule.described(), "units": asdict(self.corpus.units), "normalizer": normalizer}
        return settings if self.corpus.cleans_as_earlier else {**settings, "rules": 2}

    def fill(self, source: Path, directory: Path, advance: Any) -> dict[str, Any]:
        """Clean every split."""
        corpus = self.corpus
        report = clean(source, directory, corpus.rule, corpus.units, advance, corpus.pool)
        lines_of_words = corpus.kind in WORD_KINDS and not corpus.units.sentences and corpus.labels is None
        prepared = corpus.settings(CleanSettings).settings.prepared
        if lines_of_words and not prepared and TextLook.of(first_lines(source / "train.txt")).wrapped:
            corpus.screen.notice("clean: the lines look like wrapped prose; --sentences makes each sentence a unit")
        specials = sum(counts["special_strings"] for counts in report["splits"].values())
        if specials:
            self.corpus.screen.notice(
                f"clean: {specials:,} special strings: <s> at the start of a line and </s> at its end are dropped, "
                "others are read as <unk>"
            )
        return report

    def view(self, report: Mapping[str, Any], directory: Path) -> list[View]:
        """Counts by split, and the first lines."""
        view = Grid("split", "units", "characters", "documents", "blank lines", "emptied lines")
        for split, counts in report["splits"].items():
            names = ("units", "characters", "documents", "blank_lines", "emptied_lines")
            view.add_row(split, *(count(counts[name]) for name in names))
        return [view, "", *_first_lines(directory / "train.txt")]


class Tokenize(_TextStage):
    """Tokens, separated by spaces."""

    following, reads = "vocab", "clean"

    def settings(self) -> dict[str, Any]:
        """The kind of token, and the source of learned or imported subwords."""
        corpus = self.corpus
        settings: dict[str, Any] = {"kind": corpus.kind, "rule": corpus.rule.described()}
        if corpus.kind == "bpe":
            size = corpus.settings(TokenizeSettings).settings.vocab_size
            settings |= {"vocab_size": size, "sample_megabytes": SAMPLE_MEGABYTES}
        if corpus.imported is not None:
            settings["tokenizer_sha256"] = corpus.imported.source_sha256
        return settings

    def fill(self, source: Path, directory: Path, advance: Any) -> dict[str, Any]:
        """Split every text into tokens."""
        corpus = self.corpus
        size = corpus.settings(TokenizeSettings).settings.vocab_size
        return tokenize(
            source, directory, kind=corpus.kind, rule=corpus.rule, vocab_size=size, imported=corpus.imported,
            progress=advance, pool=corpus.pool,
        )  # fmt: skip

    def view(self, report: Mapping[str, Any], directory: Path) -> list[View]:
        """Counts by split, and the first lines."""
        view = Grid("split", "lines", "tokens", "tokens/line")
        for split, counts in report["splits"].items():
            mean = counts["tokens"] / counts["lines"] if counts["lines"] else 0
            view.add_row(split, count(counts["lines"]), count(counts["tokens"]), f"{mean:.1f}")
        learned, sample = report.get("learned_tokens"), report.get("sample_bytes", 0)
        note = [f"{learned:,} tokens learned from {sample:,} bytes of train"] if learned else []
        return [view, *note, "", *_first_lines(directory / "train.txt")]


class Vocab(_TextStage):
    """Vocabulary, tokenizer.json, ids."""

    reads = "tokenize"

    def settings(self) -> dict[str, Any]:
        """Which tokens get an id."""
        choice = self.corpus.vocab_rule()
        lexicon = choice.lexicon and sha256_bytes("\n".join(choice.lexicon).encode())
        return {
            "kind": self.corpus.kind, "rule": self.corpus.rule.described(), "min_count": choice.min_count,
            "max_size": choice.max_size, "lexicon_sha256": lexicon,
        }  # fmt: skip

    def fill(self, source: Path, directory: Path, advance: Any) -> dict[str, Any]:
        """Count, choose, and write every split as ids."""
        corpus = self.corpus
        return vocab(
            source, directory, kind=corpus.kind, rule=corpus.rule, choice=corpus.vocab_rule(), progress=advance,
            pool=corpus.pool,
        )  # fmt: skip

    def view(self, report: Mapping[str, Any], directory: Path) -> list[View]:
        """Sizes, unknown tokens by split, and the most frequent tokens."""
        view = Grid("split", "tokens with </s>", "unknown", "fraction", "out of vocabulary", "fraction")
        for split, counts in report["splits"].items():
            tokens, unknown, outside = (counts[k] for k in ("tokens", "unknown_tokens", "out_of_vocabulary_tokens"))
            view.add_row(
                split, count(tokens), count(unknown), percent(unknown, tokens), count(outside), percent(outside, tokens)
            )
        size = (
            f"{report['size']:,} ids, {report['outputs']:,} of them can be predicted; "
            f"{report['distinct_in_train']:,} distinct tokens in train"
        )
        frequent = "most frequent: " + ", ".join(f"{word} {n:,}" for word, n in report["most_frequent"].items())
        unknown_words = ", ".join(f"{word} {n:,}" for word, n in report["most_frequent_unknown"].items())
        return [size, view, frequent, *([f"most frequent unknown: {unknown_words}"] if unknown_words else [])]


class Pad(PipelineStage):
    """Rows of ids (N, T) and their lengths."""

    following = "train --batching sentences"

    @cached_property
    def _splits(self) -> dict[str, Any]:
        return {split: self.corpus.ids(split) for split in SPLITS}

    @cached_property
    def _size(self) -> tuple[int, dict[str, int], int]:
        given = self.corpus.settings(PadSettings).settings
        return padded_size(self._splits, given.max_length, given.long_lines)

    def settings(self) -> dict[str, Any]:
        """The length of rows, and the treatment of longer lines."""
        return {"length": self._size[0], "long_lines": self.corpus.settings(PadSettings).settings.long_lines}

    def build(self, directory: Path) -> dict[str, Any]:
        """Write the rows; UsageError for more than 1 GB of them without --force."""
        width, rows, size = self._size
        self.corpus.screen.notice(f"pad: {sum(rows.values()):,} rows of {width:,} ids, {size:,} bytes")
        self.corpus.refuse_large(size, "pad", "--max-length")
        return pad(self._splits, directory, width, self.settings()["long_lines"])

    def view(self, report: Mapping[str, Any], directory: Path) -> list[View]:
        """Counts by split, and the first rows."""
        length = report["length"]
        view = Grid("split", "rows N", "length T", "longer lines", "tokens cut")
        for split, counts in report["splits"].items():
            numbers = (counts["rows"], length, counts["longer_lines"], counts["tokens_cut"])
            view.add_row(split, *map(count, numbers))
        rows = open_npy(directory / "train.npy", kinds="u", dimensions=2, remedy="run: rnnlm pad --force")[:_EXAMPLES]
        more = ", …" if length > _EXAMPLE_IDS else ""
        return [view, "", *("[" + ", ".join(map(str, row[:_EXAMPLE_IDS])) + more + "]" for row in rows)]


class Embed(PipelineStage):
    """The embedding layer (V, D) that training starts from."""

    @cached_property
    def _layer(self) -> Any:
        from rnnlm.corpus.tokenizer import tokens_by_id
        from rnnlm.model.embedding_init import InitialLayer
        from rnnlm.training.defaults import fill_in

        corpus, train = self.corpus, self.corpus.settings(TrainSettings).settings
        given, ids, (rules, _) = corpus.settings(EmbedSettings).settings, corpus.ids("train"), corpus.text_rules()
        _, dimensions = fill_in(
            train, task=corpus.task, kind=corpus.kind, tokens=len(ids.ids), lines=ids.lines, embedding=given.embedding
        )
        names = tokens_by_id(rules.tokenizer)
        return InitialLayer(corpus.workspace, names, given, ids=ids, dimensions=dimensions, seed=train.seed)

    def settings(self) -> dict[str, Any]:
        """Where the layer comes from, and its size."""
        return dict(self._layer.settings)

    def build(self, directory: Path) -> dict[str, Any]:
        """Write the layer; UsageError for more than 1 GB without --force."""
        size = 4 * self._layer.size * self._layer.dimensions
        if self.corpus.request.command == "embed":
            shape = f"({self._layer.size:,}, {self._layer.dimensions:,})"
            self.corpus.screen.notice(f"embed: {shape} float32, {size:,} bytes")
        self.corpus.refuse_large(size, "embed", "--embedding")
        report = self._layer.build(directory)
        if report["covered"] is not None:
            self.corpus.screen.notice(
                f"embed: {report['covered']:,} of {report['size']:,} rows are from {self._layer.origin}"
            )
        return dict(report)

    def view(self, report: Mapping[str, Any], directory: Path) -> list[View]:
        """The layer's size, and its number of rows from vectors."""
        view = Grid("embedding layer", "rows V", "numbers D", "rows from vectors", named=0)
        covered = "-" if report["covered"] is None else count(report["covered"])
        view.add_row(self._layer.origin, count(report["size"]), count(report["dimensions"]), covered)
        return [view]


class Table(PipelineStage):
    """The columns of a table, as they were read by `rnnlm window`."""

    def settings(self) -> dict[str, Any]:
        """The table that the workspace holds; InputError where there is none."""
        manifest = self.corpus.workspace.manifest("table")
        if manifest is None:
            raise self._missing()
        return dict(manifest.settings)

    def build(self, directory: Path) -> dict[str, Any]:
        """InputError: a table can only be read from its file."""
        raise self._missing()

    def _missing(self) -> InputError:
        path = self.corpus.workspace.path
        return InputError(f"{path} holds no table yet", f"name one: rnnlm window TABLE --out {path}")


class Window(PipelineStage):
    """Windows (N, T, F) of a table."""

    def settings(self) -> dict[str, Any]:
        """How the table is cut into windows."""
        found = as_dict(self.corpus.settings(WindowSettings).settings)
        # As earlier versions recorded it: a number where it is one, and nothing of what they did not have.
        found["horizon"] = int(found["horizon"]) if found["horizon"].isdecimal() else found["horizon"]
        later = ("label", "label_each", "relative")
        return {name: value for name, value in found.items() if name not in later or value}

    def build(self, directory: Path) -> dict[str, Any]:
        """Cut the table."""
        table = open_table(self.corpus.workspace.directory("table"))
        report = window(table, directory, self.corpus.settings(WindowSettings).settings)
        for notice in report["notices"]:
            self.corpus.screen.notice(f"window: {notice}")
        return report

    def view(self, report: Mapping[str, Any], directory: Path) -> list[View]:
        """Counts by split, the columns, and missing values."""
        view = Grid("split", "rows", "sequences", "windows N", "steps T", "inputs F", "skipped")
        for split, counts in report["splits"].items():
            windows, steps, features = counts["shape"]
            skipped = counts["left_out_without_target"] + counts["left_out_with_missing_inputs"]
            view.add_row(split, *map(count, (counts["rows"], counts["sequences"], windows, steps, features, skipped)))
        names, horizon = report["inputs"], report["horizon"]
        more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
        where = f"{horizon:,} row{'s' * (horizon != 1)} after the last" if horizon else "of the last row"
        where = f"{first:,} to {where}" if (first := report.get("first_horizon", horizon)) < horizon else where
        target = f"target: {', '.join(report['targets'])}, {where}"
        if report.get("label") is not None:
            target = f"label: {report['label']}, one of {', '.join(report['labels'][:_NAMES])}"
        lines = [f"inputs: {', '.join(names[:_NAMES])}{more}", target]
        gaps = _listed(report["missing_values"])
        if gaps:
            filled = _FILLED[self.corpus.settings(WindowSettings).settings.missing]
            lines.append(f"missing: {gaps}; inputs are {filled}, targets are not")
        return [view, "", *lines]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items() if number)


def _first_lines(path: Path) -> list[View]:
    lines: list[View] = []
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            lines.append(line[:100].rstrip("\n") + (" …" if len(line) > 100 else ""))
            if len(lines) == _EXAMPLES:
                break
    return lines


PIPELINE: dict[str, type[PipelineStage]] = {
    "raw": Raw, "clean": Clean, "tokenize": Tokenize, "vocab": Vocab, "pad": Pad, "embed": Embed, "table": Table,
    "window": Window,
}  # fmt: skip
