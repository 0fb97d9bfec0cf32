"""Which metrics of two models can be compared, and why others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from rnnlm.corpus.text import EncodedText, TextRules
from rnnlm.errors import UsageError

ComparisonMetric = Literal["nats_per_token", "bits_per_byte"]


def same_tokens(one: TextRules, other: TextRules) -> bool:
    """Whether both map every raw text to the same ids, so that they predict the same events."""
    if (one.kind, one.rule, one.units) != (other.kind, other.rule, other.units):
        return False
    return bool(one.tokenizer.to_str() == other.tokenizer.to_str())


@dataclass(frozen=True)
class Reader:
    """A model's name, its rules, its context, and the text as encoded by its rules."""

    name: str
    rules: TextRules
    context: str
    text: EncodedText


def common_measure(readers: Sequence[Reader]) -> ComparisonMetric:
    """The metric to compare in: nats per token where tokens are the same, bits per byte otherwise.

    Raises UsageError where the raw texts, the contexts or the cleaned texts differ.
    """
    for one, other in combinations(readers, 2):
        if one.text.raw_sha256 != other.text.raw_sha256:
            raise UsageError(
                f"{one.name} and {other.name} did not read the same text", "name a file that does not change"
            )
        if one.context != other.context:
            raise UsageError(
                f"{one.name} reads in context {one.context}, {other.name} in context {other.context}",
                "set --context for both",
            )
        if one.text.cleaned_sha256 != other.text.cleaned_sha256:
            raise UsageError(
                f"{one.name} and {other.name} clean the text differently, so they do not predict the same text",
                "compare models with the same cleaning (rnnlm clean)",
            )
    first = readers[0]
    if all(same_tokens(first.rules, other.rules) for other in readers[1:]):
        return "nats_per_token"
    return "bits_per_byte"


def refuse_unknown(reader: Reader) -> None:
    """UsageError for a tokenizer whose unknown tokens can no longer be spelled."""
    if reader.text.unknown_tokens and reader.rules.kind == "imported":
        raise UsageError(
            f"{reader.name} has {reader.text.unknown_tokens:,} unknown tokens, and its imported tokenizer "
            "does not keep their text",
            "compare it with models of the same tokens, or on a text without unknown tokens",
        )
