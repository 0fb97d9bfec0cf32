"""Several models on one text: the cost of every line under each, in a common metric, and their differences."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rnnlm.arrays import Floats
from rnnlm.corpus.clean import clean_blocks
from rnnlm.errors import UsageError
from rnnlm.model.likelihood import LanguageModel, text_nats
from rnnlm.use.comparison.bootstrap import FEWEST_UNITS, Difference, Units, paired_difference, units_of
from rnnlm.use.comparison.comparable import ComparisonMetric, Reader, common_measure, refuse_unknown
from rnnlm.use.comparison.spelling import SpelledLines, Spelling, measured_lines

Raw = Callable[[], Iterable[bytes]]
_BITS = 1 / math.log(2)


@dataclass(frozen=True)
class Comparison:
    """`sums` of each model and `sizes`, (units,) each: nats and tokens, or bits and bytes, as `measure` says.

    `spelled` if the cost of unknown words includes their spelling.
    """

    measure: ComparisonMetric
    units: Units
    sums: Sequence[Floats]
    sizes: Floats
    spelled: bool

    def mean(self, number: int) -> float:
        """The metric of a model."""
        return float(self.sums[number].sum() / self.sizes.sum())

    def difference(self, first: int, second: int, resamples: int, seed: int) -> Difference:
        """The metric of the first minus that of the second."""
        return paired_difference(self.sums[first], self.sums[second], self.sizes, resamples, seed)


def compare(
    models: Sequence[LanguageModel], readers: Sequence[Reader], raw: Raw, train: Raw | None, batch_size: int
) -> Comparison:
    """Measure all models; `raw` returns the text in blocks of whole lines, `train` the training text if there is one.

    Raises UsageError where metrics are not comparable, where unknown words cannot be spelled but must be, and for a
    text of too few lines.
    """
    measure = common_measure(readers)
    unknown = measure == "bits_per_byte" and any(reader.text.unknown_tokens for reader in readers)
    spelling = _spelling(readers, train) if unknown else None
    units = units_of(readers[0].text.ids)
    if len(units.lines) <= FEWEST_UNITS:
        raise UsageError(
            f"the text has {len(units.lines) - 1} {units.name}, too few to resample",
            f"name a text of {FEWEST_UNITS} or more",
        )
    costs = [
        units.of(reader.text.ids).sums(text_nats(model, reader.text.ids, reader.context, batch_size))
        for model, reader in zip(models, readers, strict=True)
    ]
    if measure == "nats_per_token":
        return Comparison(measure, units, costs, units.tokens, False)
    sums, sizes = [], units.tokens
    for nats, reader in zip(costs, readers, strict=True):
        added, sizes = _sums(units, measured_lines(raw(), reader.rules, spelling))
        sums.append((nats + added) * _BITS)
    return Comparison(measure, units, sums, sizes, unknown)


def _spelling(readers: Sequence[Reader], train: Raw | None) -> Spelling:
    """The characters of the training text; UsageError where there is none, or unknown tokens cannot be spelled."""
    for reader in readers:
        refuse_unknown(reader)
    if train is None:
        reader = next(reader for reader in readers if reader.text.unknown_tokens)
        raise UsageError(
            f"{reader.name} predicts {reader.text.unknown_tokens:,} unknown words; a comparison across tokens "
            "spells them by the training text, which these models do not have",
            "name a workspace instead of one of them, or models of the same tokens",
        )
    rules = readers[0].rules
    return Spelling(block.text for block in clean_blocks(train(), rules.rule, rules.units))


def _sums(units: Units, lines: Iterable[SpelledLines]) -> tuple[Floats, Floats]:
    """(units,) nats of spelling, and (units,) bytes."""
    nats, sizes, line = np.zeros(len(units.lines) - 1), np.zeros(len(units.lines) - 1), 0
    for block in lines:
        unit = np.searchsorted(units.lines, line + np.arange(len(block.bytes)), "right") - 1
        np.add.at(sizes, unit, block.bytes)
        np.add.at(nats, unit, block.spelling)
        line += len(block.bytes)
    return nats, sizes
