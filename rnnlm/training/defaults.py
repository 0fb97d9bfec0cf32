"""Defaults that follow from the corpus: sizes, batches, rates and the length of training.

The rules are smooth in the number of training tokens N, from 10 kB to 100 MB of text. A character carries about a
fifth of a word's information, so for characters and bytes N/5 determines the number of epochs.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rnnlm.errors import InputError, UsageError
from rnnlm.model.outputs.cuts import Cut, choose_cut, with_widths
from rnnlm.training.settings import SettledSettings, TrainSettings, can_scale, feeds_back, settled

_SMALL_UNITS = ("char", "byte")
_LONG = 500_000  # words from which on a network does not memorize the text in the usual epochs


def fill_in(
    settings: TrainSettings, *, task: str, kind: str, tokens: int, lines: int, embedding: int | None
) -> tuple[SettledSettings, int]:
    """The settings with every open one decided, and the size of the embedding (D).

    `task` is what is learned, `kind` the kind of token ('series' for real values), `tokens` and `lines` the steps and
    sequences of the training split; `embedding` is the given size, or None. Raises InputError for a corpus too small
    for a batch, UsageError for settings that do not go with the task.
    """
    _check_task(settings, task)
    small = kind in _SMALL_UNITS
    hidden = settings.hidden or int(_between(32 * round((12 if small else 8) * tokens**0.25 / 32), 64, 512))
    tied = settings.tied if settings.tied is not None else task == "language" and not small
    _check_output_layer(settings, task, tied)
    long = tied and task == "language" and not small and tokens >= _LONG
    # A tied output of a long text reads a projection, as with a budget; a network that memorizes is worse with one.
    dimensions = embedding or (min((hidden + 1) // 2, 256) if long else hidden if tied else min(hidden, 64))
    if settings.read_out == "tanh" and not (tied and dimensions != hidden):
        shape = f"{hidden} units and as long an embedding" if tied else "no --tied"
        remedy = "it is for a tied output with a projection in front of it; give --read-out linear"
        raise UsageError(f"--read-out tanh with {shape}", remedy)
    epochs = settings.epochs
    bounds = (epochs, settings.tokens, settings.steps, settings.budget, settings.replay)
    if all(bound is None for bound in bounds):
        epochs = usual_epochs(tokens, kind)
    run = min(tokens, settings.tokens or math.ceil((epochs or 1) * tokens))
    whole = task != "language" or settings.batching == "sentences"
    batch_size, bptt = (_sequences if whole else _streams)(settings, run, lines, 100 if small else 35)
    back = int(bptt) if bptt != "full" else 20
    whole_epochs = epochs or (settings.tokens or (settings.steps or 1) * batch_size * back) / tokens
    dropout = settings.dropout
    if dropout is None:
        dropout = usual_dropout(whole_epochs, hidden)
    rate = settings.learning_rate or round(min(8e-3, 6e-3 * math.sqrt(256 / hidden)), 5)
    filled = settled(
        settings,
        hidden=hidden,
        tied=tied,
        epochs=epochs,
        batch_size=batch_size,
        bptt=bptt,
        dropout=dropout,
        learning_rate=rate,
        embedding_rate=_embedding_rate(settings) if long else settings.embedding_rate,
        pooling=settings.pooling or ("last" if task == "classify" else "steps"),
        skip_connection=task == "forecast"
        and not feeds_back(settings)
        and settings.pooling not in ("mean", "max")
        and settings.skip_connection is not False,
        # A real input set to zero is a different value, so real inputs are dropped only on request.
        dropout_inputs=0.0 if kind == "series" and settings.dropout_inputs is None else settings.dropout_inputs,
    )
    return filled, dimensions


def _embedding_rate(settings: TrainSettings) -> float | None:
    """That of a long text; 1 is None, as earlier versions recorded it, so that it continues their runs."""
    rate = settings.embedding_rate or (2.0 if settings.optimizer == "adamw" else 1.0)
    return None if rate == 1 else rate


def usual_epochs(tokens: int, kind: str) -> float:
    """Epochs over a text of so many tokens where nothing bounds training."""
    return float(_between(round(6 * math.sqrt(1e6 / (tokens / 5 if kind in _SMALL_UNITS else tokens))), 1, 40))


def usual_dropout(epochs: float, hidden: int) -> float:
    """More epochs and more units need more dropout; below about two epochs none helps."""
    return round(_between(0.08 * math.log2(max(epochs, 1)) * math.sqrt(hidden / 256), 0.0, 0.5), 2)


def _check_task(settings: TrainSettings, task: str) -> None:
    """UsageError for settings of other tasks."""
    if task != "language" and settings.tied:
        raise UsageError(f"--tied with --task {task}", "only a language model's outputs are the words that it reads")
    if task in ("language", "tag") and settings.pooling not in (None, "steps"):
        raise UsageError(f"--pooling {settings.pooling} with --task {task}", "it has an output at every step")
    if task == "classify" and settings.pooling == "steps":
        raise UsageError("--pooling steps with --task classify", "a text has one label; use last, mean or max")
    if task == "classify" and feeds_back(settings):
        raise UsageError(f"--cell {settings.cell} with --task classify", "it has no output to feed back before the end")
    if settings.skip_connection and settings.pooling in ("mean", "max"):
        raise UsageError(
            f"--skip-connection with --pooling {settings.pooling}", "x(t) is read at the last step; use last or steps"
        )
    if settings.temperature_scaling and (task != "language" or not can_scale(settings)):
        what = f"--task {task}" if task != "language" else f"--cell {settings.cell}"
        raise UsageError(
            f"--temperature-scaling with {what}",
            "it is for language models that read x(t) by matrices alone, and no output of theirs",
        )
    if settings.quantiles is not None and (task != "forecast" or feeds_back(settings)):
        raise UsageError("--quantiles with another task than a forecast, or a cell that feeds it back", "omit it")
    if task != "forecast" and settings.skip_connection:
        raise UsageError(f"--skip-connection with --task {task}", "only a forecast reads the values that it continues")


def _check_output_layer(settings: TrainSettings, task: str, tied: bool) -> None:
    """UsageError for settings that do not go with the output layer."""
    kind = settings.output_layer or "full"
    if kind != "full" and task != "language":
        raise UsageError(f"--output-layer {kind} with --task {task}", "its outputs are few; omit it")
    if kind != "full" and not tied:
        raise UsageError(f"--output-layer {kind} without --tied", "inputs and outputs share the rows; add --tied")
    if kind != "full" and feeds_back(settings):
        raise UsageError(f"--output-layer {kind} with --cell {settings.cell}", "it feeds back all its outputs")
    if settings.cuts is not None and kind == "full":
        raise UsageError(f"--set cuts with --output-layer {kind}", "they are cuts of clusters and adaptive layers")


def _most(tokens: int) -> int:
    return 32 if tokens < 5_000_000 else 64


def _sequences(settings: TrainSettings, tokens: int, lines: int, longest: int) -> tuple[int, str]:
    """Batch size and steps for sequences that are read whole: an epoch over few of them is many updates."""
    wanted = 2 ** int(math.log2(max(lines, 1) / 250 + 1))
    batch_size = settings.batch_size or int(_between(wanted, 2, _most(tokens)))
    return min(batch_size, max(lines, 1)), settings.bptt or "full"


def _streams(settings: TrainSettings, tokens: int, lines: int, longest: int) -> tuple[int, str]:
    """Batch size and steps: an epoch over `tokens` of a small corpus, or a short run, is hundreds of updates."""
    wanted = 2 ** int(math.log2(max(tokens / (250 * longest), 1)))
    batch_size = settings.batch_size or int(_between(wanted, 2, _most(tokens)))
    bptt = settings.bptt or str(int(_between(tokens // (200 * batch_size), 10, longest)))
    refuse_endless(settings.bptt, "stream")
    if tokens < 2 * batch_size:
        raise InputError(
            f"{tokens:,} tokens of training are too few for {batch_size} streams",
            "give more text, or a smaller --batch-size",
        )
    return batch_size, bptt


def refuse_endless(bptt: str | None, batching: str) -> None:
    """UsageError for full backpropagation through a text that is one stream."""
    if bptt == "full" and batching == "stream":
        raise UsageError("--bptt full with --batching stream", "a stream has no end; use --batching sentences")


def cut_of(settings: SettledSettings, counts: NDArray[np.int64], dimensions: int) -> Cut:
    """The clusters of rare words, none for a full softmax; rows are `dimensions` long.

    Raises UsageError for cuts beyond the outputs, whose `counts` are (outputs,).
    """
    if settings.output_layer == "full":
        return Cut((), ())
    shrink = settings.output_layer == "adaptive"
    if settings.cuts is not None:
        cuts = [int(part) for part in settings.cuts.split(",")]
        if cuts[-1] >= len(counts):
            raise UsageError(f"--set cuts={settings.cuts} of {len(counts):,} outputs", "give smaller numbers")
        return with_widths(cuts, dimensions, shrink=shrink)
    rows = settings.batch_size * (settings.steps_back or 20)
    return choose_cut(counts, dimensions, rows, shrink=shrink)


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
