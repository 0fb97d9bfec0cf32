"""The settings of `rnnlm score` and `rnnlm pairs`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import at_least, setting
from rnnlm.errors import UsageError
from rnnlm.use.settings import Context


@dataclass(frozen=True)
class ScoreSettings:
    """The level and format of the scores, and how texts are read."""

    level: Literal["corpus", "line", "word", "token", "region"] | None = setting(
        None, "one row for the corpus, or for each line, word, token, or whitespace-separated word of the raw line",
        auto="line; corpus with --json", record=False, basic=True
    )  # fmt: skip
    format: Literal["tsv", "jsonl", "srilm", "kenlm", "mikolov"] | None = setting(
        None, "tab-separated, JSON Lines, or the format of SRILM, KenLM or Mikolov's rnnlm", auto="tsv", record=False,
        basic=True,
    )  # fmt: skip
    context: Context = setting(
        "sentence", "reset the state at each line or blank line, or carry it across all lines and files", record=False,
        basic=True,
    )  # fmt: skip
    unknown: Literal["score", "exclude", "error"] | None = setting(
        None, "words outside the vocabulary: score as <unk>, exclude, or stop with an error",
        auto="score; exclude for srilm and mikolov", record=False
    )  # fmt: skip
    ids: Literal["tab", "blank"] | None = setting(
        None, "each line begins with an identifier, which is passed through, and a tab or a blank as in Kaldi's files",
        auto="none", record=False,
    )  # fmt: skip
    field: str | None = setting(
        None, "of .tsv, .csv and .jsonl files, the column or field with the text", auto="none", record=False, basic=True
    )
    keep: str | None = setting(
        None, "with --field: columns to pass through, as item,condition", auto="none", record=False,
        basic=True,
    )  # fmt: skip
    regions: str | None = setting(
        None, "regions of several words: | for bars in the text, or a column with them",
        auto="none", record=False, basic=True
    )  # fmt: skip
    lags: int | None = setting(
        None, "length, log frequency, and columns of so many words before", at_least(0),
        auto="none", record=False, basic=True,
    )  # fmt: skip
    sentences: bool = setting(False, "split prose into sentences, a line each", record=False, switch=True, basic=True)
    report: str | None = setting(
        None, "write totals and digests to this file as JSON", auto="none", record=False, file="written",
        basic=True,
    )  # fmt: skip
    batch_size: int = setting(64, "lines in a batch", at_least(1), record=False)
    precision: Literal["float32", "float64"] = setting("float32", "precision of the computation", record=False)
    engine: Literal["fused", "readable"] = setting(
        "fused", "the fastest form of a cell, or one step after the other", record=False
    )

    def check(self) -> None:
        """A level that the format has, and columns where there are some."""
        if self.keep is not None and self.field is None:
            raise UsageError("--keep without --field", "name the column with the text too")
        if self.field is not None and (self.ids is not None or self.format in ("srilm", "kenlm", "mikolov")):
            raise UsageError("--field with --ids, or with another tool's --format", "omit one of them")
        others = self.format in ("srilm", "kenlm", "mikolov")
        if others and self.level in ("token", "region"):
            raise UsageError(f"--level {self.level} with --format {self.format}", "it has corpus, line and word")
        if self.regions is not None and (others or self.level not in (None, "region")):
            raise UsageError("--regions with another level or another tool's --format", "omit it")
        if self.regions is not None and self.ids is not None:
            raise UsageError("--regions with --ids", "use --field and --keep for files with columns")
        if self.regions not in (None, "|") and self.field is None:
            raise UsageError(f"--regions {self.regions} without --field", "name the column with the text too")
        if self.lags is not None and others:
            raise UsageError(f"--lags with --format {self.format}", "use tsv or jsonl")
        if self.lags is not None and self.level not in ("word", "region") and self.regions is None:
            raise UsageError("--lags without --level word or region", "add --level word")
        if self.sentences and (self.field is not None or self.ids is not None or self.regions is not None):
            raise UsageError("--sentences with --field, --ids or --regions", "there a line is one text: omit it")


@dataclass(frozen=True)
class PairSettings:
    """The level and format of the results for minimal pairs, and how pairs are read."""

    level: Literal["corpus", "line"] = setting(
        "corpus", "one table by type, or one row for each pair", record=False, basic=True
    )
    format: Literal["tsv", "jsonl"] = setting("tsv", "output format of rows", record=False, basic=True)
    unknown: Literal["score", "error"] = setting(
        "score", "words outside the vocabulary: score as <unk>, or stop with an error", record=False
    )
    report: str | None = setting(
        None, "write counts and digests to this file as JSON", auto="none", record=False, file="written", basic=True
    )
    batch_size: int = setting(64, "lines in a batch", at_least(1), record=False)
    precision: Literal["float32", "float64"] = setting("float32", "precision of the computation", record=False)
