"""The next token of a text: maximum likelihood over streams or sentences."""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.batches import SentenceBatches, StreamBatches, TokenBatch
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.padded import CutLines, Sentences
from rnnlm.corpus.tokenizer import FIRST_OUTPUT, PAD_ID
from rnnlm.model.dropout import Dropout
from rnnlm.model.likelihood import SpanNats, perplexity, text_nats
from rnnlm.model.network import ForcedInput, Network, States
from rnnlm.model.outputs.sampled import Sampler
from rnnlm.training.objective import BatchCounts, Cost
from rnnlm.training.settings import TrainSettings
from rnnlm.training.validation import striped_nats

_LINES = 512  # whose cost is asked for between two looks at the clock


class LanguageObjective:
    """−log p of every token of `train`, the state carried across a stream's segments; `valid` by stripes."""

    figure_name = "valid_perplexity_striped"

    def __init__(
        self,
        train: Ids,
        valid: Ids,
        settings: TrainSettings,
        sentences: Sentences | None = None,
        counts: NDArray[np.int64] | None = None,
        validated: int | None = None,
    ) -> None:
        """`settings` has no None where something must be decided; `sentences` are read in place of train's whole lines.

        `counts` (outputs,) are those of the training split, which sampled outputs are drawn by; `validated` bounds the
        tokens that a quick validation reads.
        """
        assert settings.batch_size and settings.bptt
        self._valid, self._settings, self._validated = valid, settings, validated
        self._sampler: Sampler | None = None
        if settings.output_layer == "sampled":
            assert counts is not None
            self._sampler = Sampler(counts, settings.samples)
        bptt = None if settings.bptt == "full" else int(settings.bptt)
        self.batches: StreamBatches | SentenceBatches
        if settings.batching == "stream":
            assert bptt is not None
            self.batches = StreamBatches(train, settings.batch_size, bptt, settings.seed)
        else:
            whole = sentences or CutLines(train, None)
            self.batches = SentenceBatches(whole, settings.batch_size, bptt, settings.seed)
        self.states: States = ()

    def extent(self, model: Network, batch: TokenBatch) -> BatchCounts:
        """Its targets; padding has none."""
        return BatchCounts(batch.predictions, batch.predictions, int((batch.targets[1:] != PAD_ID).sum()))

    def cost(self, model: Network, batch: TokenBatch, states: States, noise: Dropout, share: float) -> Cost:
        """Σ −log p of a segment's tokens."""
        device = model.bias.device
        inputs = torch.from_numpy(batch.inputs).to(device)
        targets = torch.from_numpy(batch.targets).to(device) - FIRST_OUTPUT
        reading = model.read(inputs, states, noise, self._teacher(model, inputs, noise, share))
        after = tuple(tuple(part.detach() for part in state) for state in reading.states)
        output, wanted = reading.output.flatten(0, 1), targets.flatten()
        operations = 3 * inputs.numel() * model.operations
        if self._sampler is not None and share < self._settings.sampled_share:
            drawn = self._sampler.draw(noise.generator)
            total = self._sampler.loss(output, model.output_matrix, model.bias, wanted, drawn)
            operations += 3 * 2 * batch.predictions * model.output_matrix.shape[1] * len(drawn)
        else:
            total = model.loss(output, wanted)
            operations += 3 * model.output_operations(wanted)
        return Cost(total, batch.predictions, operations, reading, targets >= 0, after)

    def _teacher(self, model: Network, inputs: Tensor, noise: Dropout, share: float) -> ForcedInput | None:
        """Scheduled sampling's mixture; with a teacher at every step the network helps itself to y(t−1) = x(t)."""
        if self._settings.forcing != "scheduled":
            return None
        return ForcedInput(inputs - FIRST_OUTPUT, noise.steps(inputs, 1 - self._settings.own_outputs * share))

    def carried(self, model: Network, batch: TokenBatch) -> States:
        """The states after the last segment, those of fresh sequences back at zero."""
        size = batch.inputs.shape[1]
        if not self.states or self.states[0][0].shape[0] != size:
            return model.initial_state(size)
        keep = torch.from_numpy(~batch.fresh).to(model.bias.device).unsqueeze(1)
        return tuple(tuple(part * keep for part in state) for state in self.states)

    def validate(self, model: Network) -> float | None:
        """Nats per token of the validation split, quickly."""
        return striped_nats(model, self._valid, self._validated) if self._valid.lines else None

    def figure(self, mean_cost: float) -> float:
        """Perplexity."""
        return perplexity(mean_cost)


def output_counts(ids: Ids, vocabulary: int) -> NDArray[np.int64]:
    """How often each output occurs in the text, (vocabulary − 2,)."""
    counts = np.zeros(vocabulary, np.int64)
    for start in range(0, len(ids.ids), 2**22):
        counts += np.bincount(ids.ids[start : start + 2**22], minlength=vocabulary)
    return counts[FIRST_OUTPUT:]


def language_report(model: Network, valid: Ids, context: str, deadline: float | None = None) -> dict[str, Any]:
    """The exact perplexity of the validation split for a finished run; None where the split is empty.

    With a `deadline` on the monotonic clock it may be that of the split's first predictions alone; `valid_tokens` says
    of how many.
    """
    nats, tokens = 0.0, 0
    for piece in _in_order(model, valid, context, deadline):
        nats += float(piece.nats.sum())
        tokens += len(piece.nats)
    return {"valid_perplexity": math.exp(nats / tokens) if tokens else None, "valid_tokens": tokens}


def _in_order(model: Network, valid: Ids, context: str, deadline: float | None) -> Iterator[SpanNats]:
    """What tokens cost from the first on, until there are none or no time is left."""
    if not valid.lines:
        return
    if context == "stream":
        for piece in text_nats(model, valid, context, 1):
            yield piece
            if deadline is not None and time.monotonic() >= deadline:
                return
        return
    step = valid.lines if deadline is None or context == "document" else _LINES
    for first in range(0, valid.lines, step):
        yield from text_nats(model, valid.part(first, first + step), context, 64)
        if deadline is not None and time.monotonic() >= deadline:
            return
