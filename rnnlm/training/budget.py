"""What a time budget decides: size, dropout, rate, batch and output layer of a language model, by one rule.

The rule was fitted by experiment (`docs/budget.md` states it, `benchmarks/notebook.md` has the data); every part of it
can be overridden by a flag. It knows the time that is left, how fast the machine trains, and what the text is; it
measures nothing itself.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlm.model.cells.registry import CELLS
from rnnlm.model.outputs.cuts import output_operations
from rnnlm.training.defaults import cut_of
from rnnlm.training.settings import FEEDS_BACK, OutputLayerName, TrainSettings

SPREAD = 0.2  # of the embedding's numbers at the start
_SIZES = (128, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 1280, 1536, 2048)
_SMALL_UNITS = ("char", "byte")
_ADAPTIVE = 50_000  # outputs from which on the rows of rare words are made shorter
_TOKENS, _UNITS, _GROWTH = 1.77e6, 384, 2.5  # tokens that so many units want; they grow as that power of the units
# Passes from which on dropped outputs do not keep a text from being learned by heart: what an output layer reads is
# bounded and h(t) has penalties, and after more of them recurrent weights are dropped too.
_SOME, _MANY = 4, 12
_NOVEL = 2.0  # from one new trigram in so many on all of that is dropped
_REACHED = 0.75  # of the speed of a layer alone, with all that a step has beside it
_CLUSTERS = 3_000  # outputs from which on bands pay


@dataclass(frozen=True)
class Situation:
    """`seconds` for training, operations a second that the machine trains with, tokens of train and their `counts`.

    `counts` (outputs,) is how often each output occurs, `new_trigrams` the probability that the next trigram is new.
    """

    seconds: float
    speed: float
    tokens: int
    kind: str
    counts: NDArray[np.int64]
    new_trigrams: float

    @property
    def held_back(self) -> float:
        """What is dropped, as a share of what is dropped where most trigrams are new."""
        return 1.0 if self.small_units else min(1.0, _NOVEL * self.new_trigrams)

    @property
    def small_units(self) -> bool:
        """Whether tokens are characters or bytes."""
        return self.kind in _SMALL_UNITS


@dataclass(frozen=True)
class BudgetChoice:
    """Settings without gaps where the rule decides, the size of the embedding, what is expected, and why."""

    settings: TrainSettings
    embedding: int
    seconds: float
    tokens_per_second: float
    epochs: float
    reasons: tuple[str, ...]

    @property
    def tokens(self) -> float:
        """That training is expected to read."""
        return self.seconds * self.tokens_per_second


def choose(given: TrainSettings, embedding: int | None, situation: Situation) -> BudgetChoice:
    """Fill what is None in `given` for the time that there is."""
    sizes = (given.hidden,) if given.hidden else _SIZES
    plans = [_plan(given, size, embedding, situation) for size in sizes]
    # The largest network that still reads enough; the smallest where none does.
    fitting = [plan for plan in plans if plan.tokens >= tokens_wanted(plan.settings.hidden or 0, situation)]
    choice = fitting[-1] if fitting else plans[0]
    return replace(choice, reasons=_reasons(given, choice, situation))


def tokens_wanted(hidden: int, situation: Situation) -> float:
    """Tokens, read for the first time or again, below which a smaller network is the better one in the same time.

    A character carries about a fifth of a word's information.
    """
    return _TOKENS * math.pow(hidden / _UNITS, _GROWTH) * (5 if situation.small_units else 1)


def _plan(given: TrainSettings, hidden: int, embedding: int | None, situation: Situation) -> BudgetChoice:
    """The rule for a network of that size."""
    small = situation.small_units
    tied = given.tied if given.tied is not None else not small
    # Shorter than h(t), so that a tied output reads a projection of it: it is 6 % worse without one in two passes.
    dimensions = embedding or (64 if small else min((hidden + 1) // 2, 256))
    settings = replace(
        given,
        hidden=hidden,
        tied=tied,
        batch_size=given.batch_size or 64,
        bptt=given.bptt or ("100" if small else "35"),
        learning_rate=given.learning_rate or round((0.006 if small else 0.012) * math.sqrt(512 / hidden), 5),
        embedding_rate=given.embedding_rate or (1.0 if small else 2.0),
    )
    settings = replace(settings, output_layer=given.output_layer or _output_layer(settings, len(situation.counts)))
    speed = _REACHED * situation.speed / operations_per_token(settings, dimensions, situation)
    epochs = situation.seconds * speed / situation.tokens
    settings = _regularised(settings, epochs, situation, projected=tied and dimensions != hidden)
    return BudgetChoice(settings, dimensions, situation.seconds, speed, epochs, ())


def _regularised(given: TrainSettings, epochs: float, situation: Situation, *, projected: bool) -> TrainSettings:
    """Outputs are dropped by the passes; where words are read often, tanh bounds what a projection makes of h(t), large
    or restless h(t) cost, and recurrent weights are dropped (Merity et al. 2017, 2018). A text that says the same again
    and again needs less of what is dropped.
    """
    words, held_back = not situation.small_units, situation.held_back
    some, many = words and epochs >= _SOME, words and epochs >= _MANY

    def filled(value: Any, otherwise: Any) -> Any:
        return otherwise if value is None else value

    assert given.hidden
    return replace(
        given,
        dropout=filled(given.dropout, round(_dropout(epochs, given.hidden) * held_back, 2)),
        dropout_inputs=filled(given.dropout_inputs, round(0.3 * held_back, 2) if many else None),
        dropout_recurrent=filled(given.dropout_recurrent, round(0.4 * held_back, 2) if many else 0.0),
        read_out=given.read_out or ("tanh" if some and projected else "linear"),
        activation_penalty=filled(given.activation_penalty, 2.0 if some else 0.0),
        temporal_penalty=filled(given.temporal_penalty, 1.0 if some else 0.0),
        temperature_scaling=filled(given.temperature_scaling, given.cell not in FEEDS_BACK),
    )


def _dropout(epochs: float, hidden: int) -> float:
    """More passes and more units want more of it; below two passes none pays."""
    return min(0.5, 0.18 * math.log2(max(epochs / 2, 1)) * math.sqrt(hidden / 384))


def _output_layer(settings: TrainSettings, outputs: int) -> OutputLayerName:
    """Bands of rare words where there are many, with shorter rows where there are very many."""
    if not settings.tied or settings.cell in FEEDS_BACK or outputs < _CLUSTERS:
        return "full"
    return "adaptive" if outputs >= _ADAPTIVE else "clusters"


def operations_per_token(settings: TrainSettings, dimensions: int, situation: Situation) -> float:
    """Floating-point operations of the matrix products for a token in training, forward and backward."""
    assert settings.hidden and settings.batch_size and settings.bptt
    hidden, blocks = settings.hidden, len(CELLS[settings.cell].BLOCKS)
    widths = [dimensions, *[hidden] * (settings.layers - 1)]
    forward: float = sum(2 * blocks * hidden * (width + hidden) for width in widths)
    width = dimensions if settings.tied else hidden
    if settings.tied and hidden != dimensions:
        forward += 2 * hidden * dimensions
    output = output_operations(situation.counts, cut_of(settings, situation.counts, width), width)
    if settings.output_layer == "sampled":
        share = settings.sampled_share
        output = share * 2 * width * min(settings.samples, len(situation.counts)) + (1 - share) * output
    return 3 * (forward + output)


def _reasons(given: TrainSettings, choice: BudgetChoice, situation: Situation) -> tuple[str, ...]:
    """The choice in words."""
    settings = choice.settings
    wanted = tokens_wanted(settings.hidden or 0, situation)
    size = (
        f"{settings.hidden} units: as asked"
        if given.hidden
        else f"{settings.hidden} units: the most that want no more than that, {wanted / 1e6:.1f} million"
        if choice.tokens >= wanted
        else f"{settings.hidden} units: the fewest there are; the time is short"
    )
    if given.dropout is not None:
        dropout = "as asked"
    elif situation.held_back == 1:
        dropout = "follows from the passes"
    else:
        dropout = f"follows from the passes, and from the text, of whose trigrams {situation.new_trigrams:.0%} are new"
    cut = cut_of(settings, situation.counts, choice.embedding)
    return (
        f"{situation.seconds:.0f} s of training at {situation.speed / 1e9:.0f} GFLOPS are about "
        f"{choice.tokens / 1e6:.1f} million tokens, {choice.epochs:.1f} passes",
        size,
        f"dropout {settings.dropout:g}: {dropout}"
        + (f"; of recurrent weights {settings.dropout_recurrent:g}" if settings.dropout_recurrent else "")
        + ("; the output layer reads a tanh" if settings.read_out == "tanh" else "")
        + (f"; penalties of h(t) {settings.activation_penalty:g}" if settings.activation_penalty else "")
        + (f" and of its changes {settings.temporal_penalty:g}" if settings.temporal_penalty else ""),
        f"output layer {settings.output_layer}: {len(situation.counts):,} outputs"
        + (f" in bands that begin at {', '.join(f'{each:,}' for each in cut.cuts)}" if cut.cuts else ""),
    )
