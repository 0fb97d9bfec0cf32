"""What the corpus decides where the user does not: sizes, batches, rates and how long to train.

The rules are smooth in the number of training tokens N, from 10 kB to 100 MB of text. A character carries about a
fifth of a word's information, so for characters and bytes N/5 decides how many passes are worth their time.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnnlm.errors import InputError, UsageError
from rnnlm.model.outputs.cuts import Cut, choose_cut, with_widths
from rnnlm.training.settings import FEEDS_BACK, TrainSettings

_SMALL_UNITS = ("char", "byte")


def fill_in(
    settings: TrainSettings, *, task: str, kind: str, tokens: int, lines: int, embedding: int | None
) -> tuple[TrainSettings, int]:
    """The settings without None where something must be decided, and the size of the embedding (D).

    `task` and `kind` say what is learned of what ('series' for real values), `tokens` and `lines` how many steps and
    sequences train has; `embedding` is the size asked for, or None. Raises InputError for a corpus too small to make
    a batch, UsageError for settings that the task leaves no room for.
    """
    _check_task(settings, task)
    small = kind in _SMALL_UNITS
    hidden = settings.hidden or int(_between(32 * round((12 if small else 8) * tokens**0.25 / 32), 64, 512))
    tied = settings.tied if settings.tied is not None else task == "language" and not small
    _check_output_layer(settings, task, tied)
    dimensions = embedding or (hidden if tied else min(hidden, 64))
    if settings.read_out == "tanh" and not (tied and dimensions != hidden):
        shape = f"{hidden} units and as long an embedding" if tied else "no --tied"
        remedy = "it is for a tied output with a projection in front of it; give --read-out linear"
        raise UsageError(f"--read-out tanh with {shape}", remedy)
    epochs = settings.epochs
    bounds = (epochs, settings.tokens, settings.steps, settings.budget, settings.replay)
    if all(bound is None for bound in bounds):
        epochs = float(_between(round(6 * math.sqrt(1e6 / (tokens / 5 if small else tokens))), 1, 40))
    run = min(tokens, settings.tokens or math.ceil((epochs or 1) * tokens))
    whole = task != "language" or settings.batching == "sentences"
    batch_size, bptt = (_sequences if whole else _streams)(settings, run, lines, 100 if small else 35)
    steps = settings.steps
    passes = epochs or (settings.tokens or (steps or 1) * batch_size * (int(bptt) if bptt != "full" else 20)) / tokens
    dropout = settings.dropout
    if dropout is None:
        # More passes and more units want more dropout; below about two passes none pays.
        dropout = round(_between(0.08 * math.log2(max(passes, 1)) * math.sqrt(hidden / 256), 0.0, 0.5), 2)
    rate = settings.learning_rate or round(min(8e-3, 6e-3 * math.sqrt(256 / hidden)), 5)
    filled = replace(
        settings,
        hidden=hidden,
        tied=tied,
        epochs=epochs,
        batch_size=batch_size,
        bptt=bptt,
        dropout=dropout,
        learning_rate=rate,
        read_out=settings.read_out or "linear",
        output_layer=settings.output_layer or "full",
        head=settings.head or ("last" if task == "classify" else "steps"),
        skip_connection=task == "forecast"
        and settings.cell not in FEEDS_BACK
        and settings.head not in ("mean", "max")
        and settings.skip_connection is not False,
        dropout_words=settings.dropout_words or 0.0,
        dropout_recurrent=settings.dropout_recurrent or 0.0,
        locked=bool(settings.locked),
        activation_penalty=settings.activation_penalty or 0.0,
        temporal_penalty=settings.temporal_penalty or 0.0,
        temperature_scaling=bool(settings.temperature_scaling),
        # A value or marker that is set to zero is another value: real inputs are dropped only where it is asked for.
        dropout_inputs=0.0 if kind == "series" and settings.dropout_inputs is None else settings.dropout_inputs,
    )
    return filled, dimensions


def _check_task(settings: TrainSettings, task: str) -> None:
    """What only other tasks can have."""
    if task != "language" and settings.tied:
        raise UsageError(f"--tied with --task {task}", "only a language model's outputs are the words that it reads")
    if task in ("language", "tag") and settings.head not in (None, "steps"):
        raise UsageError(f"--head {settings.head} with --task {task}", "it has an output at every step")
    if task == "classify" and settings.head == "steps":
        raise UsageError("--head steps with --task classify", "a text has one label; use last, mean or max")
    if task == "classify" and settings.cell in FEEDS_BACK:
        raise UsageError("--cell output-recurrent with --task classify", "it has no output to feed back before the end")
    if settings.skip_connection and settings.head in ("mean", "max"):
        raise UsageError(
            f"--skip-connection with --head {settings.head}", "x(t) is read at the last step; use last or steps"
        )
    if settings.temperature_scaling and (task != "language" or settings.cell in FEEDS_BACK):
        what = f"--task {task}" if task != "language" else f"--cell {settings.cell}"
        raise UsageError(
            f"--temperature-scaling with {what}", "it is for language models that do not feed their output back"
        )
    if task != "forecast" and settings.skip_connection:
        raise UsageError(f"--skip-connection with --task {task}", "only a forecast reads the values that it continues")


def _check_output_layer(settings: TrainSettings, task: str, tied: bool) -> None:
    """What goes with bands and samples of the outputs."""
    kind = settings.output_layer or "full"
    if kind != "full" and task != "language":
        raise UsageError(f"--output-layer {kind} with --task {task}", "its outputs are few; omit it")
    if kind in ("clusters", "adaptive") and not tied:
        raise UsageError(f"--output-layer {kind} without --tied", "inputs and outputs share the rows; add --tied")
    if kind != "full" and settings.cell in FEEDS_BACK:
        raise UsageError(f"--output-layer {kind} with --cell {settings.cell}", "it feeds back all its outputs")
    if settings.cuts is not None and kind not in ("clusters", "adaptive"):
        raise UsageError(f"--cuts with --output-layer {kind}", "they are cuts of clusters and adaptive layers")


def _most(tokens: int) -> int:
    return 32 if tokens < 5_000_000 else 64


def _sequences(settings: TrainSettings, tokens: int, lines: int, longest: int) -> tuple[int, str]:
    """Batch size and steps for sequences that are read whole, so that a pass over few of them is many updates."""
    wanted = 2 ** int(math.log2(max(lines, 1) / 250 + 1))
    batch_size = settings.batch_size or int(_between(wanted, 2, _most(tokens)))
    return min(batch_size, max(lines, 1)), settings.bptt or "full"


def _streams(settings: TrainSettings, tokens: int, lines: int, longest: int) -> tuple[int, str]:
    """Batch size and steps, so that a pass over `tokens` of a small corpus, or a short run, is hundreds of updates."""
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
    """UsageError for full back-propagation through a text that is one stream."""
    if bptt == "full" and batching == "stream":
        raise UsageError("--bptt full with --batching stream", "a stream has no end; use --batching sentences")


def cut_of(settings: TrainSettings, counts: NDArray[np.int64], dimensions: int) -> Cut:
    """The bands of rare words, none where the output layer has none; rows are `dimensions` long.

    Raises UsageError for cuts beyond the outputs, whose `counts` are (outputs,).
    """
    if settings.output_layer not in ("clusters", "adaptive"):
        return Cut((), ())
    shrink = settings.output_layer == "adaptive"
    if settings.cuts is not None:
        cuts = [int(part) for part in settings.cuts.split(",")]
        if cuts[-1] >= len(counts):
            raise UsageError(f"--cuts {settings.cuts} of {len(counts):,} outputs", "give smaller numbers")
        return with_widths(cuts, dimensions, shrink=shrink)
    assert settings.batch_size and settings.bptt
    rows = settings.batch_size * (20 if settings.bptt == "full" else int(settings.bptt))
    return choose_cut(counts, dimensions, rows, shrink=shrink)


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
