"""Labels or real values for whole sequences: a label for each word, one for each text, or a forecast."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnlm.corpus.labels.labelled import NO_LABEL
from rnnlm.corpus.sequences import SequenceBatch, SequenceBatches, Sequences
from rnnlm.model.device import moved
from rnnlm.model.dropout import Dropout
from rnnlm.model.likelihood import perplexity
from rnnlm.model.network import ForcedInput, Network, SegmentOutput, States
from rnnlm.model.pooling import summarised
from rnnlm.model.prediction import label_nats, predictions, previous_of
from rnnlm.model.quantiles import median, pinball
from rnnlm.tables.series import Series
from rnnlm.training.objective import BatchCounts, Cost
from rnnlm.training.settings import SettledSettings, quantiles_of

_VALIDATED = 5_000  # maximum sequences for selecting the best weights
_SIDE_BY_SIDE = 64


class SequenceObjective:
    """−log p of labels, or half the squared error of real values, or their pinball loss summed over quantiles.

    Every sequence starts from the zero state.

    With `--bptt N` the graph is cut every N steps, so that gradients flow back no further.
    """

    def __init__(self, train: Sequences, valid: Sequences, settings: SettledSettings, task: str) -> None:
        """`task` is 'tag', 'classify' or 'forecast'."""
        self._valid, self._settings, self._task = valid, settings, task
        self._bptt = settings.steps_back
        self.batches = SequenceBatches(train, settings.batch_size, settings.seed)
        self.states: States = ()
        self._quantiles = quantiles_of(settings.quantiles)
        scaled = "valid_pinball_scaled" if self._quantiles else "valid_root_mean_square_scaled"
        self.metric_name = scaled if task == "forecast" else "valid_perplexity_of_labels"

    @property
    def bounded(self) -> bool:
        """No: it reads the sequences of the split."""
        return False

    def counts(self, model: Network, batch: SequenceBatch) -> BatchCounts:
        """The known targets of a batch, and its steps inside the true lengths."""
        targets, lengths = batch.targets, batch.lengths
        if self._task == "forecast" and model.architecture.summary != "steps":
            targets = targets[lengths - 1, np.arange(len(lengths))]
        known = ~np.isnan(targets) if self._task == "forecast" else targets >= 0
        return BatchCounts(int(known.sum()), int(lengths.sum()), int((lengths - 1).clip(0).sum()))

    def carried(self, model: Network, batch: SequenceBatch) -> States:
        """Empty: every sequence is whole."""
        return ()

    def cost(self, model: Network, batch: SequenceBatch, states: States, dropout: Dropout, fraction: float) -> Cost:
        """The sum over a batch's targets."""
        device = model.bias.device
        inputs, targets, lengths = (moved(each, device) for each in (batch.inputs, batch.targets, batch.lengths))
        segment = self._read(model, inputs, dropout, self._forced(model, inputs, targets, dropout, fraction))
        output, summary = segment.output, model.architecture.summary
        if summary == "steps":
            output, targets = output.flatten(0, 1), targets.flatten(0, 1)
        else:
            output = summarised(output, lengths, summary)
            if self._task == "forecast":
                targets = targets[lengths - 1, torch.arange(len(lengths), device=device)]
        inside = torch.arange(len(inputs), device=device).unsqueeze(1) < lengths
        total = model.loss(output, targets)
        tokens = int(batch.lengths.sum())
        outputs = tokens if summary == "steps" else len(batch.lengths)
        operations = 3 * (tokens * model.operations + outputs * 2 * model.output_matrix.numel())
        return Cost(total, tokens, operations, segment, inside)

    def _forced(
        self, model: Network, inputs: Tensor, targets: Tensor, dropout: Dropout, fraction: float
    ) -> ForcedInput | None:
        """The forced input in training of a network that feeds its output back."""
        if not model.feeds_back or self._settings.forcing == "free":
            return None
        previous = previous_of(targets)
        if self._settings.forcing == "teacher":
            return ForcedInput(previous)
        return ForcedInput(previous, dropout.steps(inputs, 1 - self._settings.own_outputs * fraction))

    def _read(self, model: Network, inputs: Tensor, dropout: Dropout, forced: ForcedInput | None) -> SegmentOutput:
        """The whole batch, with the graph cut every `--bptt` steps."""
        states, time = model.initial_state(inputs.shape[1]), len(inputs)
        step = min(self._bptt or time, time)
        segments = []
        for start in range(0, time, step):
            here = slice(start, start + step)
            part = forced and ForcedInput(forced.previous[here], None if forced.given is None else forced.given[here])
            segment = model.read(inputs[here], states, dropout, part)
            states = tuple(tuple(each.detach() for each in state) for state in segment.states)
            segments.append(segment)
        if len(segments) == 1:
            return segments[0]
        h, dropped, output = (
            torch.cat([getattr(each, part) for each in segments]) for part in ("h", "dropped", "output")
        )
        return SegmentOutput(h, dropped, output, states)

    def validate(self, model: Network) -> float | None:
        """The mean cost of the validation split's first sequences, without forced input."""
        total, count = 0.0, 0
        for piece in predictions(model, self._valid, _SIDE_BY_SIDE, limit=_VALIDATED):
            if self._quantiles:
                cost = pinball(model.architecture, piece.last(), piece.last_targets())
                total, count = total + float(np.nansum(cost)), count + int((~np.isnan(cost)).sum())
            elif self._task == "forecast":
                known = piece.last_targets()
                errors = (piece.last() - known)[~np.isnan(known)]
                total, count = total + 0.5 * float((errors**2).sum()), count + errors.size
            else:
                nats = label_nats(piece.outputs, piece.targets)
                total, count = total + float(nats.sum()), count + nats.size
        return total / count if count else None

    def metric(self, mean_cost: float) -> float:
        """Perplexity of labels; for real values their mean pinball loss or root mean square error, as scaled."""
        if self._quantiles:
            return mean_cost
        return float(np.sqrt(2 * mean_cost)) if self._task == "forecast" else perplexity(mean_cost)


def label_counts(data: Sequences, labels: int) -> NDArray[np.int64]:
    """How often each label is a target, (labels,)."""
    counts = np.zeros(labels, np.int64)
    for start in range(0, len(data), 256):
        _, targets, _ = data.batch(np.arange(start, min(start + 256, len(data))))
        counts += np.bincount(targets[targets >= 0], minlength=labels)
    return counts


def labels_report(model: Network, valid: Sequences) -> dict[str, Any]:
    """Accuracy and nats per label on the validation split for a finished run; None if the split is empty."""
    right, count, priced, nats = 0, 0, 0, 0.0
    for piece in predictions(model, valid, _SIDE_BY_SIDE):
        known = piece.targets != NO_LABEL
        right += int((piece.outputs.argmax(-1) == piece.targets)[known].sum())
        count += int(known.sum())
        costs = label_nats(piece.outputs, piece.targets)  # of labels known from training
        priced += len(costs)
        nats += float(costs.sum())
    return {
        "valid_accuracy": right / count if count else None,
        "valid_nats_per_label": nats / priced if priced else None,
    }


def forecast_report(model: Network, valid: Series) -> dict[str, Any]:
    """The root mean square error of each target on the validation split, over all horizons, in its units; or None."""
    total, count = np.zeros(len(valid.rules.outputs)), 0
    for piece in predictions(model, valid, _SIDE_BY_SIDE):
        made = median(model.architecture, piece.last())
        errors = valid.rules.in_units(made) - valid.rules.in_units(piece.last_targets())
        total, count = total + (errors**2).sum(0), count + len(errors)
    means = total.reshape(-1, len(valid.rules.targets)).mean(0) / max(1, count)
    roots = dict(zip(valid.rules.targets, np.sqrt(means).tolist(), strict=True))
    return {"valid_root_mean_square_error": roots if count else None}
