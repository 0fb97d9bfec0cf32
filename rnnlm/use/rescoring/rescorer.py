"""Rescores utterances in their order.

The total of a hypothesis is

    Σᵢ wᵢ sᵢ + λ Σₜ ln((1 − μ) p(t) + μ q(t)) − ρ · words

over the other scores sᵢ of its list, p(t) and q(t) the probabilities of its tokens under network and n-gram model.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from rnnlm.arrays import Floats
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenizer import END_ID
from rnnlm.errors import InputError
from rnnlm.model.likelihood import LanguageModel
from rnnlm.use.rescoring.lists import Hypothesis, Utterance
from rnnlm.use.rescoring.prefixes import PrefixReader
from rnnlm.use.scoring.lines import Line, LineReader
from rnnlm.use.scoring.scorer import Unknown


@dataclass(frozen=True)
class Weights:
    """The weights of scores: w by name, λ (`model`), μ (`ngram`) and ρ (`word_penalty`)."""

    scores: Mapping[str, float]
    model: float = 1.0
    ngram: float = 0.0
    word_penalty: float = 0.0


@dataclass(frozen=True)
class Costs:
    """−ln p of the tokens that count, `</s>` last, under the network and the n-gram model (None without one)."""

    network: Floats
    ngram: Floats | None

    def log_p(self, mu: float) -> float:
        """Σₜ ln((1 − μ) p(t) + μ q(t))."""
        if self.ngram is None or mu == 0:
            return -float(self.network.sum())
        if mu == 1:
            return -float(self.ngram.sum())
        return float(np.logaddexp(np.log1p(-mu) - self.network, np.log(mu) - self.ngram).sum())


@dataclass(frozen=True)
class Rescored:
    """An utterance, and of each of its hypotheses `costs`, ln p (`log_p`) and the total."""

    utterance: Utterance
    costs: Sequence[Costs]
    log_p: Sequence[float]
    totals: Sequence[float]

    @property
    def hypotheses(self) -> Sequence[Hypothesis]:
        """The hypotheses in the order of their file."""
        return self.utterance.hypotheses

    @cached_property
    def order(self) -> list[int]:
        """The indices of the hypotheses, best first; equal totals in the order of the list."""
        return sorted(range(len(self.totals)), key=lambda index: -self.totals[index])


class Rescorer:
    """Rescores utterances by a network, and optionally an n-gram model of the same vocabulary.

    With `carry` each utterance is read in the state after the first hypothesis of the previous one; otherwise from the
    initial state, several together until there are `batch_size` hypotheses. `unknown` is as in scoring.
    """

    def __init__(
        self,
        model: LanguageModel,
        rules: TextRules,
        weights: Weights,
        *,
        ngram: LanguageModel | None = None,
        carry: bool = False,
        batch_size: int = 1024,
        unknown: Unknown = "score",
    ) -> None:
        models = [model] if ngram is None else [model, ngram]
        self._readers = [PrefixReader(each) for each in models]
        self._begins = [reader.start() for reader in self._readers]
        self._lines = LineReader(rules, ids=None)
        self._weights, self._carry, self._batch_size, self._unknown = weights, carry, batch_size, unknown

    def rescored(self, utterances: Iterable[Utterance]) -> Iterator[Rescored]:
        """The utterances, rescored; InputError for unknown words with `unknown="error"`."""
        source = iter(utterances)
        while group := list(self._group(source)):
            hypotheses = [each for utterance in group for each in utterance.hypotheses]
            costs = iter(self._costs(hypotheses))
            for utterance in group:
                yield self._combined(utterance, list(islice(costs, len(utterance.hypotheses))))

    def _group(self, source: Iterator[Utterance]) -> Iterator[Utterance]:
        """As many utterances as are read together."""
        count = 0
        for utterance in source:
            yield utterance
            count += len(utterance.hypotheses)
            if self._carry or count >= self._batch_size:
                return

    def _costs(self, hypotheses: Sequence[Hypothesis]) -> list[Costs]:
        text = "".join(hypothesis.text + "\n" for hypothesis in hypotheses).encode()
        lines = [line for window in self._lines.windows([text]) for line in window]
        counted = [self._counted(*each) for each in zip(hypotheses, lines, strict=True)]
        # A hypothesis that is empty after cleaning is an empty sentence: only its end is predicted.
        ids = [line.ids if len(line.ids) else np.array([END_ID]) for line in lines]
        nats = []
        for number, reader in enumerate(self._readers):
            found, after = reader.nats(ids, self._begins[number])
            nats.append([each[where] for each, where in zip(found, counted, strict=True)])
            if self._carry:
                self._begins[number] = after
        seconds: Sequence[Floats | None] = nats[1] if len(nats) > 1 else [None] * len(ids)
        return [Costs(*both) for both in zip(nats[0], seconds, strict=True)]

    def _counted(self, hypothesis: Hypothesis, line: Line) -> NDArray[np.bool_]:
        """Which tokens count: (tokens,), `</s>` last."""
        if not len(line.ids):
            return np.ones(1, bool)
        if self._unknown == "error" and line.outside.any():
            raise InputError(
                f"{hypothesis.file}, line {hypothesis.number:,}: a word is not in the vocabulary",
                "use --unknown score or exclude",
            )
        return ~line.outside if self._unknown == "exclude" else np.ones(len(line.ids), bool)

    def _combined(self, utterance: Utterance, costs: list[Costs]) -> Rescored:
        weights = self._weights
        log_p = [each.log_p(weights.ngram) for each in costs]
        totals = [
            sum(weights.scores[name] * score for name, score in hypothesis.scores.items())
            + weights.model * log_p_model
            - weights.word_penalty * len(hypothesis.words)
            for hypothesis, log_p_model in zip(utterance.hypotheses, log_p, strict=True)
        ]
        return Rescored(utterance, costs, log_p, totals)
