"""The next token of a text: maximum likelihood over streams or sentences, validated by stripes."""

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.batches import SentenceBatches, StreamBatches, TokenBatch
from rnnlm.corpus.ids import Ids, shifted
from rnnlm.corpus.padded import CutLines, Sentences
from rnnlm.corpus.tokenizer import END_ID, FIRST_OUTPUT, PAD_ID, START_ID
from rnnlm.model.device import moved
from rnnlm.model.dropout import Dropout
from rnnlm.model.likelihood import SpanNats, perplexity, segment_nats, text_nats
from rnnlm.model.network import ForcedInput, Network, States
from rnnlm.training.objective import BatchCounts, Cost
from rnnlm.training.settings import SettledSettings

_LINES = 512  # evaluated between two checks of the clock


class LanguageObjective:
    """−log p of every token of `train`, with the state carried across a stream's segments; `valid` by stripes."""

    metric_name = "valid_perplexity_striped"

    def __init__(
        self,
        train: Ids,
        valid: Ids,
        settings: SettledSettings,
        sentences: Sentences | None = None,
        validated: int | None = None,
    ) -> None:
        """`sentences` replace train's whole lines; `validated` bounds the tokens of a quick validation."""
        self._valid, self._settings, self._validated = valid, settings, validated
        self.batches: StreamBatches | SentenceBatches
        if settings.batching == "stream":
            self.batches = StreamBatches(train, settings.batch_size, int(settings.bptt), settings.seed)
        else:
            whole = sentences or CutLines(train, None)
            self.batches = SentenceBatches(whole, settings.batch_size, settings.steps_back, settings.seed)
        self.states: States = ()

    @property
    def bounded(self) -> bool:
        """Whether a quick validation reads few tokens."""
        return self._validated is not None

    def counts(self, model: Network, batch: TokenBatch) -> BatchCounts:
        """The targets of a batch, without padding."""
        return BatchCounts(batch.predictions, batch.predictions, int((batch.targets[1:] != PAD_ID).sum()))

    def cost(self, model: Network, batch: TokenBatch, states: States, dropout: Dropout, fraction: float) -> Cost:
        """Σ −log p of a segment's tokens."""
        device = model.bias.device
        inputs, targets = moved(np.stack([batch.inputs, batch.targets]), device)
        targets = targets - FIRST_OUTPUT
        segment = model.read(inputs, states, dropout, self._forced(model, inputs, dropout, fraction))
        after = tuple(tuple(part.detach() for part in state) for state in segment.states)
        output, wanted = segment.output.flatten(0, 1), targets.flatten()
        operations = 3 * (
            inputs.numel() * model.operations + model.output_operations(batch.targets.ravel() - FIRST_OUTPUT)
        )
        return Cost(model.loss(output, wanted), batch.predictions, operations, segment, targets >= 0, after)

    def _forced(self, model: Network, inputs: Tensor, dropout: Dropout, fraction: float) -> ForcedInput | None:
        """The forced input of scheduled sampling; if it is forced at every step, the network takes y(t−1) = x(t)."""
        if self._settings.forcing != "scheduled":
            return None
        return ForcedInput(inputs - FIRST_OUTPUT, dropout.steps(inputs, 1 - self._settings.own_outputs * fraction))

    def carried(self, model: Network, batch: TokenBatch) -> States:
        """The states after the last segment, zero for new sequences."""
        size = batch.inputs.shape[1]
        if not self.states or self.states[0][0].shape[0] != size:
            return model.initial_state(size)
        keep = moved(~batch.fresh, model.bias.device).unsqueeze(1)
        return tuple(tuple(part * keep for part in state) for state in self.states)

    def validate(self, model: Network) -> float | None:
        """Nats per token of the validation split, by the quick measure."""
        return striped_nats(model, self._valid, self._validated) if self._valid.lines else None

    def metric(self, mean_cost: float) -> float:
        """Perplexity."""
        return perplexity(mean_cost)


def output_counts(ids: Ids, vocabulary: int) -> NDArray[np.int64]:
    """How often each output occurs in the text, (vocabulary − 2,)."""
    counts = np.zeros(vocabulary, np.int64)
    for start in range(0, len(ids.ids), 2**22):
        counts += np.bincount(ids.ids[start : start + 2**22], minlength=vocabulary)
    return counts[FIRST_OUTPUT:]


def language_report(model: Network, valid: Ids, context: str, deadline: float | None = None) -> dict[str, Any]:
    """The exact perplexity of the validation split for a finished run; None if the split is empty.

    With a `deadline` on the monotonic clock it may cover only the split's first predictions; `valid_tokens` is their
    number, and `valid_split_tokens`, given only then, that of the whole split.
    """
    nats, tokens = 0.0, 0
    for piece in _in_order(model, valid, context, deadline):
        nats += float(piece.nats.sum())
        tokens += len(piece.nats)
    part = {"valid_split_tokens": len(valid.ids)} if tokens < len(valid.ids) else {}
    return {"valid_perplexity": math.exp(nats / tokens) if tokens else None, "valid_tokens": tokens, **part}


def _in_order(model: Network, valid: Ids, context: str, deadline: float | None) -> Iterator[SpanNats]:
    """The costs of tokens from the first on, until the end or the deadline."""
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


_VALIDATION_TOKENS = 50_000
_STRIPES = 20


@torch.inference_mode()
def striped_nats(model: Network, ids: Ids, most: int | None = None) -> float:
    """Nats per token for selecting the best weights: 20 stripes of at most 50,000 tokens, or `most`, side by side.

    Each stripe starts from the zero state in the middle of the text, so this is not comparable with `evaluate`.
    """
    model.eval()
    tokens = np.asarray(ids.ids[: most or _VALIDATION_TOKENS]).astype(np.int64)
    stripes = min(_STRIPES, len(tokens))
    length = len(tokens) // stripes
    targets = tokens[: stripes * length].reshape(stripes, length).T
    before = shifted(tokens, length * np.arange(stripes) + np.arange(length)[:, None], 0)
    before[0] = np.where(before[0] == END_ID, START_ID, before[0])
    states = model.initial_state(stripes)
    total = 0.0
    for start in range(0, length, 64):
        inputs = torch.from_numpy(before[start : start + 64]).to(model.bias.device)
        wanted = torch.from_numpy(np.ascontiguousarray(targets[start : start + 64])).to(model.bias.device)
        nats, states = segment_nats(model, inputs, wanted, states)
        total += float(nats.sum())
    return total / targets.size
