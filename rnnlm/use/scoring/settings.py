"""The settings of `rnnlm score`; imports nothing heavy, so that `--help` stays quick."""

from dataclasses import dataclass
from typing import Literal

from rnnlm.config import at_least, setting
from rnnlm.errors import UsageError
from rnnlm.use.settings import Context


@dataclass(frozen=True)
class ScoreSettings:
    """What is said of each text, and how it is read."""

    level: Literal["corpus", "line", "word", "token", "region"] | None = setting(
        None, "one row for all, for each line, word or token, or for each blank-separated word of the raw line",
        auto="line; corpus with --pairs or --json", record=False, basic=True
    )  # fmt: skip
    format: Literal["tsv", "jsonl", "srilm", "kenlm", "mikolov"] | None = setting(
        None, "tab-separated, JSON Lines, or what SRILM, KenLM or Mikolov's rnnlm prints", auto="tsv", record=False,
        basic=True,
    )  # fmt: skip
    context: Context = setting(
        "sentence", "state reset at each line or blank line, or carried across all lines and files", record=False,
        basic=True,
    )  # fmt: skip
    unknown: Literal["score", "exclude", "error"] | None = setting(
        None, "words outside the vocabulary: p(<unk>), left out, or an error",
        auto="score; exclude for srilm and mikolov", record=False
    )  # fmt: skip
    ids: bool = setting(False, "each line begins with an identifier and a tab, which are passed on", record=False)
    pairs: str | None = setting(
        None, "a file of minimal pairs: better, worse, type; shows how often the better is the more likely",
        auto="none", record=False, file="read", basic=True
    )  # fmt: skip
    report: str | None = setting(
        None, "write totals, context and digests into this file as JSON", auto="none", record=False, file="written",
        basic=True,
    )  # fmt: skip
    batch_size: int = setting(64, "lines read side by side", at_least(1), record=False)
    precision: Literal["float32", "float64"] = setting("float32", "numbers the network computes with", record=False)
    engine: Literal["fused", "readable"] = setting(
        "fused", "the fastest form of a cell, or one step after the other", record=False
    )

    def check(self) -> None:
        """Levels, formats and pairs that go together."""
        if self.format in ("srilm", "kenlm", "mikolov") and self.level in ("token", "region"):
            raise UsageError(f"--level {self.level} with --format {self.format}", "it has corpus, line and word")
        if self.pairs is None:
            return
        if self.level not in (None, "corpus", "line") or self.format not in (None, "tsv", "jsonl"):
            raise UsageError("--pairs with this --level or --format", "pairs have corpus and line, tsv and jsonl")
        if self.context != "sentence" or self.ids or self.unknown == "exclude":
            raise UsageError(
                "--pairs with --context, --ids or --unknown exclude", "both lines are read whole, from the start"
            )
