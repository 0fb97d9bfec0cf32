"""The settings of `rnnlm export`; imports nothing heavy, so that `--help` stays quick."""

import re
from dataclasses import dataclass
from typing import Literal

from rnnlm.config import at_least, between, setting
from rnnlm.errors import UsageError
from rnnlm.use.settings import SplitName


def _license(value: str) -> str | None:
    """A check that a license is an identifier, as the head of a model card has it."""
    good = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]*", value)
    return None if good else "must be an identifier of letters, digits, points and hyphens, such as mit or cc-by-4.0"


@dataclass(frozen=True)
class ExportSettings:
    """The format that a model is written in."""

    to: Literal["int8", "onnx", "html", "transformers", "word2vec", "arpa"] | None = setting(
        None,
        "sealed model with 8-bit weights, ONNX graphs, page that runs it, directory for Hugging Face's transformers, "
        "word2vec's text format, or n-grams",
        auto="required", record=False, basic=True
    )  # fmt: skip
    split: SplitName | None = setting(
        None,
        "the split that int8, html, transformers and arpa are measured on",
        auto="valid, or test where valid is empty",
        record=False,
    )
    text: str | None = setting(
        None, "a text file instead of a split; - for standard input", auto="none", record=False, file="read", basic=True
    )
    tokens: int = setting(1_000_000, "with arpa: tokens to sample from the network", at_least(1), record=False)
    order: int = setting(5, "with arpa: words in the longest n-gram", between(1, 16), record=False, basic=True)
    license: str | None = setting(
        None, "with transformers: the license of the model card, as its owner gives it: mit, cc-by-4.0, …",
        _license, auto="none", record=False,
    )  # fmt: skip
    seed: int = setting(1, "with arpa: seed of the sampling", between(0, 2**63 - 1), record=False)

    def check(self) -> None:
        """A format, and only flags that it has."""
        if self.to is None:
            raise UsageError("--to is missing", "name a format: int8, onnx, html, transformers, word2vec or arpa")
        if self.text is not None and self.split is not None:
            raise UsageError("--text with --split", "give one of them")
        unmeasured = self.to in ("onnx", "word2vec")
        wrong: tuple[str, ...] = ("split", "text") if unmeasured else ()
        wrong += ("tokens", "order", "seed") if self.to != "arpa" else ()
        for name in (*wrong, *(("license",) if self.to != "transformers" else ())):
            if getattr(self, name) != getattr(type(self), name):
                raise UsageError(f"--{name} with --to {self.to}", "omit it")
