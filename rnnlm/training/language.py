"""The next token of a text: maximum likelihood over streams or sentences."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnlm.corpus.batches import Batch, SentenceBatches, StreamBatches
from rnnlm.corpus.ids import Ids
from rnnlm.corpus.tokenizer import FIRST_OUTPUT
from rnnlm.model.likelihood import perplexity, text_nats
from rnnlm.model.network import Network, States, Teacher
from rnnlm.model.noise import Noise
from rnnlm.training.objective import Cost
from rnnlm.training.settings import TrainSettings
from rnnlm.training.validation import striped_nats


class LanguageObjective:
    """−log p of every token of `train`, the state carried across a stream's segments; `valid` by stripes."""

    figure_name = "valid_perplexity_striped"

    def __init__(self, train: Ids, valid: Ids, settings: TrainSettings, max_length: int | None) -> None:
        """`settings` has no None where something must be decided; `max_length` bounds a padded line's tokens."""
        assert settings.batch_size and settings.bptt
        self._valid, self._settings = valid, settings
        bptt = None if settings.bptt == "full" else int(settings.bptt)
        self.batches: StreamBatches | SentenceBatches
        if settings.batching == "stream":
            assert bptt is not None
            self.batches = StreamBatches(train, settings.batch_size, bptt, settings.seed)
        else:
            self.batches = SentenceBatches(train, settings.batch_size, bptt, max_length, settings.seed)
        self.states: States = ()

    def cost(self, model: Network, batch: Batch, noise: Noise, share: float) -> Cost:
        """Σ −log p of a segment's tokens."""
        states = self._carried(model, batch)
        device = model.bias.device
        inputs = torch.from_numpy(batch.inputs).to(device)
        targets = torch.from_numpy(batch.targets).to(device) - FIRST_OUTPUT
        reading = model.read(inputs, states, noise, self._teacher(model, inputs, noise, share))
        self.states = tuple(tuple(part.detach() for part in state) for state in reading.states)
        total = model.loss(reading.output.flatten(0, 1), targets.flatten())
        operations = 3 * (inputs.numel() * model.operations + model.output_operations(targets.flatten()))
        return Cost(total, batch.predictions, batch.predictions, operations, reading, targets >= 0)

    def _teacher(self, model: Network, inputs: Tensor, noise: Noise, share: float) -> Teacher | None:
        """Scheduled sampling's mixture; with a teacher at every step the network helps itself to y(t−1) = x(t)."""
        if self._settings.forcing != "scheduled":
            return None
        return Teacher(inputs - FIRST_OUTPUT, given_steps(inputs, self._settings.own_outputs * share, noise.generator))

    def _carried(self, model: Network, batch: Batch) -> States:
        """The states after the last segment, those of fresh sequences back at zero."""
        size = batch.inputs.shape[1]
        if not self.states or self.states[0][0].shape[0] != size:
            return model.initial_state(size)
        keep = torch.from_numpy(~batch.fresh).to(model.bias.device).unsqueeze(1)
        return tuple(tuple(part * keep for part in state) for state in self.states)

    def validate(self, model: Network) -> float | None:
        """Nats per token of the validation split, quickly."""
        return striped_nats(model, self._valid) if self._valid.lines else None

    def figure(self, mean_cost: float) -> float:
        """Perplexity."""
        return perplexity(mean_cost)


def given_steps(inputs: Tensor, own: float, generator: torch.Generator) -> Tensor:
    """(time, batch) of booleans: true, with probability 1 − `own`, where the teacher's y(t−1) is given."""
    shape = inputs.shape[:2]
    return torch.empty(shape, device=inputs.device).bernoulli_(1 - own, generator=generator).bool()


def output_counts(ids: Ids, vocabulary: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How often each output occurs in the text, (vocabulary − 2,)."""
    counts = np.zeros(vocabulary, np.int64)
    for start in range(0, len(ids.ids), 2**22):
        counts += np.bincount(ids.ids[start : start + 2**22], minlength=vocabulary)
    return counts[FIRST_OUTPUT:]


def language_report(model: Network, valid: Ids, context: str) -> dict[str, Any]:
    """The exact perplexity of the validation split for a finished run; None where the split is empty."""
    nats, tokens = 0.0, 0
    if valid.lines:
        for piece in text_nats(model, valid, context, 64):
            nats += float(piece.nats.sum())
            tokens += len(piece.nats)
    return {"valid_perplexity": math.exp(nats / tokens) if tokens else None}
