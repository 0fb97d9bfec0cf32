"""What a run reads, a class for each kind of task: a text as ids, a text with labels, windows of a table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids, probability_of_new
from rnnlm.corpus.labels.labelled import LabelledText
from rnnlm.corpus.padded import Sentences
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, UNKNOWN_ID
from rnnlm.model.architecture import Architecture
from rnnlm.model.cells.form import bare
from rnnlm.model.cells.library import find_cell
from rnnlm.model.network import Network
from rnnlm.model.outputs.cuts import Cut
from rnnlm.model.sealed import text_description
from rnnlm.tables.series import Series
from rnnlm.training.defaults import cut_of
from rnnlm.training.language import LanguageObjective, language_report, output_counts
from rnnlm.training.objective import Objective
from rnnlm.training.sequences import SequenceObjective, forecast_report, label_counts, labels_report
from rnnlm.training.settings import SettledSettings, is_forced, quantiles_of
from rnnlm.training.temperature import calibrate


@dataclass(frozen=True)
class DataSize:
    """The size of train.

    `tokens` counts time steps, `lines` sequences; `longest` is the longest sequence that is read whole, 0 for a stream.
    `vocabulary` counts ids, `features` numbers per step; `labels` names outputs that are not tokens: labels, or columns
    of a forecast.
    """

    kind: str
    tokens: int
    lines: int
    longest: int
    vocabulary: int = 0
    features: int = 0
    labels: tuple[str, ...] = ()


class Data(ABC):
    """The data of one task: `inputs` are digests of what is read, `stages` the identities of the stages it is from."""

    task: str
    inputs: Mapping[str, str]
    stages: Mapping[str, str]
    tokenizer: bytes | None

    @property
    @abstractmethod
    def size(self) -> DataSize:
        """How much there is of it."""

    @property
    @abstractmethod
    def described(self) -> dict[str, Any]:
        """Its part of `config.json`."""

    @property
    @abstractmethod
    def valid_steps(self) -> int:
        """Time steps of the validation split."""

    @abstractmethod
    def objective(self, settings: SettledSettings, validated: int | None) -> Objective:
        """The loss of the task; `validated` bounds the tokens of a quick validation."""

    @abstractmethod
    def start(self, network: Network, settings: SettledSettings) -> None:
        """Initialize what depends on the data: the output bias at log frequencies, or persistence."""

    @abstractmethod
    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """The validation metric of a finished network, by `deadline` on the monotonic clock if there is one."""

    def calibrate(self, network: Network) -> float | None:
        """Set a temperature by validation, and return it; None if the task has none."""
        return None


@dataclass(frozen=True)
class LanguageData(Data):
    """A text as ids: `train` and `valid`, and `sentences` in place of train's whole lines."""

    train: Ids
    valid: Ids
    rules: TextRules
    tokenizer: bytes
    inputs: Mapping[str, str]
    stages: Mapping[str, str]
    sentences: Sentences | None = None
    task: str = "language"

    @cached_property
    def size(self) -> DataSize:
        """Tokens, each `</s>` one, and lines."""
        longest = 0 if self.sentences is None else int(self.sentences.sizes().max(initial=0))
        ids = int(self.rules.tokenizer.get_vocab_size())
        return DataSize(self.rules.kind, len(self.train.ids), self.train.lines, longest, ids)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(outputs,) frequency in train of each token that can be predicted."""
        return output_counts(self.train, self.size.vocabulary)

    @property
    def valid_steps(self) -> int:
        """Its tokens."""
        return len(self.valid.ids)

    @property
    def new(self) -> float:
        """The probability that the next trigram has not occurred before."""
        return probability_of_new(self.train.ids)

    @property
    def _context(self) -> str:
        return "stream" if self.sentences is None else "sentence"

    @property
    def described(self) -> dict[str, Any]:
        """The rules from text to ids, and the context."""
        return {"text": text_description(self.rules), "context": self._context, "data": dict(self.stages)}

    def objective(self, settings: SettledSettings, validated: int | None) -> Objective:
        """The next token."""
        return LanguageObjective(self.train, self.valid, settings, self.sentences, validated)

    def start(self, network: Network, settings: SettledSettings) -> None:
        """Set the bias to the log frequencies."""
        if settings.unigram_bias:
            network.start_bias(self.counts)

    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """The exact perplexity of the validation split, and how much of train is unknown."""
        unknown = int(self.counts[UNKNOWN_ID - FIRST_OUTPUT]) / len(self.train.ids)
        report = language_report(network, self.valid, self._context, deadline)
        return {**report, "train_unknown_fraction": round(unknown, 6)}

    def calibrate(self, network: Network) -> float | None:
        """The best temperature on validation."""
        return calibrate(network, self.valid, self._context)


@dataclass(frozen=True)
class LabelledData(Data):
    """Texts with a label each (`task` 'classify'), or one for each word ('tag')."""

    train: LabelledText
    valid: LabelledText
    task: str
    labels: tuple[str, ...]
    rules: TextRules
    tokenizer: bytes
    inputs: Mapping[str, str]
    stages: Mapping[str, str]

    @cached_property
    def size(self) -> DataSize:
        """Tokens and texts."""
        lengths, ids = self.train.lengths(), int(self.rules.tokenizer.get_vocab_size())
        longest = int(lengths.max(initial=0))
        return DataSize(self.rules.kind, int(lengths.sum()), len(lengths), longest, ids, labels=self.labels)

    @property
    def valid_steps(self) -> int:
        """Its tokens."""
        return int(self.valid.lengths().sum())

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        return label_counts(self.train, len(self.labels))

    @property
    def described(self) -> dict[str, Any]:
        """The rules from text to ids, and the labels with their counts in train."""
        labels = {"labels": list(self.labels), "label_counts": self._counts.tolist()}
        return {"text": text_description(self.rules), **labels, "data": dict(self.stages)}

    def objective(self, settings: SettledSettings, validated: int | None) -> Objective:
        """Labels."""
        return SequenceObjective(self.train, self.valid, settings, self.task)

    def start(self, network: Network, settings: SettledSettings) -> None:
        """Set the bias to the log frequencies."""
        if settings.unigram_bias:
            network.start_bias(self._counts)

    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """Accuracy on the validation split."""
        return labels_report(network, self.valid)


@dataclass(frozen=True)
class SeriesData(Data):
    """Windows of a table, whose rows to come are forecast."""

    train: Series
    valid: Series
    inputs: Mapping[str, str]
    stages: Mapping[str, str]
    task: str = "forecast"
    tokenizer: bytes | None = None

    @cached_property
    def size(self) -> DataSize:
        """Steps and windows."""
        lengths, rules = self.train.lengths(), self.train.rules
        steps, longest = int(lengths.sum()), int(lengths.max(initial=0))
        return DataSize("series", steps, len(lengths), longest, features=rules.features, labels=rules.outputs)

    @property
    def valid_steps(self) -> int:
        """The rows of all its windows."""
        return int(self.valid.lengths().sum())

    @property
    def described(self) -> dict[str, Any]:
        """The rules from a table to numbers."""
        return {"series": self.train.rules.to_json(), "data": dict(self.stages)}

    def objective(self, settings: SettledSettings, validated: int | None) -> Objective:
        """Values to come."""
        return SequenceObjective(self.train, self.valid, settings, self.task)

    def start(self, network: Network, settings: SettledSettings) -> None:
        """Start with persistence, where the network has a skip connection."""
        if settings.skip_connection:
            network.start_direct(self.train.rules.output_inputs * max(1, len(network.architecture.quantiles)))

    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """Root mean square errors on the validation split."""
        return forecast_report(network, self.valid)


@dataclass(frozen=True)
class FrameData(SeriesData):
    """Windows of a table with a label for each of them, or for each row."""

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        return label_counts(self.train, len(self.train.labels))

    @property
    def described(self) -> dict[str, Any]:
        """The rules from a table to numbers, and the labels with their counts in train."""
        return {**super().described, "labels": list(self.train.labels), "label_counts": self._counts.tolist()}

    def start(self, network: Network, settings: SettledSettings) -> None:
        """Set the bias to the log frequencies."""
        if settings.unigram_bias:
            network.start_bias(self._counts)

    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """Accuracy on the validation split."""
        return labels_report(network, self.valid)


def architecture_of(settings: SettledSettings, data: Data, dimensions: int) -> Architecture:
    """The network that settled settings describe, for this data."""
    cut = cut_of(settings, data.counts, dimensions) if isinstance(data, LanguageData) else Cut((), ())
    cell, quantiles = find_cell(settings.cell, settings.equation), quantiles_of(settings.quantiles)
    return Architecture(
        cell.name, data.size.vocabulary, dimensions if data.size.vocabulary else 0, settings.hidden,
        settings.layers, settings.tied, task=data.task, features=data.size.features,
        labels=len(data.size.labels) * max(1, len(quantiles)), quantiles=quantiles,
        summary=settings.pooling, equations=bare(cell.text), feedback=settings.feedback, forced=is_forced(settings),
        direct=settings.skip_connection, cuts=cut.cuts,
        widths=cut.widths, read_out=settings.read_out,
    )  # fmt: skip
