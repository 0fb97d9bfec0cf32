"""The data of a run, a class for each kind of task: a text as ids, a text with labels, windows of a table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.corpus.ids import Ids
from rnnlm.corpus.labels.labelled import LabelledText
from rnnlm.corpus.padded import Sentences
from rnnlm.corpus.text import TextRules
from rnnlm.model.network import Network
from rnnlm.model.sealed import text_description
from rnnlm.tables.series import Series
from rnnlm.training.language import LanguageObjective, language_report, output_counts
from rnnlm.training.objective import Objective
from rnnlm.training.sequences import SequenceObjective, forecast_report, label_counts, labels_report
from rnnlm.training.settings import SettledSettings
from rnnlm.training.temperature import calibrate


class Data(ABC):
    """The data of one task.

    `inputs` are digests of what is read, `stages` the identities of the stages that it comes from.
    """

    task: str
    inputs: Mapping[str, str]
    stages: Mapping[str, str]
    tokenizer: bytes | None

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of outputs that are not tokens: labels, or the columns of a forecast."""
        return ()

    @property
    def vocabulary(self) -> int:
        """Number of ids."""
        return 0

    @property
    def features(self) -> int:
        """Real numbers per step."""
        return 0

    @property
    def valid_tokens(self) -> int:
        """Tokens of the validation split, where they are counted."""
        return 0

    @property
    @abstractmethod
    def kind(self) -> str:
        """The kind of token; 'series' for real values."""

    @property
    @abstractmethod
    def tokens(self) -> int:
        """Steps of train."""

    @property
    @abstractmethod
    def lines(self) -> int:
        """Sequences of train."""

    @property
    @abstractmethod
    def longest(self) -> int:
        """Steps of the longest sequence; 0 for a stream."""

    @property
    @abstractmethod
    def described(self) -> dict[str, Any]:
        """Its part of `config.json`."""

    @abstractmethod
    def objective(self, settings: SettledSettings, validated: int | None) -> Objective:
        """The objective; `validated` limits the tokens that a quick validation reads."""

    @abstractmethod
    def start(self, network: Network, settings: SettledSettings) -> None:
        """Initialize what depends on the data: the bias of the outputs, or persistence."""

    @abstractmethod
    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """The validation metric of a finished network, by `deadline` on the monotonic clock if it is not None."""

    def calibrate(self, network: Network) -> float | None:
        """Fit a temperature on validation and return it; None where the task has none."""
        return None


@dataclass(frozen=True)
class LanguageData(Data):
    """A text as ids: `train` and `valid`, and `sentences` instead of train's lines."""

    train: Ids
    valid: Ids
    rules: TextRules
    tokenizer: bytes
    inputs: Mapping[str, str]
    stages: Mapping[str, str]
    sentences: Sentences | None = None
    task: str = "language"

    @property
    def context(self) -> str:
        """What a state is carried across."""
        return "stream" if self.sentences is None else "sentence"

    @property
    def kind(self) -> str:
        """The kind of token."""
        return self.rules.kind

    @property
    def tokens(self) -> int:
        """Tokens of train, `</s>` included."""
        return len(self.train.ids)

    @property
    def lines(self) -> int:
        """Lines of train."""
        return self.train.lines

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence; 0 for a stream."""
        return 0 if self.sentences is None else int(self.sentences.sizes().max(initial=0))

    @cached_property
    def vocabulary(self) -> int:
        """Number of ids."""
        return int(self.rules.tokenizer.get_vocab_size())

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(outputs,) how often each token that can be predicted occurs in train."""
        return output_counts(self.train, self.vocabulary)

    @property
    def valid_tokens(self) -> int:
        """Tokens of the validation split."""
        return len(self.valid.ids)

    @property
    def described(self) -> dict[str, Any]:
        """The rules from text to ids, and the context."""
        return {"text": text_description(self.rules), "context": self.context, "data": dict(self.stages)}

    def objective(self, settings: SettledSettings, validated: int | None) -> Objective:
        """The next token."""
        return LanguageObjective(self.train, self.valid, settings, self.sentences, validated)

    def start(self, network: Network, settings: SettledSettings) -> None:
        """Initialize the bias with the log frequencies."""
        if settings.unigram_bias:
            network.start_bias(self.counts)

    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """The exact perplexity of the validation split."""
        return language_report(network, self.valid, self.context, deadline)

    def calibrate(self, network: Network) -> float | None:
        """The temperature that minimizes validation loss."""
        return calibrate(network, self.valid, self.context)


@dataclass(frozen=True)
class _SequenceData(Data):
    """Whole sequences: `train` and `valid`."""

    train: Any
    valid: Any

    @property
    def tokens(self) -> int:
        """Steps of all sequences."""
        return int(self.train.lengths().sum())

    @property
    def lines(self) -> int:
        """Sequences of train."""
        return len(self.train)

    @property
    def longest(self) -> int:
        """Steps of the longest one."""
        return int(self.train.lengths().max(initial=0))

    def objective(self, settings: SettledSettings, validated: int | None) -> Objective:
        """Labels, or future values."""
        return SequenceObjective(self.train, self.valid, settings, self.task)


@dataclass(frozen=True)
class LabelledData(_SequenceData):
    """Texts with a label each (`task` 'classify'), or one for each word ('tag')."""

    train: LabelledText
    valid: LabelledText
    task: str
    names: tuple[str, ...]
    rules: TextRules
    tokenizer: bytes
    inputs: Mapping[str, str]
    stages: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The kind of token."""
        return self.rules.kind

    @cached_property
    def vocabulary(self) -> int:
        """Number of ids."""
        return int(self.rules.tokenizer.get_vocab_size())

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of their numbers."""
        return self.names

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        return label_counts(self.train, len(self.names))

    @property
    def described(self) -> dict[str, Any]:
        """The rules from text to ids, and the labels with their counts in train."""
        labels = {"labels": list(self.labels), "label_counts": self._counts.tolist()}
        return {"text": text_description(self.rules), **labels, "data": dict(self.stages)}

    def start(self, network: Network, settings: SettledSettings) -> None:
        """Initialize the bias with the log frequencies."""
        if settings.unigram_bias:
            network.start_bias(self._counts)

    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """Accuracy on the validation split."""
        return labels_report(network, self.valid)


@dataclass(frozen=True)
class SeriesData(_SequenceData):
    """Windows of a table."""

    train: Series
    valid: Series
    inputs: Mapping[str, str]
    stages: Mapping[str, str]
    task: str = "forecast"
    tokenizer: bytes | None = None

    @property
    def kind(self) -> str:
        """Real values."""
        return "series"

    @property
    def features(self) -> int:
        """Numbers of a step."""
        return int(self.train.rules.features)

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns that are forecast."""
        return tuple(self.train.rules.targets)

    @property
    def described(self) -> dict[str, Any]:
        """The rules from a table to numbers."""
        return {"series": self.train.rules.to_json(), "data": dict(self.stages)}

    def start(self, network: Network, settings: SettledSettings) -> None:
        """Persistence, where the network has a skip connection."""
        if settings.skip_connection:
            network.start_direct(self.train.rules.target_inputs)

    def report(self, network: Network, deadline: float | None) -> dict[str, Any]:
        """Root mean square errors on the validation split."""
        return forecast_report(network, self.valid)
